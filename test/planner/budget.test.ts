import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allocatedGpus, type BudgetRequest, withinBudget } from "../../planner/core/budget.ts";

const count = (max: number) => fc.integer({ min: 0, max });
const workers = fc.record({ active: count(12), starting: count(5), draining: count(4) });
const gpus = fc.record({ prefill: fc.integer({ min: 1, max: 8 }), decode: fc.integer({ min: 1, max: 8 }) });
const one = { prefill: 1, decode: 1 };

function request(overrides: Partial<BudgetRequest>): BudgetRequest {
  const idle = { active: 1, starting: 0, draining: 0 };
  return {
    wanted: { prefill: 2, decode: 2 },
    minimum: one,
    workers: { prefill: idle, decode: idle },
    gpusPerWorker: one,
    maxGpus: 8,
    roles: ["prefill", "decode"],
    ...overrides,
  };
}

describe("GPU budget", () => {
  it("leaves a wish that fits alone", () => {
    expect(withinBudget(request({}))).toEqual({ targets: { prefill: 2, decode: 2 }, clamps: [] });
  });

  it("splits so that the scarcer role keeps as much of its wish as possible", () => {
    const { targets, clamps } = withinBudget(request({ wanted: { prefill: 8, decode: 4 }, maxGpus: 6 }));
    expect(targets).toEqual({ prefill: 4, decode: 2 });
    expect(clamps.map(({ name }) => name)).toEqual(["maxGpus", "maxGpus"]);
  });

  it("does not give away GPUs of draining workers", () => {
    const busy = { active: 3, starting: 0, draining: 2 };
    const { targets } = withinBudget(
      request({ wanted: { prefill: 5, decode: 3 }, workers: { prefill: busy, decode: { ...busy, draining: 0 } } }),
    );
    expect(targets).toEqual({ prefill: 3, decode: 3 });
  });

  it("does not give away GPUs of workers that it sends away in the same step", () => {
    const { targets } = withinBudget(
      request({
        wanted: { prefill: 6, decode: 2 },
        workers: {
          prefill: { active: 3, starting: 0, draining: 0 },
          decode: { active: 5, starting: 0, draining: 0 },
        },
      }),
    );
    expect(targets).toEqual({ prefill: 3, decode: 2 });
  });

  it("never allocates more than the budget, draining included, and never grows beyond the wish", () => {
    fc.assert(
      fc.property(
        fc.record({ prefill: fc.integer({ min: 1, max: 30 }), decode: fc.integer({ min: 1, max: 30 }) }),
        fc.record({ prefill: workers, decode: workers }),
        gpus,
        fc.integer({ min: 16, max: 120 }),
        (wanted, standing, gpusPerWorker, maxGpus) => {
          const base = request({ wanted, workers: standing, gpusPerWorker, maxGpus });
          const { targets } = withinBudget(base);
          expect(targets.prefill).toBeLessThanOrEqual(wanted.prefill);
          expect(targets.decode).toBeLessThanOrEqual(wanted.decode);
          // What stands already cannot be undone at once; beyond that nothing is ever added.
          const unavoidable = allocatedGpus(base, { prefill: 0, decode: 0 });
          expect(allocatedGpus(base, targets)).toBeLessThanOrEqual(Math.max(maxGpus, unavoidable));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("clamps a single pool to whole workers", () => {
    const { targets } = withinBudget(
      request({
        wanted: { prefill: 0, decode: 9 },
        minimum: { prefill: 0, decode: 1 },
        roles: ["decode"],
        gpusPerWorker: { prefill: 1, decode: 4 },
        maxGpus: 15,
        workers: {
          prefill: { active: 0, starting: 0, draining: 0 },
          decode: { active: 1, starting: 0, draining: 0 },
        },
      }),
    );
    expect(targets).toEqual({ prefill: 0, decode: 3 });
  });
});
