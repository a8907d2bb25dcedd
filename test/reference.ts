import { existsSync } from "node:fs";
import { describe } from "vitest";
import { referencePath } from "./reference-path.ts";

export { referencePath };

/** `describe` for tests that need reference data: skipped with its reason where the folder is absent, a failure in CI. */
export function describeWithReference(title: string, body: () => void): void {
  const folder = referencePath();
  if (existsSync(folder)) describe(title, body);
  else if (process.env.CI) throw new Error(`${title}: no reference data at ${folder} (UNDERSTUDY_REFERENCE names it)`);
  else describe.skip(`${title} [skipped: no reference data; UNDERSTUDY_REFERENCE names its folder]`, body);
}
