import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PLANNER_FLAGS, plannerFields } from "#planner/config";
import { plannerReference } from "../../../scripts/write-planner-reference.ts";
import { read } from "./reading.ts";

const PATH = "docs/planner-config.md";
const text = readFileSync(PATH, "utf8");

it("docs/planner-config.md is what the schema says: node scripts/write-planner-reference.ts", () => {
  expect(text).toBe(plannerReference()[PATH]);
});

it("its examples are accepted", () => {
  const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(() => read(block)).not.toThrow();
});

it("every field but secrets has a flag, and every flag one meaning", () => {
  const names = PLANNER_FLAGS.flatMap(({ name, aliases }) => [name, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
  const secrets = plannerFields().filter(({ secret }) => secret);
  expect(PLANNER_FLAGS.length + secrets.length).toBe(plannerFields().length);
});
