import fc from "fast-check";
import { describe, expect, it } from "vitest";
// Internals of the search: what a room's door does not show.
import { allocation, leadSteps, limitGpus } from "../../../src/study/hindsight/allocation.ts";

const needs = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 });

describe("allocation", () => {
  it("starts two steps ahead, and keeps a worker through a gap of two steps but not of three", () => {
    expect([...allocation([1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 2], 2)]).toEqual([1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2]);
  });

  it("without start-up holds what is needed", () => {
    expect([...allocation([1, 3, 2], 0)]).toEqual([1, 3, 2]);
  });

  it("holds enough in time, and nothing that no later step within the start-up needs", () => {
    fc.assert(
      fc.property(needs, fc.integer({ min: 0, max: 8 }), (need, lead) => {
        const held = allocation(need, lead);
        for (let i = 0; i < need.length; i++) {
          const ahead = need.slice(i, i + lead + 1);
          expect(ahead.every((workers) => held[i]! >= workers)).toBe(true);
          expect(ahead).toContain(held[i]);
        }
      }),
    );
  });

  it("is the cheapest way to have the need ready: each worker by itself, started anew or kept", () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 0, max: 4 }),
        (on, lead) => {
          const need = on.map(Number);
          const held = allocation(need, lead);
          expect(held.reduce((sum, workers) => sum + workers, 0)).toBe(cheapest(need, lead));
        },
      ),
    );
  });
});

/** Fewest steps in which one worker is held that is ready whenever it is needed, by trying every way to hold it. */
function cheapest(need: readonly number[], lead: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 2 ** need.length; mask++) {
    const isHeld = (i: number) => ((mask >> i) & 1) === 1;
    // Ready: held for the whole start-up before (what was held from the beginning is ready), and now.
    const isReady = (i: number) =>
      isHeld(i) && Array.from({ length: Math.min(lead, i) }, (_, k) => isHeld(i - 1 - k)).every(Boolean);
    if (!need.every((workers, i) => workers === 0 || isReady(i))) continue;
    best = Math.min(best, need.filter((_, i) => isHeld(i)).length);
  }
  return best;
}

describe("leadSteps", () => {
  it("rounds up, but not for a rounding error", () => {
    expect([0, 1, 5000, 5001, 30_000].map((ms) => leadSteps(ms, 5000))).toEqual([0, 1, 1, 2, 6]);
  });
});

describe("limitGpus", () => {
  it("takes from the role that has most for its load, and leaves one of each", () => {
    const held = { prefill: Int32Array.of(4, 1, 1), decode: Int32Array.of(4, 5, 1) };
    const load = { prefill: [3.5, 1, 1], decode: [1.5, 4, 1] };
    limitGpus(held, load, { gpusPerWorker: { prefill: 1, decode: 1 }, maxGpus: 5 });
    expect([...held.prefill]).toEqual([3, 1, 1]);
    expect([...held.decode]).toEqual([2, 4, 1]);
    limitGpus(held, load, { gpusPerWorker: { prefill: 1, decode: 1 }, maxGpus: 1 });
    expect([...held.prefill, ...held.decode]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});
