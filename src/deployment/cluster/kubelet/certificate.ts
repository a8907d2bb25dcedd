import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** DER of the algorithm ecdsa-with-SHA256 (RFC 5758), of the attribute commonName and of the extension subjectAltName (RFC 5280). */
const ECDSA_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");
/** Kubernetes' own serving certificates of kubelets last so long, ms. */
const LIFE_MS = 365 * 24 * 3_600_000;
/** Clocks are not all the same. */
const SKEW_MS = 3_600_000;

/**
 * A key and a certificate that it signed itself (X.509 v3, ECDSA on P-256), both PEM: what a kubelet makes that nobody has given any.
 * @param address IPv4, such as `127.0.0.1`
 * @param nowMs Unix ms
 */
export function selfSignedCertificate(name: string, address: string, nowMs: number): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(ECDSA_SHA256);
  const subject = sequence(element(0x31, sequence(COMMON_NAME, element(0x0c, Buffer.from(name.slice(0, 64))))));
  const alternatives = sequence(element(0x87, Buffer.from(address.split(".").map(Number))));
  const certificate = sequence(
    element(0xa0, element(0x02, Buffer.of(2))),
    element(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    subject,
    sequence(time(nowMs - SKEW_MS), time(nowMs + LIFE_MS)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(sequence(SUBJECT_ALT_NAME, element(0x04, alternatives)))),
  );
  const signature = element(0x03, Buffer.concat([Buffer.of(0), sign("sha256", certificate, privateKey)]));
  const lines = sequence(certificate, algorithm, signature)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

/** Tag, length, content. */
function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...bytes), content]);
}

/** GeneralizedTime holds any year; RFC 5280 wants UTCTime until 2049. */
function time(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? element(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : element(0x18, Buffer.from(`${digits}Z`));
}
