import { describe, expect, it } from "vitest";
import type { Measurement, UnderstudyMeasurement } from "../../bench/processes.ts";
import { brokenPromises, type RowResult, resultTable } from "../../bench/results.ts";
import { benchRows } from "../../bench/rows.ts";

const MB = 1e6;

function theirs(cpu: number): Measurement {
  return { summary: {}, perRequestRows: 1, runCpuSeconds: cpu, processCpuSeconds: cpu, peakRssBytes: 1000 * MB };
}

function ours(cpu: number, changes: Partial<UnderstudyMeasurement> = {}): UnderstudyMeasurement {
  const passes = { passes: 1000, steadyPasses: 900, skippedPasses: 850, preemptions: 0, prefixHitTokens: 0 };
  return { ...theirs(cpu), peakRssBytes: 100 * MB, ...passes, ...changes };
}

function result(name: string, changes: Partial<RowResult>): RowResult {
  const row = benchRows(100_000).find((candidate) => candidate.name === name)!;
  const summary = { largestRelativeError: 1e-12, firstDifference: null, differences: 0 };
  return { row, ours: [ours(0.5)], theirs: [theirs(7)], theirsSummaryOnly: [theirs(3)], summary, ...changes };
}

describe("promises of the benchmark", () => {
  it("hold where ours is fast, small and equal", () => {
    expect(brokenPromises([result("1 worker, c64", {})])).toEqual([]);
  });

  it("break on the median of the CPU seconds", () => {
    const slow = result("1 worker, c64", { ours: [ours(0.1), ours(0.8), ours(0.9)] });
    expect(brokenPromises([slow])).toEqual(["1 worker, c64: 8.8× of DynoSim's speed, promised 10×"]);
  });

  it("break on memory, a summary that differs, and passes walked one by one", () => {
    const summary = { largestRelativeError: 1, firstDifference: "summary duration_ms: 1 instead of 2", differences: 1 };
    const bad = result("8 workers, c512", {
      ours: [ours(0.5, { peakRssBytes: 200 * MB, skippedPasses: 400 })],
      summary,
    });
    expect(brokenPromises([bad])).toEqual([
      "8 workers, c512: summary duration_ms: 1 instead of 2",
      "8 workers, c512: 200 MB, promised 157 MB",
      "8 workers, c512: 44.4% of the steady passes skipped, promised 90%",
    ]);
  });

  it("break where cost grows with tokens", () => {
    const long = result("1 worker, c64, OSL 1000", { ours: [ours(1.2)] });
    expect(brokenPromises([result("1 worker, c64", {}), long])).toEqual([
      "1 worker, c64, OSL 1000: costs 2.40× of 1 worker, c64, promised less than 2×",
    ]);
  });

  it("count what was measured when DynoSim was not", () => {
    const alone = result("1 worker, c64", { theirs: [], theirsSummaryOnly: [], summary: null });
    expect(brokenPromises([alone])).toEqual([]);
    expect(resultTable([alone])[1]).toMatch(/^1 worker, c64 +0\.50 +200,000 .* 94\.4%$/);
  });
});
