import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const project = fileURLToPath(new URL("..", import.meta.url));
const folder = resolve(process.env.UNDERSTUDY_REFERENCE ?? join(project, "..", "shared", "reference"));

/** A path in the folder of reference data (outputs of the reference implementations), which lies beside the project. */
export function referencePath(...parts: string[]): string {
  return join(folder, ...parts);
}

/** `describe` for tests that need reference data: skipped with its reason where the folder is absent, a failure in CI. */
export function describeWithReference(title: string, body: () => void): void {
  if (existsSync(folder)) describe(title, body);
  else if (process.env.CI) throw new Error(`${title}: no reference data at ${folder} (UNDERSTUDY_REFERENCE names it)`);
  else describe.skip(`${title} [skipped: no reference data; UNDERSTUDY_REFERENCE names its folder]`, body);
}
