/**
 * Fills the last column of docs/requirements.md: which test files carry a requirement's number in a title.
 *
 *     node scripts/requirements.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testsByTag } from "./test-tags.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
export const REQUIREMENTS_FILE = "docs/requirements.md";
/** Marks a row that no test here can prove: an operator in a cluster does it. */
export const WITH_A_CLUSTER = "*with a cluster*";

export interface Requirement {
  /** `R071` */
  id: string;
  /** The whole line of the table. */
  line: string;
  text: string;
  /** Path of a file or folder, or `WITH_A_CLUSTER`. */
  where: string;
  /** Paths of test files. */
  tests: string[];
}

/** The rows of the table. */
export function readRequirements(document: string): Requirement[] {
  return document.split("\n").flatMap((line) => {
    const cells = /^\| (R\d{3}) \| (.*) \| (.*) \| (.*) \|$/.exec(line);
    if (cells === null) return [];
    const [, id, text, where, tests] = cells as unknown as [string, string, string, string, string];
    const paths = [...tests.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    return [{ id, line, text, where: where.replaceAll("`", ""), tests: paths }];
  });
}

/** Test files by the numbers that their titles begin with. */
export function testsByRequirement(): Map<string, string[]> {
  return testsByTag("R\\d{3}");
}

/** The document with its last column as the titles have it. */
export function withTests(document: string, tests: ReadonlyMap<string, readonly string[]>): string {
  let made = document;
  for (const { id, line, text, where } of readRequirements(document)) {
    const paths = tests.get(id) ?? [];
    const cell = paths.length === 0 ? "–" : paths.map((path) => `\`${path}\``).join(", ");
    const place =
      where === WITH_A_CLUSTER
        ? where
        : where
            .split(", ")
            .map((path) => `\`${path}\``)
            .join(", ");
    made = made.replace(line, () => `| ${id} | ${text} | ${place} | ${cell} |`);
  }
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(project, REQUIREMENTS_FILE);
  const document = readFileSync(path, "utf8");
  const current = withTests(document, testsByRequirement());
  if (process.argv.includes("--check")) process.exitCode = current === document ? 0 : 1;
  else writeFileSync(path, current);
  const open = readRequirements(current).filter((row) => row.tests.length === 0 && row.where !== WITH_A_CLUSTER);
  if (open.length > 0) console.error(`no test yet: ${open.map((row) => row.id).join(" ")}`);
}
