import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunOutcome } from "#src/study";
import { ShardRunner } from "../../src/cli/sweep/runners.ts";
import { SMALL_SCENARIO } from "./run-understudy.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-shard-runner-test-"));
  file = join(folder, "small.yaml");
  writeFileSync(file, SMALL_SCENARIO.replace(/planner: .*\n/, ""));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const COMMON = { engine: "skipping", rowsInMemory: 1000 } as const;
const seeds = (count: number) => Array.from({ length: count }, (_, i) => ({ file, set: [], seed: i + 1 }));

describe("runs in shards", { timeout: 240_000 }, () => {
  it("are handed over shard by shard, and stay where the others are ended", async () => {
    // One shard more than run at a time.
    const shards = availableParallelism() + 1;
    const interrupted = new AbortController();
    const runner = new ShardRunner(COMMON, { shards }, interrupted.signal);
    const outcomes = new Map<number, RunOutcome>();
    await runner.run(seeds(2 * shards), (index, outcome) => {
      outcomes.set(index, outcome);
      interrupted.abort();
    });
    expect(outcomes.size).toBeGreaterThanOrEqual(2);
    expect(outcomes.size).toBeLessThan(2 * shards);
    for (const [index, outcome] of outcomes) expect(outcome).toMatchObject({ seed: index + 1 });
    // Both runs of a shard.
    for (const index of outcomes.keys()) expect(outcomes.has((index + shards) % (2 * shards))).toBe(true);
  });

  it("on this machine may name files by absolute paths", async () => {
    const trace = join(folder, "trace.jsonl");
    writeFileSync(
      trace,
      `${JSON.stringify({ timestamp: 0, input_length: 600, output_length: 10, hash_ids: [1, 2] })}\n`,
    );
    writeFileSync(file, SMALL_SCENARIO.replace(/ {2}- constant: .*/, `  - trace: { file: ${trace} }`));
    const outcomes: RunOutcome[] = [];
    const runner = new ShardRunner(COMMON, { shards: 1 }, new AbortController().signal);
    await runner.run(seeds(1), (index, outcome) => {
      outcomes[index] = outcome;
    });
    expect(outcomes).toMatchObject([{ measures: { requests: 1 } }]);
  });
});
