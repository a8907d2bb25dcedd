import { join } from "node:path";
import { writeFileAtomically } from "#common";
import { unreadable } from "./errors.ts";
import { DECODE_JSON, DECODE_NPZ, PREFILL_JSON, PREFILL_NPZ } from "./load.ts";
import { encodeMockerTable } from "./mocker-table.ts";
import { encodeNpz } from "./npz.ts";
import { encodeProfileJson } from "./profile-json.ts";
import { decodeToJson, decodeToNpy, prefillToJson, prefillToNpy } from "./reference-arrays.ts";
import type { MockerTable, Profile } from "./types.ts";

/**
 * Writes the profiler's results folder: two npz files. @returns the files written. @throws UserError
 * PROFILES_UNREADABLE
 */
export function saveResultsFolder(profile: Profile, folder: string): string[] {
  return writeAll([
    [join(folder, PREFILL_NPZ), encodeNpz(prefillToNpy(profile.prefill))],
    [join(folder, DECODE_NPZ), encodeNpz(decodeToNpy(profile.decode))],
  ]);
}

/** Names and contents of the two JSON files that the `planner-profile-data` ConfigMap holds. */
export function encodeJsonPair(profile: Profile): [name: string, text: string][] {
  return [
    [PREFILL_JSON, JSON.stringify(prefillToJson(profile.prefill))],
    [DECODE_JSON, JSON.stringify(decodeToJson(profile.decode))],
  ];
}

/**
 * Writes one half of a profile, for who has measured no more: its npz in the results folder and at the top, and its file of the
 * ConfigMap. @returns the files written. @throws UserError PROFILES_UNREADABLE
 */
export function saveProfileHalf(half: Pick<Profile, "prefill"> | Pick<Profile, "decode">, folder: string): string[] {
  const isPrefill = "prefill" in half;
  const npz = encodeNpz(isPrefill ? prefillToNpy(half.prefill) : decodeToNpy(half.decode));
  const json = isPrefill ? prefillToJson(half.prefill) : decodeToJson(half.decode);
  return writeAll([
    [join(folder, isPrefill ? PREFILL_NPZ : DECODE_NPZ), npz],
    [join(folder, "raw_data.npz"), npz],
    [join(folder, isPrefill ? PREFILL_JSON : DECODE_JSON), `${JSON.stringify(json)}\n`],
  ]);
}

/** Writes the two JSON files of the `planner-profile-data` ConfigMap into a folder. @returns the files written */
export function saveJsonPair(profile: Profile, folder: string): string[] {
  return writeAll(encodeJsonPair(profile).map(([name, text]) => [join(folder, name), `${text}\n`]));
}

/** Writes our own `profile.json`, provenance included. @returns the files written */
export function saveProfileJson(profile: Profile, path: string): string[] {
  return writeAll([[path, encodeProfileJson(profile)]]);
}

/** Writes a mocker table `.npz`. @returns the files written */
export function saveMockerTable(table: MockerTable, path: string): string[] {
  return writeAll([[path, encodeMockerTable(table)]]);
}

function writeAll(files: [path: string, data: string | Uint8Array][]): string[] {
  for (const [path, data] of files) {
    try {
      writeFileAtomically(path, data);
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  return files.map(([path]) => path);
}
