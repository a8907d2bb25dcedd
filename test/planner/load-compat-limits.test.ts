import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundPair, boundSingle, withinPower } from "#planner/core";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);
const seed = (fallback: number) => Number(process.env.UNDERSTUDY_FUZZ_SEED ?? fallback);
const whole = (max: number, min = 0) => fc.integer({ min, max });
const byRole = <T>(arbitrary: fc.Arbitrary<T>) => fc.record({ prefill: arbitrary, decode: arbitrary });

describe("GPU bounds", () => {
  it("two pools never take more than the upper one, and keep their minimum or get nothing", () => {
    fc.assert(
      fc.property(
        byRole(whole(30)),
        byRole(whole(8, 1)),
        byRole(whole(4)),
        fc.option(whole(60)),
        whole(60),
        (wanted, gpus, minimum, minGpus, maxGpus) => {
          const found = boundPair(wanted, gpus, { minGpus, maxGpus }, minimum);
          expect(found.prefill * gpus.prefill + found.decode * gpus.decode).toBeLessThanOrEqual(maxGpus);
          for (const role of ["prefill", "decode"] as const) {
            const isKept = found[role] >= Math.min(minimum[role], wanted[role]);
            expect(isKept || (found.prefill === 0 && found.decode === 0)).toBe(true);
          }
        },
      ),
      { numRuns: RUNS, seed: seed(1) },
    );
  });

  it("one pool keeps the upper one as long as the lower one does not raise it; there the reference goes above", () => {
    fc.assert(
      fc.property(whole(30), whole(8, 1), whole(60), whole(4), (wanted, gpus, maxGpus, minimum) => {
        const found = boundSingle(wanted, gpus, { minGpus: null, maxGpus }, minimum);
        expect(found * gpus).toBeLessThanOrEqual(maxGpus);
      }),
      { numRuns: RUNS, seed: seed(2) },
    );
    expect(boundSingle(0, 4, { minGpus: 5, maxGpus: 7 }, 0) * 4).toBe(8);
  });
});

describe("the power limit", () => {
  const request = fc.record({
    wanted: byRole(whole(12)),
    current: byRole(whole(12)),
    wattsPerReplica: byRole(fc.constantFrom(350, 500, 700, 1400)),
    limitWatts: whole(12_000, 700),
    minimum: byRole(whole(2)),
  });

  it("holds for whatever was cut down, and growth never waits where it fits", () => {
    fc.assert(
      fc.property(request, (given) => {
        const { targets, outcome } = withinPower(given);
        const watts = ({ prefill, decode }: { prefill: number | null; decode: number | null }) =>
          (prefill ?? 0) * given.wattsPerReplica.prefill + (decode ?? 0) * given.wattsPerReplica.decode;
        if (outcome === null || outcome === "power_budget_clamped") {
          expect(watts(targets)).toBeLessThanOrEqual(given.limitWatts);
        }
        if (outcome === "power_rebalance_staged") {
          // As in the reference: no more than what stands, but that may already be too much.
          for (const role of ["prefill", "decode"] as const)
            expect(targets[role]!).toBeLessThanOrEqual(given.current[role]);
        }
        if (outcome === "infeasible") expect(watts(given.minimum)).toBeGreaterThan(given.limitWatts);
      }),
      { numRuns: RUNS, seed: seed(3) },
    );
  });
});
