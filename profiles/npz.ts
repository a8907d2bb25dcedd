import { inflateSync, zipSync } from "fflate";
import { badDtype, badShape, badZip, missingKey, tooLarge } from "./errors.ts";
import { decodeNpy, encodeNpy, type NpyArray, type NpyInput } from "./npy.ts";

/** An opened `.npz`; arrays are decoded when they are asked for. */
export interface Npz {
  keys: readonly string[];
  has(key: string): boolean;
  /** @throws UserError PROFILES_MISSING_KEY, PROFILES_NPZ_DAMAGED, PROFILES_NPY_… */
  get(key: string): NpyArray;
  /** Numbers of an array with exactly `dimensions` dimensions. @throws as `get`, and PROFILES_NPY_SHAPE */
  numbers(key: string, dimensions: number): { shape: number[]; data: Float64Array };
}

interface Entry {
  name: string;
  method: number;
  crc: number;
  compressedBytes: number;
  bytes: number;
  localOffset: number;
}

/** Far above any profile (a 100 × 100 table is 80 kB), far below what hurts. */
export const MAX_NPZ_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 1000;
/** Deflate cannot do better than 1032 : 1 (zlib's technical details); a higher claim is a lie or a bomb. */
const MAX_DEFLATE_RATIO = 1032;
const UINT32_MAX = 0xffffffff;
/** A fixed time stamp (zip's first), so that equal arrays give equal bytes. */
const ZIP_EPOCH = new Date(1980, 0, 1);

/**
 * Opens an `.npz` as numpy's `savez` (stored) and `savez_compressed` (deflate) write it, ZIP64 included (PKWARE
 * APPNOTE 6.3.9). All sizes are checked against the bytes at hand and against a cap before anything is allocated.
 * @param where names the file in errors
 * @throws UserError PROFILES_NPZ_DAMAGED, PROFILES_TOO_LARGE
 */
export function openNpz(bytes: Uint8Array, where: string): Npz {
  if (bytes.length > MAX_NPZ_BYTES) throw tooLarge(where, bytes.length, MAX_NPZ_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries = new Map<string, Entry>();
  let total = 0;
  for (const entry of readDirectory(view, where)) {
    if (!entry.name.endsWith(".npy")) continue;
    const key = entry.name.slice(0, -4);
    if (/[/\\]|^\.\.?$/.test(key) || key === "")
      throw badZip(where, `found the entry name ${JSON.stringify(entry.name)}`);
    if (entries.has(key)) throw badZip(where, `found the array "${key}" twice`);
    total += entry.bytes;
    if (total > MAX_NPZ_BYTES) throw tooLarge(where, total, MAX_NPZ_BYTES);
    entries.set(key, entry);
  }
  const keys = [...entries.keys()];
  const npz: Npz = {
    keys,
    has: (key) => entries.has(key),
    get: (key) => {
      const entry = entries.get(key);
      if (!entry) throw missingKey(where, key, keys);
      return decodeNpy(readEntry(bytes, view, entry, where), `${where}:${key}`);
    },
    numbers: (key, dimensions) => {
      const array = npz.get(key);
      if (!(array.data instanceof Float64Array)) {
        throw badDtype(`${where}:${key}`, array.dtype, "float64, float32, int64 or int32");
      }
      if (array.shape.length !== dimensions) {
        throw badShape(`${where}:${key}`, array.shape, `${dimensions} dimension${dimensions === 1 ? "" : "s"}`);
      }
      return { shape: array.shape, data: array.data };
    },
  };
  return npz;
}

/**
 * Writes an `.npz` that numpy reads: entries in the given order, stored unless `deflate` is set. Equal arrays give
 * equal bytes.
 */
export function encodeNpz(arrays: Readonly<Record<string, NpyInput>>, options: { deflate?: boolean } = {}): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const [key, array] of Object.entries(arrays)) files[`${key}.npy`] = encodeNpy(array);
  return zipSync(files, { level: options.deflate ? 6 : 0, mtime: ZIP_EPOCH });
}

function readDirectory(view: DataView, where: string): Entry[] {
  const { count, offset } = findDirectory(view, where);
  if (count > MAX_ENTRIES) throw badZip(where, `the zip claims ${count} entries`);
  const entries: Entry[] = [];
  let at = offset;
  for (let i = 0; i < count; i++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== 0x02014b50) {
      throw badZip(where, `the zip's directory is damaged at byte ${at}`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > view.byteLength) throw badZip(where, `the zip's directory is truncated at byte ${at}`);
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameBytes));
    if ((view.getUint16(at + 8, true) & 1) !== 0) throw badZip(where, `the entry "${name}" is encrypted`);
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      ...readSizes(view, at, at + 46 + nameBytes, extraBytes, where),
    });
    at = next;
  }
  return entries;
}

function findDirectory(view: DataView, where: string): { count: number; offset: number } {
  const length = view.byteLength;
  for (let at = length - 22; at >= Math.max(0, length - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const count = view.getUint16(at + 10, true);
    const offset = view.getUint32(at + 16, true);
    const zip64 = count === 0xffff || offset === UINT32_MAX ? findZip64(view, at, where) : undefined;
    return zip64 ?? { count, offset };
  }
  if (length >= 6 && view.getUint32(0, true) === 0x4d554e93) {
    throw badZip(where, "found a single .npy array", "a profile needs several arrays: write them with numpy.savez");
  }
  const opensAsZip = length >= 4 && view.getUint32(0, true) === 0x04034b50;
  throw badZip(where, opensAsZip ? "the zip's end is missing: the file is truncated" : "this is not a zip file");
}

function findZip64(view: DataView, end: number, where: string): { count: number; offset: number } {
  const locator = end - 20;
  if (locator < 0 || view.getUint32(locator, true) !== 0x07064b50) throw badZip(where, "the ZIP64 locator is missing");
  const at = uint64(view, locator + 8, where);
  if (at + 56 > view.byteLength || view.getUint32(at, true) !== 0x06064b50) {
    throw badZip(where, "the ZIP64 end record is missing");
  }
  return { count: uint64(view, at + 32, where), offset: uint64(view, at + 48, where) };
}

/** Sizes and offset of a directory entry; fields of all ones are found in the ZIP64 extra field, in this order. */
function readSizes(
  view: DataView,
  at: number,
  extraAt: number,
  extraBytes: number,
  where: string,
): Pick<Entry, "compressedBytes" | "bytes" | "localOffset"> {
  let compressedBytes = view.getUint32(at + 20, true);
  let bytes = view.getUint32(at + 24, true);
  let localOffset = view.getUint32(at + 42, true);
  const end = extraAt + extraBytes;
  for (let field = extraAt; field + 4 <= end; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== 1) continue;
    let value = field + 4;
    const stop = Math.min(end, value + view.getUint16(field + 2, true));
    const next = (): number => {
      if (value + 8 > stop) throw badZip(where, "the ZIP64 extra field is too short");
      value += 8;
      return uint64(view, value - 8, where);
    };
    if (bytes === UINT32_MAX) bytes = next();
    if (compressedBytes === UINT32_MAX) compressedBytes = next();
    if (localOffset === UINT32_MAX) localOffset = next();
    break;
  }
  return { compressedBytes, bytes, localOffset };
}

function readEntry(bytes: Uint8Array, view: DataView, entry: Entry, where: string): Uint8Array {
  const { name, localOffset } = entry;
  if (localOffset + 30 > bytes.length || view.getUint32(localOffset, true) !== 0x04034b50) {
    throw badZip(where, `the data of "${name}" is not where the directory says`);
  }
  const start = localOffset + 30 + view.getUint16(localOffset + 26, true) + view.getUint16(localOffset + 28, true);
  if (start + entry.compressedBytes > bytes.length) throw badZip(where, `the data of "${name}" is truncated`);
  const data = inflate(bytes.subarray(start, start + entry.compressedBytes), entry, where);
  if (data.length !== entry.bytes) {
    throw badZip(where, `"${name}" holds ${data.length} bytes, not the ${entry.bytes} that the directory claims`);
  }
  if (crc32(data) !== entry.crc) throw badZip(where, `the checksum of "${name}" is wrong`);
  return data;
}

function inflate(compressed: Uint8Array, entry: Entry, where: string): Uint8Array {
  if (entry.method === 0) return compressed;
  if (entry.method !== 8) {
    throw badZip(
      where,
      `"${entry.name}" uses compression method ${entry.method}`,
      "write it with numpy.savez_compressed",
    );
  }
  if (entry.bytes > compressed.length * MAX_DEFLATE_RATIO + 1024) {
    throw badZip(where, `"${entry.name}" claims ${entry.bytes} bytes out of ${compressed.length} compressed ones`);
  }
  try {
    return inflateSync(compressed, { out: new Uint8Array(entry.bytes) });
  } catch (cause) {
    throw badZip(where, `"${entry.name}" cannot be inflated (${cause instanceof Error ? cause.message : cause})`);
  }
}

function uint64(view: DataView, at: number, where: string): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw badZip(where, `found the size ${value}`);
  return value;
}

let crcTable: Uint32Array | undefined;

/** CRC-32 as zip uses it (ISO 3309, reflected, polynomial 0xEDB88320). */
function crc32(bytes: Uint8Array): number {
  if (!crcTable) {
    crcTable = new Uint32Array(256);
    for (let n = 0; n < 256; n++) {
      let c = n;
      for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
      crcTable[n] = c;
    }
  }
  let crc = UINT32_MAX;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ UINT32_MAX) >>> 0;
}
