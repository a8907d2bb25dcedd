import { readFileSync } from "node:fs";

/** The package's version; the build writes a package.json of the same shape at the root of what it makes. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
