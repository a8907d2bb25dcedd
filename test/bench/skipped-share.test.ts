import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { benchRows } from "../../bench/rows.ts";
import { benchSpec } from "../../bench/spec.ts";

// 1024 workers with 65,536 in flight are more than this many requests can show.
const rows = benchRows(1500).filter((row) => row.name !== "1024 workers, c65536");

/** A quarter of a minute of computing for the longest, which other work beside it makes minutes. */
const PATIENCE_MS = 600_000;

describe.each(rows)("the benchmark's row $name", { timeout: PATIENCE_MS }, (row) => {
  it("skips at least 90 % of the passes in which the batch can't change, as the stepping engine counts them", async () => {
    const stepping = simulate(await benchSpec(row, "stepping")).engine;
    const skipping = simulate(await benchSpec(row, "skipping")).engine;
    expect(stepping.steadyPasses).toBeGreaterThan(100);
    expect(skipping.passes).toBe(stepping.passes);
    expect(skipping.skippedPasses / stepping.steadyPasses).toBeGreaterThanOrEqual(0.9);
  });
});

it("the benchmark has a row that hits the prefix cache and one that preempts", async () => {
  const specs = await Promise.all(rows.map((row) => benchSpec(row)));
  const counters = specs.map((spec) => simulate(spec).engine);
  expect(counters.some(({ prefixHitTokens }) => prefixHitTokens > 0)).toBe(true);
  expect(counters.some(({ preemptions }) => preemptions > 0)).toBe(true);
});
