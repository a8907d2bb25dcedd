import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RowFile } from "#src/record";
import { ResultStore } from "#src/study";
import { evaluate } from "../../src/cli/judge/evaluate.ts";
import { externalPlanner } from "../../src/cli/judge/external.ts";
import { JudgeRunner } from "../../src/cli/judge/runner.ts";
import type { JudgeTask } from "../../src/cli/judge/tasks.ts";
import { observation } from "../planner/observations.ts";
import { SMALL_SCENARIO } from "./run-understudy.ts";

let folder: string;
let threads: Worker[];
const onWorker = (worker: Worker) => threads.push(worker);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-judge-runner-test-"));
  writeFileSync(join(folder, "small.yaml"), SMALL_SCENARIO);
  threads = [];
  process.on("worker", onWorker);
});
afterEach(async () => {
  process.off("worker", onWorker);
  await Promise.all(threads.map((thread) => thread.terminate()));
  rmSync(folder, { recursive: true, force: true });
});

function task(what: JudgeTask["what"], more: Partial<JudgeTask> = {}): JudgeTask {
  return { file: join(folder, "small.yaml"), set: [], seed: 1, maxGpus: 4, what, ...more };
}
const baseline = task.bind(null, { kind: "planner", planner: { kind: "baseline", name: "default", setting: 0 } });
const nobody = task.bind(null, {
  kind: "planner",
  planner: { kind: "http", name: "mine", url: "http://127.0.0.1:9", timeoutMs: 2000 },
});
const COMMON = { rowsInMemory: 1000 };
const never = new AbortController().signal;
const ignored = () => {};

describe("the runner of a judgement", { timeout: 120_000 }, () => {
  it("takes a run that was checked for another than one that was not", async () => {
    const runner = new JudgeRunner(null, COMMON, 1, never);
    await runner.run([baseline()], ignored);
    expect(runner.outcome(baseline())).toMatchObject({ passed: true });
    expect(runner.outcome(baseline({ check: true }))).toBeUndefined();
    await runner.close();
  });

  it("counts what the store got, and that once", async () => {
    const file = join(folder, "judge.sqlite");
    const first = ResultStore.open(file, false);
    const runner = new JudgeRunner(first, COMMON, 1, never);
    await runner.run([baseline(), baseline()], ignored);
    expect(runner.kept).toBe(1);
    await runner.close();
    first.close();
    const again = ResultStore.open(file, true);
    const resumed = new JudgeRunner(again, COMMON, 1, never);
    await resumed.run([baseline(), baseline({ seed: 2 })], ignored);
    expect(resumed.kept).toBe(1);
    await resumed.close();
    again.close();
    const unkept = new JudgeRunner(null, COMMON, 1, never);
    await unkept.run([baseline()], ignored);
    expect(unkept.kept).toBe(0);
    await unkept.close();
  });

  it("ends all that is in work where a planner outside fails", async () => {
    const runner = new JudgeRunner(null, COMMON, 1, never);
    // A search that takes hours.
    const search = task({ kind: "hindsight", floor: 0.99, runs: { clair: 1_000_000, oracle: 1_000_000 } });
    await expect(runner.run([search, nobody()], ignored)).rejects.toThrow(/ECONNREFUSED/);
    await runner.close();
    expect(threads.length).toBeGreaterThanOrEqual(2);
    // Threads that have ended have no number any more.
    expect(threads.map(({ threadId }) => threadId).filter((id) => id >= 0)).toEqual([]);
  });
});

describe("a planner outside", { timeout: 120_000 }, () => {
  it("that can't be opened is said with its reason, in answer to the first tick", () => {
    const planner = externalPlanner(
      { kind: "store", name: "mine", store: "ftp://127.0.0.1/x", timeoutMs: 1000 },
      {
        mode: "disagg",
        sla: { ttftMs: 200, itlMs: 10 },
        gpusPerWorker: { prefill: 1, decode: 1 },
        maxGpus: 4,
        minWorkers: { prefill: 1, decode: 1 },
      },
    );
    try {
      expect(() => planner.tick(observation(5000, 4))).toThrow(/ftp:/);
    } finally {
      planner.close();
    }
  });
});

describe("a task of a judgement", { timeout: 120_000 }, () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  const ways: [string, () => JudgeTask][] = [
    ["a planner's run", () => baseline({ check: true })],
    ["the search for static deployments", () => task({ kind: "static", floor: 0.99 }, { maxGpus: 3 })],
    ["plans in hindsight", () => task({ kind: "hindsight", floor: 0.99, runs: { clair: 2, oracle: 1 } })],
  ];
  it.each(ways)("has the same outcome with the rows of requests on disk: %s", async (_, asked) => {
    const written = vi.spyOn(RowFile.prototype, "write");
    const outcome = (rowsInMemory: number) => {
      // Searches that are done are not looked up.
      vi.stubEnv("XDG_CACHE_HOME", join(folder, `cache-${rowsInMemory}`));
      return evaluate(asked(), { rowsInMemory });
    };
    const kept = await outcome(10_000);
    expect(written).not.toHaveBeenCalled();
    expect(kept).toMatchObject({ passed: true });
    expect(await outcome(100)).toEqual(kept);
    expect(written).toHaveBeenCalled();
  });
});
