import { badDtype, badNpy, badValue } from "./errors.ts";

/** Element types that are read; all but strings and booleans are written too. */
export type NpyDtype = "<f8" | "<f4" | "<i8" | "<i4";

/**
 * One array, elements in C (row-major) order whatever the file's order was. Strings (`<U8`) and booleans (0, 1) are
 * read only.
 */
export interface NpyArray {
  dtype: string;
  shape: number[];
  data: Float64Array | string[];
}

export interface NpyInput {
  dtype: NpyDtype;
  shape: readonly number[];
  data: ArrayLike<number>;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_HEADER_BYTES = 65_536;
const MAX_DIMENSIONS = 32;

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  dataOffset: number;
}

/**
 * Reads one `.npy` array, versions 1 to 3 (numpy's NEP 1). Sizes are checked against the bytes at hand before anything
 * is allocated.
 * @param where names the array in errors
 * @throws UserError PROFILES_NPY_DAMAGED, PROFILES_NPY_DTYPE, PROFILES_BAD_VALUE (an int64 beyond 2^53)
 */
export function decodeNpy(bytes: Uint8Array, where: string): NpyArray {
  const header = readHeader(bytes, where);
  const { type, itemBytes, littleEndian } = elementType(header.descr, where);
  const count = header.shape.reduce((product, length) => product * length, 1);
  const expected = count * itemBytes;
  const available = bytes.length - header.dataOffset;
  if (!Number.isSafeInteger(expected) || expected > available) {
    throw badNpy(
      where,
      `the header claims ${expected} bytes of data (shape (${header.shape.join(", ")}), ${header.descr}) but ${available} follow`,
      "the file is truncated or its header is wrong",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.dataOffset, expected);
  if (type === "U") {
    return { dtype: header.descr, shape: header.shape, data: readStrings(view, count, itemBytes, littleEndian, where) };
  }
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = readNumber(view, i * itemBytes, type, littleEndian, where);
  return {
    dtype: header.descr,
    shape: header.shape,
    data: header.fortranOrder ? toRowMajor(data, header.shape) : data,
  };
}

/** Writes one `.npy` array, version 1, little endian, C order, data aligned to 64 bytes as numpy does. */
export function encodeNpy(array: NpyInput): Uint8Array {
  const itemBytes = array.dtype === "<f8" || array.dtype === "<i8" ? 8 : 4;
  const count = array.shape.reduce((product, length) => product * length, 1);
  if (count !== array.data.length) {
    throw new RangeError(`shape (${array.shape.join(", ")}) holds ${count} elements, not ${array.data.length}`);
  }
  const shape = array.shape.length === 1 ? `(${array.shape[0]},)` : `(${array.shape.join(", ")})`;
  const text = `{'descr': '${array.dtype}', 'fortran_order': False, 'shape': ${shape}, }`;
  const headerBytes = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(headerBytes + count * itemBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes[6] = 1;
  view.setUint16(8, headerBytes - 10, true);
  bytes.fill(0x20, 10, headerBytes - 1);
  bytes[headerBytes - 1] = 0x0a;
  for (let i = 0; i < text.length; i++) bytes[10 + i] = text.charCodeAt(i);
  for (let i = 0; i < count; i++) writeNumber(view, headerBytes + i * itemBytes, array.dtype, array.data[i]!);
  return bytes;
}

function readHeader(bytes: Uint8Array, where: string): Header {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw badNpy(where, "the first bytes are not those of an .npy array");
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw badNpy(where, `found .npy version ${version}.${bytes[7]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (version > 1 && bytes.length < 12) throw badNpy(where, "the header is truncated");
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) throw badNpy(where, `the header claims ${length} bytes`);
  if (start + length > bytes.length) throw badNpy(where, "the header is truncated");
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, start + length));
  return { ...parseHeaderText(text, where), dataOffset: start + length };
}

/** The header is a Python dict literal with three known keys; nothing else is accepted. */
function parseHeaderText(text: string, where: string): Omit<Header, "dataOffset"> {
  const field = (name: string, pattern: string): string => {
    const found = new RegExp(`['"]${name}['"]\\s*:\\s*(${pattern})\\s*[,}]`).exec(text)?.[1];
    if (found === undefined) {
      if (name === "descr" && /['"]descr['"]\s*:\s*\[/.test(text)) throw badDtype(where, "a record", "a plain number");
      throw badNpy(where, `the header has no valid '${name}': ${text.trim().slice(0, 120)}`);
    }
    return found;
  };
  if (!/^\s*\{[^{}]*\}\s*$/.test(text)) throw badNpy(where, `the header is not a dictionary: ${text.slice(0, 60)}`);
  const descr = field("descr", "'[^']{1,16}'|\"[^\"]{1,16}\"").slice(1, -1);
  const fortranOrder = field("fortran_order", "True|False") === "True";
  const shape = field("shape", "\\([0-9L, ]*\\)")
    .slice(1, -1)
    .split(",")
    .map((part) => part.trim().replace(/L$/, ""))
    .filter((part) => part !== "")
    .map(Number);
  if (shape.length > MAX_DIMENSIONS || shape.some((length) => !Number.isSafeInteger(length))) {
    throw badNpy(where, "the header's shape is not usable");
  }
  return { descr, fortranOrder, shape };
}

type ElementKind = "f8" | "f4" | "i8" | "i4" | "b1" | "U";

function elementType(descr: string, where: string): { type: ElementKind; itemBytes: number; littleEndian: boolean } {
  const match = /^([<>|=])(f8|f4|i8|i4|b1|U(\d{1,6}))$/.exec(descr);
  if (!match) throw badDtype(where, descr, "float64, float32, int64 or int32");
  const littleEndian = match[1] !== ">";
  if (match[3] !== undefined) return { type: "U", itemBytes: 4 * Number(match[3]), littleEndian };
  const type = match[2] as ElementKind;
  return { type, itemBytes: type === "b1" ? 1 : Number(type[1]), littleEndian };
}

function readNumber(view: DataView, at: number, type: ElementKind, littleEndian: boolean, where: string): number {
  switch (type) {
    case "f8":
      return view.getFloat64(at, littleEndian);
    case "f4":
      return view.getFloat32(at, littleEndian);
    case "i4":
      return view.getInt32(at, littleEndian);
    case "i8": {
      const value = Number(view.getBigInt64(at, littleEndian));
      if (!Number.isSafeInteger(value)) throw badValue(where, value, "an integer within ±2^53");
      return value;
    }
    default:
      return view.getUint8(at) === 0 ? 0 : 1;
  }
}

function writeNumber(view: DataView, at: number, dtype: NpyDtype, value: number): void {
  if (dtype === "<f8") view.setFloat64(at, value, true);
  else if (dtype === "<f4") view.setFloat32(at, value, true);
  else if (dtype === "<i8") view.setBigInt64(at, BigInt(Math.trunc(value)), true);
  else view.setInt32(at, value, true);
}

function readStrings(view: DataView, count: number, itemBytes: number, littleEndian: boolean, where: string): string[] {
  if (itemBytes === 0 && count > view.byteLength + 1024)
    throw badNpy(where, `the header claims ${count} empty strings`);
  const strings: string[] = [];
  for (let i = 0; i < count; i++) {
    let text = "";
    for (let at = i * itemBytes; at < (i + 1) * itemBytes; at += 4) {
      const code = view.getUint32(at, littleEndian);
      if (code === 0) break;
      if (code > 0x10ffff) throw badNpy(where, `found the character code ${code}`);
      text += String.fromCodePoint(code);
    }
    strings.push(text);
  }
  return strings;
}

function toRowMajor(data: Float64Array, shape: readonly number[]): Float64Array {
  const strides: number[] = [];
  let stride = 1;
  for (const length of shape) {
    strides.push(stride);
    stride *= length;
  }
  const result = new Float64Array(data.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let d = 0; d < shape.length; d++) at += index[d]! * strides[d]!;
    result[i] = data[at]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      if (index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
  return result;
}
