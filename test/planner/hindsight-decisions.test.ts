import { beforeEach, describe, expect, it } from "vitest";
import {
  createPlanner,
  type Decision,
  type Observation,
  type Planner,
  type PlannerContext,
  plannerConfigSchema,
} from "#planner/core";
import { active, disagg, observation, testSurface } from "./observations.ts";

function made(context: Partial<PlannerContext> = {}): Planner {
  return createPlanner(
    plannerConfigSchema.parse({ strategy: "default", maxGpus: 64, scaleDownDelay: "10s" }),
    { ...disagg, startupMs: { prefill: 60_000, decode: 60_000 }, ...context },
    testSurface(),
  );
}

const workersOf = (prefill: number, decode: number) => ({
  workers: { prefill: active(prefill), decode: active(decode) },
});
/** Of the step itself, without what is said besides. */
const stepOf = ({ reasons }: Decision) => reasons.find(({ role }) => role === "prefill")!;
const codes = ({ reasons }: Decision) => reasons.map(({ code }) => code);

describe("the default planner where history wants a size", () => {
  let planner: Planner;
  let nowMs: number;
  const tick = (overrides: Partial<Observation>) => {
    nowMs += 5000;
    const isQuiet = nowMs > 200_000 && nowMs <= 260_000;
    return planner.tick(observation(nowMs, isQuiet ? 5 : 14, overrides));
  };

  // A minute of less load, and workers that take one to start: from the sixth minute on 3P1D is kept.
  beforeEach(() => {
    planner = made();
    nowMs = 0;
    let last = tick(workersOf(3, 3));
    while (nowMs < 500_000) last = tick(workersOf(last.targets?.prefill ?? 3, last.targets?.decode ?? 3));
    expect(last).toMatchObject({ targets: { prefill: 3, decode: 1 } });
    expect(last.reasons.filter(({ code }) => code === "fixed-by-hindsight").map(({ role }) => role)).toEqual([
      "prefill",
      "decode",
    ]);
  });

  it("gives reasons of what has been seen, with the numbers of the step, not those of forecasts", () => {
    expect(stepOf(tick(workersOf(3, 1)))).toMatchObject({
      code: "hold",
      text: "3 workers are right, by what has been seen",
    });
    expect(stepOf(tick(workersOf(2, 1)))).toMatchObject({
      code: "scale-up",
      text: "3 workers instead of 2, by what has been seen",
    });
    expect(stepOf(tick(workersOf(6, 1)))).toMatchObject({
      code: "scale-down-waits",
      text: "fewer than 6 workers would do for 0 s now, by what has been seen: not long enough",
    });
    expect(stepOf(tick(workersOf(6, 1))).code).toBe("scale-down-waits");
    expect(stepOf(tick(workersOf(6, 1)))).toMatchObject({
      code: "scale-down",
      text: "3 of 6 workers were enough for 10 s, by what has been seen",
    });
  });

  it("waits anew with its steps down once data was missing", () => {
    expect(stepOf(tick(workersOf(6, 1))).code).toBe("scale-down-waits");
    expect(stepOf(tick(workersOf(6, 1))).code).toBe("scale-down-waits");
    const blind = tick({ ...workersOf(6, 1), startedRequests: null, completedRequests: null });
    expect([blind.targets, codes(blind)]).toEqual([null, ["no-data"]]);
    const again = [tick(workersOf(6, 1)), tick(workersOf(6, 1)), tick(workersOf(6, 1))];
    expect(again.map((decision) => stepOf(decision).code)).toEqual([
      "scale-down-waits",
      "scale-down-waits",
      "scale-down",
    ]);
  });

  it("learns from misses while it follows the forecast for want of arrival counts", () => {
    const pressure = ({ values }: Decision) => values.queuePressure! + values.forecastPressure!;
    const late = { ...workersOf(4, 2), ttftMet: 0 };
    // Misses with the size that history chose teach nothing.
    const held = tick(late);
    expect(pressure(tick(late))).toBeLessThanOrEqual(pressure(held));
    const followed = tick({ ...late, startedRequests: null });
    expect(codes(followed)).not.toContain("fixed-by-hindsight");
    expect(pressure(tick({ ...late, startedRequests: null }))).toBeGreaterThan(pressure(followed));
  });
});

describe("the default planner where no number of workers keeps the TTFT", () => {
  it.each(["disagg", "agg"] as const)(
    "has no size by hindsight for prompts, and says why it scales as it does (%s)",
    (mode) => {
      const planner = made({ mode, sla: { ttftMs: 50, itlMs: 10 } });
      const role = mode === "agg" ? "decode" : "prefill";
      let last: Decision | null = null;
      for (let s = 5; s <= 900; s += 5) {
        const workers = workersOf(last?.targets?.prefill ?? 2, last?.targets?.decode ?? 2);
        last = planner.tick(observation(s * 1000, 14, { ...workers, ttftMet: 0 }));
      }
      expect(codes(last!)).toContain("ttft-infeasible");
      expect(last!.values[`${role}FixedWorkers`]).toBeUndefined();
      expect(last!.targets![role]).toBe(last!.values[`${role}NeedUp`]);
    },
  );
});
