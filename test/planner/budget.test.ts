import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resourceLimits, type Targets } from "#planner/core";
import { allocatedWorkers, type BudgetRequest, raisedToFloor, withinBudget } from "../../planner/core/budget.ts";
import { exceeded, usage } from "../../planner/core/limits.ts";

const count = (max: number) => fc.integer({ min: 0, max });
const workers = fc.record({ active: count(12), starting: count(5), draining: count(4) });
const gpus = fc.record({ prefill: fc.integer({ min: 1, max: 8 }), decode: fc.integer({ min: 1, max: 8 }) });
const one = { prefill: 1, decode: 1 };

interface Budget extends Omit<BudgetRequest, "limits"> {
  gpusPerWorker: Targets;
  maxGpus: number;
}

function request({ gpusPerWorker = one, maxGpus = 8, ...overrides }: Partial<Budget>): BudgetRequest {
  const idle = { active: 1, starting: 0, draining: 0 };
  return {
    wanted: { prefill: 2, decode: 2 },
    minimum: one,
    workers: { prefill: idle, decode: idle },
    limits: resourceLimits({ maxGpus }, gpusPerWorker),
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
          const gpus = (workers: Targets) => usage(base.limits[0]!, base.roles, allocatedWorkers(base, workers));
          expect(gpus(targets)).toBeLessThanOrEqual(Math.max(maxGpus, gpus({ prefill: 0, decode: 0 })));
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

  it("keeps each role within its own limit, and power within its", () => {
    const perWorker = { prefill: 2, decode: 4 };
    const limits = resourceLimits(
      {
        maxGpus: 24,
        maxGpusOf: { prefill: 6 },
        maxPowerWatts: 9000,
        wattsPerWorker: { prefill: 1000, decode: 2500 },
      },
      perWorker,
    );
    const { targets, clamps } = withinBudget({ ...request({ wanted: { prefill: 6, decode: 4 } }), limits });
    // Three prefill workers by their own limit; beside them two decode workers draw 8 kW, three would draw 10.5 kW.
    expect(targets).toEqual({ prefill: 3, decode: 2 });
    expect(clamps.map(({ name, role }) => [name, role])).toEqual([
      ["maxGpus.prefill", "prefill"],
      ["maxGpus", "decode"],
    ]);
  });

  it("splits by what workers cost: eight GPUs are one big decode worker, or four prefill workers and half of it", () => {
    const gpusPerWorker = { prefill: 1, decode: 4 };
    const { targets } = withinBudget(request({ wanted: { prefill: 8, decode: 2 }, gpusPerWorker, maxGpus: 8 }));
    expect(targets).toEqual({ prefill: 4, decode: 1 });
  });

  it("lets a minimum yield that does not fit: limits are hard", () => {
    const { targets } = withinBudget(
      request({ wanted: { prefill: 9, decode: 9 }, minimum: { prefill: 9, decode: 9 }, maxGpus: 6 }),
    );
    expect(targets).toEqual({ prefill: 3, decode: 3 });
  });

  it("fills up to a floor of GPUs, evenly by what was wanted, as far as the limits allow", () => {
    const wish = { wanted: { prefill: 2, decode: 4 }, maxGpus: 12 };
    const { targets, clamps } = raisedToFloor(request(wish), wish.wanted, 9, one);
    expect(targets).toEqual({ prefill: 3, decode: 6 });
    expect(clamps.every(({ name }) => name === "minGpus")).toBe(true);
    expect(raisedToFloor(request({ ...wish, maxGpus: 7 }), wish.wanted, 9, one).targets).toEqual({
      prefill: 2,
      decode: 5,
    });
  });

  it("exceeds no limit of any kind", () => {
    const amount = fc.option(fc.integer({ min: 20, max: 90 }), { nil: null });
    fc.assert(
      fc.property(
        fc.record({ prefill: fc.integer({ min: 0, max: 30 }), decode: fc.integer({ min: 0, max: 30 }) }),
        fc.record({ prefill: workers, decode: workers }),
        gpus,
        fc.record({ maxGpus: amount, prefill: amount, decode: amount, watts: amount }),
        fc.integer({ min: 0, max: 60 }),
        (wanted, standing, gpusPerWorker, { maxGpus, prefill, decode, watts }, minGpus) => {
          const limits = resourceLimits(
            {
              maxGpus,
              maxGpusOf: { prefill, decode },
              maxPowerWatts: watts,
              wattsPerWorker: { prefill: 1.1, decode: 2.3 },
            },
            gpusPerWorker,
          );
          const base = { ...request({ wanted, workers: standing }), limits };
          const budgeted = withinBudget(base);
          const { targets } = raisedToFloor(base, budgeted.targets, minGpus, gpusPerWorker);
          for (const limit of limits) {
            const used = (targeted: Targets) => usage(limit, base.roles, allocatedWorkers(base, targeted));
            expect(used(targets)).toBeLessThanOrEqual(
              Math.max(limit.amount * (1 + 1e-9), used({ prefill: 0, decode: 0 })),
            );
          }
          if (exceeded(limits, base.roles, wanted) === undefined)
            expect(budgeted.targets.prefill).toBeLessThanOrEqual(wanted.prefill);
        },
      ),
      { numRuns: 500 },
    );
  });
});
