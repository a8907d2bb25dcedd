import { expect, it } from "vitest";
import { brokenProfilingPromises, profilingTable } from "../../bench/rapid-profiling.ts";

const row = { name: "a request", wallSeconds: [2.4, 1.9, 2.1], startUpSeconds: 0.2, files: 29 };

it("counts the median of the wall time without start-up", () => {
  expect(brokenProfilingPromises([row])).toEqual([]);
  expect(profilingTable([row]).at(-1)).toBe("| a request | 1.90 | 2.10 | 0.20 | 29 |");
});

it("breaks the promise at two seconds", () => {
  expect(brokenProfilingPromises([{ ...row, startUpSeconds: 0.1 }])).toEqual([
    "a request: 2.00 s after start-up, promised less than 2 s",
  ]);
});
