import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunKeys } from "../../src/cli/sweep/memory.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-run-keys-test-"));
  mkdirSync(join(folder, "inputs"));
  writeFileSync(join(folder, "inputs", "a.jsonl"), "a\n");
  writeFileSync(join(folder, "inputs", "b.jsonl"), "b\n");
  writeFileSync(join(folder, "small.yaml"), "traffic: [{ trace: { file: inputs/a.jsonl } }]\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keys = (common: unknown = {}) => new RunKeys(join(folder, "small.yaml"), common);
const setting = (value: unknown) => [{ path: ["profile"], value }];

describe("keys of runs", () => {
  it("hang on the scenario, the files that it names, what is set, the files that that names, and the seed", () => {
    const runs = () => [
      keys().of({ set: [], seed: 1 }),
      keys().of({ set: setting("./inputs"), seed: 1 }),
      keys().of({ set: setting("inputs/b.jsonl"), seed: 1 }),
    ];
    const before = runs();
    expect(runs()).toEqual(before);
    const different = [keys().of({ set: [], seed: 2 }), keys("more").of({ set: [], seed: 1 })];
    expect(new Set([...before, ...different]).size).toBe(5);
    appendFileSync(join(folder, "inputs", "b.jsonl"), "c\n");
    expect(runs().map((key, i) => key === before[i])).toEqual([true, false, false]);
    appendFileSync(join(folder, "inputs", "a.jsonl"), "c\n");
    expect(runs()[0]).not.toBe(before[0]);
  });

  it("stay what they are while a sweep runs: named files are read once", () => {
    const same = keys();
    const before = same.of({ set: setting("inputs/b.jsonl"), seed: 1 });
    appendFileSync(join(folder, "inputs", "b.jsonl"), "c\n");
    expect(same.of({ set: setting("inputs/b.jsonl"), seed: 1 })).toBe(before);
    expect(keys().of({ set: setting("inputs/b.jsonl"), seed: 1 })).not.toBe(before);
  });
});
