import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readWeaknesses,
  testsByWeakness,
  WEAKNESSES_FILE,
  withWeaknessTests,
} from "../../scripts/planner-weaknesses.ts";
import { projectFolder, readProjectFile } from "./project-files.ts";

const document = readProjectFile(WEAKNESSES_FILE);
const rows = readWeaknesses(document);
const tests = testsByWeakness();

describe("the table of the older planners' weaknesses", () => {
  it("has all that users reported and all that their code has, each once, in order", () => {
    const reported = ["D13", "D14a", "D14b", "D14c", "D15a", "D15b", "D15c", "D15d"];
    reported.push(...["D16a", "D16b", "D16c", "D16d", "D17a", "D17b", "D17c", "D17d", "D18"]);
    const parts: Record<number, string[]> = { 16: ["a", "b", "c"], 17: ["a", "b", "c"] };
    const inCode = Array.from({ length: 20 }, (_, i) =>
      (parts[i + 1] ?? [""]).map((part) => `W${i + 1}${part}`),
    ).flat();
    expect(rows.map(({ id }) => id)).toEqual([...reported, ...inCode]);
  });

  it("names the tests that carry a row's number, all of them and no other (node scripts/planner-weaknesses.ts)", () => {
    expect(withWeaknessTests(document, tests)).toBe(document);
  });

  it("has for each row a test that shows the old behaviour and one that holds ours to the same", () => {
    expect(rows.filter(({ shown, held }) => shown.length === 0 || held.length === 0).map(({ id }) => id)).toEqual([]);
  });

  it("knows every number that a title carries", () => {
    const known = new Set(rows.map(({ id }) => id));
    expect([...tests.keys()].filter((tag) => !known.has(tag.split(" ")[0]!))).toEqual([]);
  });

  it("names scenarios that are in the library, of each pair both", () => {
    const named = rows.flatMap(({ scenarios }) => scenarios);
    const missing = named.filter((name) => !existsSync(join(projectFolder, `scenarios/library/${name}.yaml`)));
    expect(missing).toEqual([]);
    for (const { scenarios } of rows.filter((row) => row.scenarios.length > 0)) {
      expect(scenarios.some((name) => name.endsWith("-compat"))).toBe(true);
      expect(scenarios.some((name) => !name.endsWith("-compat"))).toBe(true);
    }
  });
});
