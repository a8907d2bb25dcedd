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
  const folder = dirname(file);
  return textsIn(parse(text)).flatMap((value) => {
    if (value.includes("\n") || !/[\\/.]/.test(value)) return [];
    const place = resolve(folder, value);
    if (!existsSync(place)) return [];
    if (isAbsolute(value)) throw absolutePath(file, value);
    return [place];
  });
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
