import fc from "fast-check";
import { expect, it } from "vitest";
import { createPlanner, type Observation, plannerConfigSchema } from "#planner/core";
import { anyReport, disagg, observation, testSurface } from "./observations.ts";

/** The same report with holes: what is null in it is NaN, or infinite, instead. */
function withHoles(report: Partial<Observation>, hole: number): Partial<Observation> {
  const broken = Object.entries(report).map(([key, value]) => [
    key,
    value === null && !key.endsWith("Load") ? hole : value,
  ]);
  return Object.fromEntries(broken) as Partial<Observation>;
}

it("the default strategy takes what is no number for unknown: it decides as if it were null", () => {
  fc.assert(
    fc.property(
      fc.array(anyReport, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      (reports, hole) => {
        const make = () =>
          createPlanner(plannerConfigSchema.parse({ strategy: "default", maxGpus: 24 }), disagg, testSurface());
        const whole = make();
        const broken = make();
        reports.forEach((report, i) => {
          const atMs = (i + 1) * 5000;
          expect(broken.tick(observation(atMs, 20, withHoles(report, hole)))).toEqual(
            whole.tick(observation(atMs, 20, report)),
          );
        });
      },
    ),
    { numRuns: 25 },
  );
});

it("nor do broken lengths and loads of single workers reach the number of workers", () => {
  const plan = createPlanner(plannerConfigSchema.parse({ strategy: "default" }), disagg, testSurface());
  const decodeLoad = [{ workerId: 0, batch: Number.NaN, kvTokens: 1000, itlMs: Number.NaN }];
  const { targets, values } = plan.tick(observation(5000, 40, { startedIsl: [3000, Number.NaN, 3000], decodeLoad }));
  expect(Number.isInteger(targets!.prefill) && Number.isInteger(targets!.decode)).toBe(true);
  expect(values.meanIslTokens).toBe(3000);
});
