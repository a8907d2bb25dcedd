import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder, and those above it, where they are missing. One by one: Node's own recursive way tries for ever where a parent
 * that exists answers "no such file", as `/proc` does.
 * @param mode rights of each folder that is made, less those of the process's mask. Default: all
 * @throws the system's error: EEXIST where a file has that name
 */
export function makeFolder(path: string, mode?: number): void {
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !statSync(path).isDirectory()) throw error;
  }
}
