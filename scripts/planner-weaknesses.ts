/**
 * Fills the last columns of docs/planner-weaknesses.md: which tests show an older planner's behaviour, which hold ours to the same
 * claim, and how to run both.
 *
 *     node scripts/planner-weaknesses.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testsByTag } from "./test-tags.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
export const WEAKNESSES_FILE = "docs/planner-weaknesses.md";

export interface Weakness {
  /** `W6`, `D15a` */
  id: string;
  /** The whole line of the table. */
  line: string;
  text: string;
  /** Names of library scenarios. */
  scenarios: string[];
  shown: string[];
  held: string[];
  command: string;
}

/** The rows of the tables. */
export function readWeaknesses(document: string): Weakness[] {
  return document.split("\n").flatMap((line) => {
    const cells = /^\| ([DW]\d+[a-z]?) \| (.*) \| (.*) \| (.*) \| (.*) \| (.*) \|$/.exec(line);
    if (cells === null) return [];
    const [, id, text, scenarios, shown, held, command] = cells as unknown as string[] & { length: 7 };
    const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    return [
      {
        id: id!,
        line,
        text: text!,
        scenarios: names(scenarios!),
        shown: names(shown!),
        held: names(held!),
        command: command!,
      },
    ];
  });
}

/** Test files by `W6 shown` and `W6 held`. */
export function testsByWeakness(): Map<string, string[]> {
  return testsByTag("[DW]\\d+[a-z]? (?:shown|held)");
}

/** The document with its last columns as the titles have them. */
export function withWeaknessTests(document: string, tests: ReadonlyMap<string, readonly string[]>): string {
  let made = document;
  const code = (texts: readonly string[]) => (texts.length === 0 ? "–" : texts.map((text) => `\`${text}\``).join(", "));
  for (const { id, line, text, scenarios } of readWeaknesses(document)) {
    const shown = tests.get(`${id} shown`) ?? [];
    const held = tests.get(`${id} held`) ?? [];
    const files = [...new Set([...shown, ...held])];
    const command = files.length === 0 ? "–" : `\`npx vitest run ${files.join(" ")} -t "${id} "\``;
    const cells = [id, text, code(scenarios), code(shown), code(held), command];
    made = made.replace(line, () => `| ${cells.join(" | ")} |`);
  }
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(project, WEAKNESSES_FILE);
  const document = readFileSync(path, "utf8");
  const current = withWeaknessTests(document, testsByWeakness());
  if (process.argv.includes("--check")) process.exitCode = current === document ? 0 : 1;
  else writeFileSync(path, current);
  const open = readWeaknesses(current).filter(({ shown, held }) => shown.length === 0 || held.length === 0);
  if (open.length > 0) console.error(`not both ways yet: ${open.map(({ id }) => id).join(" ")}`);
}
