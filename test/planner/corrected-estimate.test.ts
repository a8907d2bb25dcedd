import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ForwardPass, PassModel } from "#planner/core";
import { CorrectedEstimate } from "../../planner/core/load-compat/regression/corrected-estimate.ts";

/** 5 ms, 20 µs a prompt token, 50 µs a sequence, 1 µs a KV token; the slowest rank sets the pace. */
const estimate: PassModel = {
  passMs: (ranks) =>
    Math.max(
      ...ranks.map(
        ({ prefillTokens, decodeRequests, decodeKvTokens }) =>
          5 + 0.02 * prefillTokens + 0.05 * decodeRequests + 0.001 * decodeKvTokens,
      ),
    ),
};
const options = { maxSamples: 64, buckets: 16, minSamples: 5 };
const limits = { maxBatchedTokens: 8000, maxSequences: 400, maxKvTokens: 800_000 };
const model = (more: Partial<typeof options> = {}) => new CorrectedEstimate(estimate, { ...options, ...more }, limits);

const load = (prefillTokens: number, decodeRequests = 0, decodeKvTokens = 0) => ({
  prefillTokens,
  decodeRequests,
  decodeKvTokens,
});
type Load = ReturnType<typeof load>;

/** A pass of an engine, one entry a rank, that took `factor` times what is estimated. */
function measured(ranks: readonly Load[], factor: number): ForwardPass[] {
  const ms = estimate.passMs(ranks)! * factor;
  return ranks.map((scheduled, dpRank) => ({
    workerId: "w",
    dpRank,
    counterId: 1,
    wallTimeS: ms / 1000,
    scheduled: { prefillRequests: scheduled.prefillTokens > 0 ? 1 : 0, prefillKvTokens: 0, ...scheduled },
    queued: { prefillRequests: 0, prefillTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
  }));
}

const factorAt = (corrected: CorrectedEstimate, asked: Load) => corrected.passMs([asked])! / estimate.passMs([asked])!;

describe("an estimator of passes that is corrected by passes", () => {
  it("answers from the start, as it estimates", () => {
    expect(model().passMs([load(3000)])).toBe(65);
    expect(model().passMs([load(0, 10, 30_000)])).toBe(35.5);
  });

  it("takes no notice of a kind of passes before there are enough of it", () => {
    const corrected = model();
    for (let i = 0; i < 4; i++) corrected.learnPasses(measured([load(3000)], 1.4));
    // Those of another kind do not count.
    for (let i = 0; i < 9; i++) corrected.learnPasses(measured([load(0, 10, 30_000)], 0.8));
    expect(factorAt(corrected, load(3000))).toBe(1);
    corrected.learnPasses(measured([load(3000)], 1.4));
    expect(factorAt(corrected, load(3000))).toBeCloseTo(1.4, 12);
    expect(factorAt(corrected, load(0, 10, 30_000))).toBeCloseTo(0.8, 12);
  });

  it("corrects where passes were measured, and nowhere else", () => {
    const corrected = model();
    for (let i = 0; i < 6; i++) corrected.learnPasses(measured([load(3000 + i)], 1.3));
    for (let i = 0; i < 6; i++) corrected.learnPasses(measured([load(7000 + i)], 0.9));
    // Sixteen buckets of 500 tokens.
    expect(factorAt(corrected, load(3499))).toBeCloseTo(1.3, 12);
    expect(factorAt(corrected, load(7100))).toBeCloseTo(0.9, 12);
    expect(factorAt(corrected, load(500))).toBe(1);
    expect(factorAt(corrected, load(3500))).toBe(1);
    // A kind of its own: prompts beside decoding.
    expect(factorAt(corrected, load(3000, 10, 30_000))).toBe(1);
  });

  it("goes by the median, so that single passes that hung do not count", () => {
    const corrected = model();
    for (const factor of [1.1, 1.1, 1.1, 2, 2]) corrected.learnPasses(measured([load(3000)], factor));
    expect(factorAt(corrected, load(3000))).toBeCloseTo(1.1, 12);
    corrected.learnPasses(measured([load(3000)], 2));
    expect(factorAt(corrected, load(3000))).toBeCloseTo((1.1 + 2) / 2, 12);
  });

  it("corrects by half and double at most, each pass bounded by itself", () => {
    for (const [factor, bounded] of [
      [0.1, 0.5],
      [30, 2],
    ] as const) {
      const corrected = model();
      for (let i = 0; i < 5; i++) corrected.learnPasses(measured([load(3000)], factor));
      expect(factorAt(corrected, load(3000))).toBeCloseTo(bounded, 12);
    }
  });

  it("leaves alone what lies beyond the engine's limits, asked or measured", () => {
    const corrected = model();
    for (let i = 0; i < 9; i++) corrected.learnPasses(measured([load(8001)], 1.5));
    expect(factorAt(corrected, load(8001))).toBe(1);
    expect(factorAt(corrected, load(7999))).toBe(1);
    for (let i = 0; i < 5; i++) corrected.learnPasses(measured([load(8000)], 1.5));
    expect(factorAt(corrected, load(7999))).toBeCloseTo(1.5, 12);
    expect(factorAt(corrected, load(8001))).toBe(1);
  });

  it("forgets: of the fullest bucket the oldest go", () => {
    const corrected = model({ maxSamples: 10 });
    for (let i = 0; i < 10; i++) corrected.learnPasses(measured([load(3000)], 1.5));
    for (let i = 0; i < 10; i++) corrected.learnPasses(measured([load(3000)], 0.9));
    expect(factorAt(corrected, load(3000))).toBeCloseTo(0.9, 12);
  });

  it("knows a pass of several ranks by the most that any has, and its time by the slowest", () => {
    const corrected = model();
    const ranks = [load(0, 20, 60_000), load(0, 40, 90_000)];
    for (let i = 0; i < 5; i++) corrected.learnPasses(measured(ranks, 1.2));
    expect(factorAt(corrected, load(0, 40, 90_000))).toBeCloseTo(1.2, 12);
    expect(corrected.passMs(ranks)).toBeCloseTo(1.2 * estimate.passMs(ranks)!, 12);
  });

  it("learns nothing from heartbeats, and knows nothing where the estimator does not", () => {
    const corrected = model();
    for (let i = 0; i < 9; i++) corrected.learnPasses(measured([load(3000)], 0));
    expect(factorAt(corrected, load(3000))).toBe(1);
    const unknown = new CorrectedEstimate({ passMs: () => null }, options, limits);
    for (let i = 0; i < 9; i++) unknown.learnPasses(measured([load(3000)], 1));
    expect(unknown.passMs([load(3000)])).toBeNull();
  });

  it("is always within half and double of the estimate, whatever is measured", () => {
    const anyLoad = fc.record({
      prefillTokens: fc.integer({ min: 0, max: 9000 }),
      decodeRequests: fc.integer({ min: 0, max: 500 }),
      decodeKvTokens: fc.integer({ min: 0, max: 900_000 }),
    });
    const pass = fc.tuple(anyLoad, fc.double({ min: 0, max: 100, noNaN: true }));
    fc.assert(
      fc.property(fc.array(pass, { maxLength: 150 }), anyLoad, (all, asked) => {
        const corrected = model();
        for (const [each, factor] of all) corrected.learnPasses(measured([each], factor));
        const factor = factorAt(corrected, asked);
        expect(factor).toBeGreaterThanOrEqual(0.5 - 1e-12);
        expect(factor).toBeLessThanOrEqual(2 + 1e-12);
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});
