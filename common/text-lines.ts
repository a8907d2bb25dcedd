import { closeSync, fstatSync, globSync, openSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { crc32 } from "node:zlib";

/** Loaded with the first file that is packed: it makes tables, and every command would wait for them. */
const loadFflate = () => createRequire(import.meta.url)("fflate") as typeof import("fflate");

const CHUNK_BYTES = 2 ** 20;
/** Checksum and length at the end of gzip data. */
const TRAILER_BYTES = 8;
/** Longest line that a reader of lines takes, characters. */
export const MAX_LINE_CHARS = 16 * 2 ** 20;

/** Makes the error of a file that cannot be read; `found` completes "found …". */
export type UnreadableFile = (file: string, found: string, hint?: string) => Error;

/**
 * Reads a text file, plain or gzip, line by line; memory holds a piece of it. A byte-order mark is left out.
 * @param visit takes a line without its end and its number from 1; false ends the reading. A line longer than `MAX_LINE_CHARS`
 * is given as far as it was read, and must be refused.
 */
export function readTextLines(
  file: string,
  visit: (line: string, number: number) => boolean,
  unreadable: UnreadableFile,
): void {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let number = 0;
  const take = (bytes: Uint8Array): boolean => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (!visit(line, ++number)) return false;
    return rest.length <= MAX_LINE_CHARS || visit(rest, number + 1);
  };
  for (const bytes of fileBytes(file, unreadable)) if (!take(bytes)) return;
  rest += decoder.decode();
  if (rest !== "") visit(rest, number + 1);
}

/** The files that a path or a pattern (`*`, `?`, `[…]`, `{…}`) names, in order of their names. */
export function matchingFiles(path: string, unreadable: UnreadableFile): string[] {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return [path];
  if (!/[*?[{]/.test(path)) throw unreadable(path, "no such file");
  const matches = globSync(path).sort();
  if (matches.length === 0) throw unreadable(path, "no file that matches");
  return matches;
}

function* fileBytes(file: string, unreadable: UnreadableFile): Generator<Uint8Array> {
  const handle = open(file, unreadable);
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    let bytes = readSync(handle, buffer);
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) {
      yield* unpacked(file, handle, buffer.slice(0, bytes), unreadable);
      return;
    }
    for (; bytes > 0; bytes = readSync(handle, buffer)) yield buffer.subarray(0, bytes);
  } finally {
    closeSync(handle);
  }
}

function* unpacked(file: string, handle: number, first: Uint8Array, unreadable: UnreadableFile): Generator<Uint8Array> {
  let made: Uint8Array[] = [];
  let sum = 0;
  let length = 0;
  const { Gunzip } = loadFflate();
  const gunzip = new Gunzip((bytes) => {
    sum = crc32(bytes, sum);
    length += bytes.length;
    made.push(bytes);
  });
  gunzip.onmember = () => {
    sum = 0;
    length = 0;
  };
  let tail: Uint8Array = new Uint8Array(0);
  let next = first;
  do {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const after = buffer.subarray(0, readSync(handle, buffer));
    tail = Uint8Array.from([...tail, ...next.subarray(-TRAILER_BYTES)]).slice(-TRAILER_BYTES);
    try {
      gunzip.push(next, after.length === 0);
    } catch {
      throw damaged(file, unreadable);
    }
    next = after;
    const ready = made;
    made = [];
    yield* ready;
  } while (next.length > 0);
  // The inflater itself takes an end that is missing for one that is there.
  const trailer = new DataView(tail.buffer);
  if (
    tail.length < TRAILER_BYTES ||
    trailer.getUint32(0, true) !== sum ||
    trailer.getUint32(4, true) !== length >>> 0
  ) {
    throw damaged(file, unreadable);
  }
}

function damaged(file: string, unreadable: UnreadableFile): Error {
  return unreadable(file, "gzip data that is damaged or cut off", "copy or record it again");
}

function open(file: string, unreadable: UnreadableFile): number {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw unreadable(file, code === "ENOENT" ? "no such file" : `a file that cannot be opened (${code})`);
  }
  if (!fstatSync(handle).isDirectory()) return handle;
  closeSync(handle);
  throw unreadable(file, "a directory", "name its files, such as FOLDER/*.jsonl");
}
