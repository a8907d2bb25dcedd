import { existsSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { parse } from "yaml";
import { absolutePath } from "#src/executor";

/**
 * Files and folders that a scenario, or traffic, names: all its texts that lead to something that is there, from the folder of its
 * own file. What it names in vain is its reader's business.
 * @param file whose text it is; a flag's name for a text of the command line
 * @throws UserError EXECUTOR_ABSOLUTE_PATH
 */
export function referencedFiles(text: string, file: string): string[] {
  const named = filesNamedIn(parse(text), dirname(file));
  const absolute = named.find(({ written }) => isAbsolute(written));
  if (absolute !== undefined) throw absolutePath(file, absolute.written);
  return named.map(({ place }) => place);
}

/** All texts of a value that lead to a file or folder that is there, from `folder`. */
export function filesNamedIn(value: unknown, folder: string): { written: string; place: string }[] {
  return textsIn(value).flatMap((written) => {
    if (written.includes("\n") || !/[\\/.]/.test(written)) return [];
    const place = resolve(folder, written);
    return existsSync(place) ? [{ written, place }] : [];
  });
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
