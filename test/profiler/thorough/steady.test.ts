import { describe, expect, it } from "vitest";
import { TokenTimes } from "../../../src/profiler/thorough/measure/steady.ts";

/** Requests whose tokens come at the ends of passes from `startMs` on. */
function passes(starts: readonly number[], tokens: number, passMs: (at: number) => number): TokenTimes {
  const times = new TokenTimes(starts.length, tokens);
  const counts = starts.map(() => 0);
  for (let at = Math.min(...starts); counts.some((count) => count < tokens); ) {
    at += passMs(at);
    starts.forEach((start, i) => {
      if (at < start || counts[i]! >= tokens) return;
      counts[i]!++;
      times.add(i, 1, at);
    });
  }
  return times;
}

describe("ITL of a whole batch", () => {
  it("[R078] passes while requests are still coming in don't count", () => {
    // Until 500 ms the passes carry prompts and last five times as long.
    const starts = Array.from({ length: 10 }, (_, i) => i * 50);
    const steady = passes(starts, 200, (at) => (at < 500 ? 50 : 10)).steadyState()!;
    expect(steady.itlMs).toBeCloseTo(10, 6);
    expect(steady.tokensPerSecond).toBeCloseTo((10 * 1000) / 10, 3);
    expect(steady.share).toBe(1);
  });

  it("a context that grows has its middle's ITL", () => {
    const steady = passes([0, 0, 0], 101, (at) => 10 + at / 1000).steadyState()!;
    const all = passes([0, 0, 0], 101, (at) => 10 + at / 1000);
    expect(all.steadyState()!.itlMs).toBeCloseTo(steady.itlMs, 9);
    // Passes grow from 10 ms to about 11.05 ms.
    expect(steady.itlMs).toBeGreaterThan(10.45);
    expect(steady.itlMs).toBeLessThan(10.62);
  });

  it("tokens that come late now and then hardly count", () => {
    const times = new TokenTimes(1, 150);
    for (let i = 0; i < 150; i++) times.add(0, 1, 10 * (i + 1) + (i % 37 === 0 ? 15 : 0));
    expect(times.steadyState()!.itlMs).toBeCloseTo(10, 1);
  });

  it("requests that an engine puts off don't count where they are few", () => {
    const starts = Array.from({ length: 40 }, (_, i) => (i === 39 ? 1900 : 0));
    const steady = passes(starts, 200, () => 10).steadyState()!;
    expect(steady.share).toBe(0.95);
    expect(steady.itlMs).toBeCloseTo(10, 6);
  });

  it("there is none where half of the requests come when the others are done", () => {
    expect(passes([0, 0, 3000, 3000], 100, () => 10).steadyState()).toBeNull();
    expect(new TokenTimes(2, 5).steadyState()).toBeNull();
  });
});
