import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectFolder = fileURLToPath(new URL("../..", import.meta.url));

/** Paths, relative to the project, of its files: those git knows and new ones that it does not ignore. */
export function projectFiles(): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", args, { cwd: projectFolder, encoding: "utf8" }).split("\0");
  return listed.filter((path) => path !== "" && existsSync(join(projectFolder, path)));
}

export function readProjectFile(path: string): string {
  return readFileSync(join(projectFolder, path), "utf8");
}
