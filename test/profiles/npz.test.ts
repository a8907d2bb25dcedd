import { deflateSync } from "fflate";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { decodeNpy, encodeNpy, encodeNpz, openNpz } from "#profiles";

const values = encodeNpy({ dtype: "<f8", shape: [3], data: [1, 2, 3] });

/** A zip of one entry with whatever the header fields are to claim. */
function zip(
  data: Uint8Array,
  claims: { name?: string; method?: number; bytes?: number; crc?: number; copies?: number; flags?: number } = {},
): Uint8Array {
  const honest = encodeNpz({ a: { dtype: "<f8", shape: [3], data: [1, 2, 3] } });
  const crc = claims.crc ?? new DataView(honest.buffer, honest.byteOffset).getUint32(14, true);
  const name = new TextEncoder().encode(claims.name ?? "a.npy");
  const copies = claims.copies ?? 1;
  const local = new Uint8Array(30 + name.length + data.length);
  const central = new Uint8Array(46 + name.length);
  const end = new Uint8Array(22);
  const views = [local, central, end].map((bytes) => new DataView(bytes.buffer)) as [DataView, DataView, DataView];
  const bytes = claims.bytes ?? data.length;
  views[0].setUint32(0, 0x04034b50, true);
  views[0].setUint16(26, name.length, true);
  local.set(name, 30);
  local.set(data, 30 + name.length);
  views[1].setUint32(0, 0x02014b50, true);
  views[1].setUint16(8, claims.flags ?? 0, true);
  views[1].setUint16(10, claims.method ?? 0, true);
  views[1].setUint32(16, crc, true);
  views[1].setUint32(20, data.length, true);
  views[1].setUint32(24, bytes, true);
  views[1].setUint16(28, name.length, true);
  central.set(name, 46);
  views[2].setUint32(0, 0x06054b50, true);
  views[2].setUint16(10, copies, true);
  views[2].setUint32(16, local.length, true);
  const all = new Uint8Array(local.length + copies * central.length + end.length);
  all.set(local);
  for (let i = 0; i < copies; i++) all.set(central, local.length + i * central.length);
  all.set(end, local.length + copies * central.length);
  return all;
}

function npy(header: string, data = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 0xff, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}

function errorOf(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("expected a UserError");
}

const readAll = (bytes: Uint8Array): unknown => {
  const npz = openNpz(bytes, "file.npz");
  return npz.keys.map((key) => npz.get(key));
};

describe("an npz", () => {
  it("reads what it writes, stored and deflated, with equal bytes for equal arrays", () => {
    const arrays = { x: { dtype: "<i4" as const, shape: [2, 2], data: [1, 2, 3, 4] } };
    for (const deflate of [false, true]) {
      const bytes = encodeNpz(arrays, { deflate });
      expect(bytes).toEqual(encodeNpz(arrays, { deflate }));
      expect(openNpz(bytes, "x").get("x")).toEqual({ dtype: "<i4", shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) });
    }
  });

  it("reads the helper's honest zip (or the refusals below would prove nothing)", () => {
    expect(openNpz(zip(values), "x").numbers("a", 1).data).toEqual(Float64Array.of(1, 2, 3));
  });

  it("truncated anywhere ends in an error that names the file", () => {
    const whole = encodeNpz({ a: { dtype: "<f8", shape: [3], data: [1, 2, 3] } });
    for (let length = 0; length < whole.length; length++) {
      const error = errorOf(() => readAll(whole.slice(0, length)));
      expect(error.code).toBe("PROFILES_NPZ_DAMAGED");
      expect(error.where).toBe("file.npz");
      expect(error.exitCode).toBe(2);
    }
  });

  it.each([
    ["a wrong checksum", zip(values, { crc: 1 }), /checksum of "a.npy" is wrong/],
    ["a size that the data does not have", zip(values, { bytes: values.length - 1 }), /holds 152 bytes, not the 151/],
    ["one name twice", zip(values, { copies: 2 }), /found the array "a" twice/],
    ["a path as a name", zip(values, { name: "../a.npy" }), /found the entry name "\.\.\/a"|"\.\.\/a\.npy"/],
    ["a folder in a name", zip(values, { name: "a\\b.npy" }), /found the entry name/],
    ["an encrypted entry", zip(values, { flags: 1 }), /is encrypted/],
    ["an unknown compression", zip(values, { method: 12 }), /compression method 12/],
    ["deflated rubbish", zip(new Uint8Array(99).fill(0xff), { method: 8, bytes: 100 }), /cannot be inflated|holds/],
    ["more entries than it has", zip(values).map((byte, i, all) => (i === all.length - 12 ? 200 : byte)), /damaged/],
    [
      "a claim that deflate cannot keep",
      zip(deflateSync(values), { method: 8, bytes: 50_000_000 }),
      /claims 50000000 bytes/,
    ],
    ["no zip at all", new TextEncoder().encode("hello, this is no zip file"), /not a zip/],
    ["a single npy", values, /a single \.npy array/],
  ])("with %s is refused", (_, bytes, message) => {
    const error = errorOf(() => readAll(bytes));
    expect(error.code).toBe("PROFILES_NPZ_DAMAGED");
    expect(error.message).toMatch(message);
  });

  it("that claims more than the cap is refused before anything is inflated", () => {
    const bomb = zip(deflateSync(new Uint8Array(1 << 20)), { method: 8, bytes: 0xf0000000 });
    expect(errorOf(() => openNpz(bomb, "file.npz")).code).toBe("PROFILES_TOO_LARGE");
  });

  it("that inflates to more than it claims is refused", () => {
    const liar = zip(deflateSync(new Uint8Array(1 << 20)), { method: 8, bytes: 1000 });
    expect(errorOf(() => readAll(liar)).code).toBe("PROFILES_NPZ_DAMAGED");
  });

  it("without the array asked for names those it has", () => {
    const error = errorOf(() => openNpz(zip(values, { name: "prefill_ils.npy" }), "f.npz").get("prefill_isl"));
    expect(error).toMatchObject({ code: "PROFILES_MISSING_KEY", hint: 'did you mean "prefill_ils"?' });
  });

  it("with another number of dimensions than expected is refused", () => {
    const error = errorOf(() => openNpz(zip(values), "f.npz").numbers("a", 2));
    expect(error).toMatchObject({ code: "PROFILES_NPY_SHAPE", where: "f.npz:a" });
  });
});

describe("an npy", () => {
  const header = (shape: string, descr = "'<f8'", order = "False"): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

  it.each([
    [
      "a claim of 10 GB",
      npy(header("(1250000000,)")),
      "PROFILES_NPY_DAMAGED",
      /claims 10000000000 bytes.*but 0 follow/,
    ],
    ["a claim beyond all numbers", npy(header(`(${"9,".repeat(20)})`)), "PROFILES_NPY_DAMAGED", /claims/],
    ["billions of empty strings", npy(header("(4000000000,)", "'<U0'")), "PROFILES_NPY_DAMAGED", /empty strings/],
    ["more dimensions than numpy has", npy(header(`(${"1,".repeat(99)})`)), "PROFILES_NPY_DAMAGED", /shape/],
    ["a negative length", npy(header("(-1,)")), "PROFILES_NPY_DAMAGED", /no valid 'shape'/],
    ["a pickle", npy(header("(1,)", "'|O'")), "PROFILES_NPY_DTYPE", /found dtype \|O/],
    ["complex numbers", npy(header("(1,)", "'<c16'")), "PROFILES_NPY_DTYPE", /found dtype <c16/],
    ["a record", npy(header("(1,)", "[('x', '<f8')]")), "PROFILES_NPY_DTYPE", /found dtype a record/],
    ["code instead of a header", npy("__import__('os').system('true')"), "PROFILES_NPY_DAMAGED", /not a dictionary/],
    ["no order", npy("{'descr': '<f8', 'shape': (1,)}"), "PROFILES_NPY_DAMAGED", /no valid 'fortran_order'/],
    ["a header longer than the file", npy(header("(0,)")).slice(0, 30), "PROFILES_NPY_DAMAGED", /truncated/],
    ["version 9", values.map((byte, i) => (i === 6 ? 9 : byte)), "PROFILES_NPY_DAMAGED", /version 9/],
    ["data cut short", values.slice(0, -1), "PROFILES_NPY_DAMAGED", /claims 24 bytes.*but 23 follow/],
    [
      "an integer beyond 2^53",
      npy(header("(1,)", "'<i8'"), new Uint8Array(8).fill(0x7f)),
      "PROFILES_BAD_VALUE",
      /2\^53/,
    ],
  ])("with %s is refused", (_, bytes, code, message) => {
    const error = errorOf(() => decodeNpy(bytes, "a"));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it("in Fortran order comes out in C order", () => {
    const data = new Uint8Array(Float64Array.of(1, 4, 2, 5, 3, 6).buffer);
    expect(decodeNpy(npy(header("(2, 3)", "'<f8'", "True"), data), "a").data).toEqual(
      Float64Array.of(1, 2, 3, 4, 5, 6),
    );
  });

  it("cannot be written with a shape that its data does not have", () => {
    expect(() => encodeNpy({ dtype: "<f8", shape: [2], data: [1] })).toThrow(RangeError);
  });
});
