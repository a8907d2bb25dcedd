import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { otherNames } from "../models/names.ts";
import { findGpuSystem } from "../systems/find.ts";
import type { Backend } from "../types.ts";
import type { SupportFile } from "./file.ts";

/** What the package says that it covers. */
export interface SupportedCombination {
  model: string;
  system: string;
  backend: Backend;
  version: string;
  modes: ("agg" | "disagg")[];
}

let file: SupportFile | null = null;

function support(): SupportFile {
  file ??= JSON.parse(
    gunzipSync(readFileSync(fileURLToPath(new URL("../data/support.json.gz", import.meta.url)))).toString(),
  );
  return file!;
}

/** Every combination of model, GPU system, backend and version that aiconfigurator's support matrix passes. */
export function supportedCombinations(): SupportedCombination[] {
  return Object.keys(support().models).flatMap(combinationsOf);
}

/**
 * Whether the package covers a model on a GPU system with a backend, in any version: a list, whatever the tables could say.
 * @param model Hugging Face id, or another name that one goes by
 * @param system any name of it
 */
export function isSupported(model: string, system: string, backend: string): boolean {
  const sheet = findGpuSystem(system)?.name;
  if (sheet === undefined) return false;
  const id = otherNames(model).find((each) => Object.hasOwn(support().models, each));
  return id !== undefined && combinationsOf(id).some((each) => each.system === sheet && each.backend === backend);
}

const combinations = new Map<string, SupportedCombination[]>();

function combinationsOf(model: string): SupportedCombination[] {
  const known = combinations.get(model);
  if (known !== undefined) return known;
  const { cells, models } = support();
  const bits = models[model]!;
  const found = new Map<string, SupportedCombination>();
  for (const [i, cell] of cells.entries()) {
    if (bits[i] !== "1") continue;
    const [system, backend, version, mode] = cell.split(" ") as [string, Backend, string, "agg" | "disagg"];
    const key = `${system} ${backend} ${version}`;
    const combination = found.get(key) ?? { model, system, backend, version, modes: [] };
    combination.modes.push(mode);
    found.set(key, combination);
  }
  const made = [...found.values()];
  combinations.set(model, made);
  return made;
}
