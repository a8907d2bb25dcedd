import { expect, it } from "vitest";
import { brokenRunnerPromises, type RunnerResult, runnerTable } from "../../bench/runner.ts";

const RESULT: RunnerResult = { workers: 500, upSeconds: 12.34, downSeconds: 5, memoryBytes: 1.2e9, processes: 5 };

it("the runner's benchmark fails where many workers take too long, or too much memory", () => {
  expect(brokenRunnerPromises(RESULT)).toEqual([]);
  expect(brokenRunnerPromises({ ...RESULT, upSeconds: 30.1 })).toEqual([
    "500 workers were ready after 30.1 s, promised 30",
  ]);
  expect(brokenRunnerPromises({ ...RESULT, upSeconds: Number.NaN, memoryBytes: 2.1e9 })).toHaveLength(2);
  expect(runnerTable(RESULT).at(-1)).toBe("| 500 | 12.3 | 5.0 | 1200 | 5 |");
});
