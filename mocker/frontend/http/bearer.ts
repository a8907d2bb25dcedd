import { createHash, timingSafeEqual } from "node:crypto";
import { invalidApiKey } from "#mocker/protocol";

/** Checks `Authorization: Bearer …` against the keys in constant time. @throws OpenAiError 401 */
export function checkBearer(header: string | undefined, digests: readonly Buffer[]): void {
  const key = /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
  if (key === undefined) throw invalidApiKey("missing");
  const digest = digestOf(key);
  let matches = 0;
  // All are looked at, whichever matches. Digests are of equal length, as the comparison wants.
  for (const known of digests) matches += timingSafeEqual(known, digest) ? 1 : 0;
  if (matches === 0) throw invalidApiKey("wrong");
}

export function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
