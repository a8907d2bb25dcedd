import { describe, expect, it } from "vitest";
import { parseDynosimCase, replayDynosimCase } from "#src/conformance";
import { type BenchRow, benchRows } from "../../bench/rows.ts";

function caseOf(row: BenchRow) {
  const call = { args: row.args, kwargs: row.kwargs };
  const content = { name: row.name, call, normalized_engine_args: row.engines, summary: {}, per_request: [] };
  return parseDynosimCase(content, row.name);
}

// 1024 workers with 65,536 in flight are more than this many requests can show.
const rows = benchRows(1500).filter((row) => row.name !== "1024 workers, c65536");

describe.each(rows)("the benchmark's row $name", (row) => {
  it("skips at least 90 % of the passes in which the batch can't change, as the stepping engine counts them", () => {
    const stepping = replayDynosimCase(caseOf(row), "stepping").result.engine;
    const skipping = replayDynosimCase(caseOf(row), "skipping").result.engine;
    expect(stepping.steadyPasses).toBeGreaterThan(100);
    expect(skipping.passes).toBe(stepping.passes);
    expect(skipping.skippedPasses / stepping.steadyPasses).toBeGreaterThanOrEqual(0.9);
  });
});

it("the benchmark has a row that hits the prefix cache and one that preempts", () => {
  const counters = rows.map((row) => replayDynosimCase(caseOf(row)).result.engine);
  expect(counters.some(({ prefixHitTokens }) => prefixHitTokens > 0)).toBe(true);
  expect(counters.some(({ preemptions }) => preemptions > 0)).toBe(true);
});
