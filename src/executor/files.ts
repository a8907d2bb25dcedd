import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { makeFolder } from "#common";
import { tooLarge } from "./errors.ts";

/** Files as a value, in their places to each other. */
export interface PackedFiles {
  /** The folder that relative paths start from, relative to the common root; empty for the root itself. */
  cwd: string;
  /** Contents in base64 by path from the common root. */
  contents: Record<string, string>;
}

/** Files of more, as they lie on the disk, are no input of a pod. */
const MOST_BYTES = 64 * 2 ** 20;

/** Files of a profile that are one with another: the halves of results, and of a ConfigMap. */
function companions(path: string): string[] {
  const folder = dirname(path);
  const name = basename(path);
  const beside = (parent: string, wanted: (entry: string) => string) =>
    readdirSync(parent)
      .map((entry) => join(parent, wanted(entry)))
      .filter((file) => existsSync(file) && statSync(file).isFile());
  if (name === "raw_data.npz") return beside(dirname(folder), (entry) => join(entry, name));
  if (name.endsWith("_raw_data.json")) {
    return beside(folder, (entry) => entry).filter((file) => file.endsWith("_raw_data.json"));
  }
  return [path];
}

function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return companions(path);
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}

/**
 * Reads files and whole folders so that `unpackFiles` can lay them out elsewhere, where the same relative paths lead to them.
 * @param cwd the folder that relative paths start from
 * @throws UserError EXECUTOR_TOO_LARGE
 */
export function collectFiles(paths: readonly string[], cwd: string): PackedFiles {
  const files = new Set(paths.flatMap((path) => filesAt(resolve(cwd, path))));
  const root = commonRoot([cwd, ...[...files].map(dirname)]);
  const contents: Record<string, string> = {};
  let bytes = 0;
  for (const file of [...files].sort()) {
    bytes += statSync(file).size;
    if (bytes > MOST_BYTES) throw tooLarge(file, bytes, MOST_BYTES);
    contents[slashed(relative(root, file))] = readFileSync(file).toString("base64");
  }
  return { cwd: slashed(relative(root, cwd)), contents };
}

/** Lays files out under `folder`. @returns the folder that relative paths start from */
export function unpackFiles({ cwd, contents }: PackedFiles, folder: string): string {
  const inside = (path: string) => {
    const place = resolve(folder, path);
    const way = relative(folder, place);
    if (way.startsWith("..") || isAbsolute(way)) throw new Error(`${path} leads out of the folder of the job`);
    return place;
  };
  for (const [path, content] of Object.entries(contents)) {
    const file = inside(path);
    makeFolder(dirname(file));
    writeFileSync(file, Buffer.from(content, "base64"));
  }
  const start = inside(cwd);
  makeFolder(start);
  return start;
}

function commonRoot(folders: readonly string[]): string {
  const [first = [], ...others] = folders.map((folder) => resolve(folder).split(sep));
  const length = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return (length < 0 ? first : first.slice(0, length)).join(sep) || sep;
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}
