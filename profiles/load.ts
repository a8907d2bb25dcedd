import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "#common";
import { mockerTableToProfile } from "./convert.ts";
import { missingKey, notFound, tooLarge, unknownFormat, unknownName, unreadable } from "./errors.ts";
import { decodeMockerTable, isMockerTable } from "./mocker-table.ts";
import { MAX_NPZ_BYTES, type Npz, openNpz } from "./npz.ts";
import { decodeJsonPair, decodeProfileJson } from "./profile-json.ts";
import { npzSource, readDecode, readPrefill } from "./reference-arrays.ts";
import type { DecodeSamples, MockerTable, PrefillSamples, Profile } from "./types.ts";
import { requireSound } from "./validation/validate.ts";

/** The files of the results folder of Dynamo's SLA profiler. */
export const PREFILL_NPZ = join("selected_prefill_interpolation", "raw_data.npz");
export const DECODE_NPZ = join("selected_decode_interpolation", "raw_data.npz");
/** The files of its `planner-profile-data` ConfigMap. */
export const PREFILL_JSON = "prefill_raw_data.json";
export const DECODE_JSON = "decode_raw_data.json";
const PROFILE_JSON = "profile.json";

const CHUNK_BYTES = 65_536;
const shippedFolder = fileURLToPath(new URL("./data/", import.meta.url));

export interface LoadOptions {
  /** Accept a profile with errors (NaN, negative values …), to inspect or validate it. Default: refuse it. */
  allowUnsound?: boolean;
}

/** Names of the profiles that come with Understudy, sorted. */
export function shippedProfiles(): string[] {
  if (!existsSync(shippedFolder)) return [];
  return readdirSync(shippedFolder)
    .filter((name) => existsSync(join(shippedFolder, name, PROFILE_JSON)))
    .sort();
}

/**
 * Loads a profile: the name of a shipped one, a folder (profiler results, ConfigMap mount, `profile.json`), an `.npz`
 * (one half of the results, whose other half lies beside it; or a mocker table) or a `.json` file.
 * @throws UserError with exit code 2 for everything that is wrong with the name, the file or its data
 */
export function loadProfile(nameOrPath: string, options: LoadOptions = {}): Profile {
  const profile = existsSync(nameOrPath) ? loadPath(nameOrPath) : loadShipped(nameOrPath);
  if (!options.allowUnsound) requireSound(profile, nameOrPath);
  return profile;
}

/** Loads a mocker table `.npz` as it is. @throws UserError */
export function loadMockerTable(path: string): MockerTable {
  return decodeMockerTable(open(path), path);
}

function loadShipped(name: string): Profile {
  const known = shippedProfiles();
  if (!known.includes(name)) throw /[/\\]|\.(npz|json)$/.test(name) ? notFound(name) : unknownName(name, known);
  const path = join(shippedFolder, name, PROFILE_JSON);
  return decodeProfileJson(readText(path), name, name);
}

function loadPath(path: string): Profile {
  const name = basename(path).replace(/\.(npz|json)$/, "");
  if (isFolder(path)) return loadFolder(path, name);
  const bytes = readBytes(path);
  const opens = (text: string): boolean => [...text].every((char, i) => bytes[i] === char.charCodeAt(0));
  if (path.endsWith(".npz") || opens("PK") || opens("\x93NUMPY")) return loadNpz(path, bytes, name);
  const folder = dirname(path);
  if (basename(path) === PREFILL_JSON || basename(path) === DECODE_JSON) return loadJsonPair(folder, basename(folder));
  return decodeProfileJson(decodeText(bytes), path, name === "profile" ? basename(folder) : name);
}

function loadFolder(path: string, name: string): Profile {
  const has = (file: string): boolean => existsSync(join(path, file));
  if (has(PROFILE_JSON)) return decodeProfileJson(readText(join(path, PROFILE_JSON)), join(path, PROFILE_JSON), name);
  if (has(PREFILL_NPZ) || has(DECODE_NPZ)) return loadNpzPair(path, name);
  if (has(PREFILL_JSON) || has(DECODE_JSON)) return loadJsonPair(path, name);
  throw unknownFormat(path, "a folder without profile data");
}

function loadNpzPair(folder: string, name: string): Profile {
  const prefillPath = join(folder, PREFILL_NPZ);
  const decodePath = join(folder, DECODE_NPZ);
  requireFile(folder, prefillPath, PREFILL_NPZ);
  requireFile(folder, decodePath, DECODE_NPZ);
  return {
    name,
    prefill: readPrefill(npzSource(open(prefillPath), prefillPath)),
    decode: readDecode(npzSource(open(decodePath), decodePath)),
    provenance: {},
  };
}

/** One half of the results folder; null where it is not there. @throws UserError where it can't be read */
export function loadProfileHalf(folder: string, half: "prefill"): PrefillSamples | null;
export function loadProfileHalf(folder: string, half: "decode"): DecodeSamples | null;
export function loadProfileHalf(folder: string, half: "prefill" | "decode"): PrefillSamples | DecodeSamples | null;
export function loadProfileHalf(folder: string, half: "prefill" | "decode"): PrefillSamples | DecodeSamples | null {
  const path = join(folder, half === "prefill" ? PREFILL_NPZ : DECODE_NPZ);
  if (!existsSync(path)) return null;
  const source = npzSource(open(path), path);
  return half === "prefill" ? readPrefill(source) : readDecode(source);
}

function loadNpz(path: string, bytes: Uint8Array, name: string): Profile {
  const npz = openNpz(bytes, path);
  if (isMockerTable(npz)) return mockerTableToProfile(decodeMockerTable(npz, path), name);
  if (npz.has("prefill_isl") && npz.has("x_kv_usage")) {
    const source = npzSource(npz, path);
    return { name, prefill: readPrefill(source), decode: readDecode(source), provenance: {} };
  }
  if (npz.has("prefill_isl") || npz.has("x_kv_usage")) {
    const results = dirname(dirname(path));
    if (existsSync(join(results, PREFILL_NPZ)) || existsSync(join(results, DECODE_NPZ))) {
      return loadNpzPair(results, basename(results));
    }
  }
  throw unknownFormat(path, `an .npz with ${npz.keys.slice(0, 10).join(", ") || "no arrays"}`);
}

function loadJsonPair(folder: string, name: string): Profile {
  const read = (file: string) => {
    const where = join(folder, file);
    requireFile(folder, where, file);
    return { text: readText(where), where };
  };
  return decodeJsonPair(read(PREFILL_JSON), read(DECODE_JSON), name);
}

function requireFile(folder: string, path: string, file: string): void {
  if (!existsSync(path)) throw missingKey(folder, file, readdirSync(folder));
}

function open(path: string): Npz {
  return openNpz(readBytes(path), path);
}

function readText(path: string): string {
  return decodeText(readBytes(path));
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The whole file, or an error beyond the cap, also of what has no size to ask for (a pipe, a device). */
function readBytes(path: string): Uint8Array {
  let file: number | undefined;
  try {
    const { size } = statSync(path);
    if (size > MAX_NPZ_BYTES) throw tooLarge(path, size, MAX_NPZ_BYTES);
    file = openSync(path, "r");
    const chunks: Uint8Array[] = [];
    for (let total = 0; ; ) {
      const chunk = new Uint8Array(Math.max(size, CHUNK_BYTES));
      const count = readSync(file, chunk);
      if (count === 0) return Buffer.concat(chunks);
      total += count;
      if (total > MAX_NPZ_BYTES) throw tooLarge(path, total, MAX_NPZ_BYTES);
      chunks.push(chunk.subarray(0, count));
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}
