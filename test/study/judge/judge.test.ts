import { describe, expect, it } from "vitest";
import { createPlanner, plannerConfigSchema } from "#planner/core";
import { simulate } from "#src/simulator";
import {
  BASELINES,
  type JudgedMeasures,
  judgedCase,
  judgedMeasures,
  type SeedRuns,
  tuningScore,
  workerCapacity,
} from "#src/study";
import { disagg, testSurface } from "../../planner/observations.ts";
import { madePool, madeSpec } from "../../simulator/hand-made.ts";

const agg = { ...disagg, mode: "agg" as const };

/** Prompts of 100 ms, outputs of 10 ms a token, one after another on one worker. */
function spec(requests: { atMs: number; isl: number; osl: number }[], endMs: number) {
  return madeSpec(
    { requests, horizonMs: endMs },
    {
      prefill: madePool("prefill"),
      decode: madePool("decode"),
      sla: { ttftMs: 150, itlMs: 20 },
      minEndMs: endMs,
      capture: false,
    },
  );
}

describe("judgedMeasures", () => {
  it("counts windows of 10 s whose mean is above the SLA", () => {
    const together = [0, 0, 0].map((atMs) => ({ atMs: 20_000 + atMs, isl: 100, osl: 2 }));
    const record = simulate(
      spec([{ atMs: 1000, isl: 100, osl: 2 }, ...together, { atMs: 31_000, isl: 100, osl: 2 }], 40_000),
    );
    // Three prompts in one pass: all of them have a TTFT of 300 ms and more.
    expect(judgedMeasures(record)).toEqual({
      goodputPerGpu: 2 / 80,
      slaAttainment: 2 / 5,
      gpuHours: 80 / 3600,
      averageGpus: 2,
      peakGpus: 2,
      scaleEvents: 0,
      secondsAboveSla: 10,
    });
  });

  it("counts requests that did not end as above, and infeasible ones not at all", () => {
    const lost = simulate({ ...spec([{ atMs: 0, isl: 100, osl: 1000 }], 5000), endMs: 5000 });
    expect(judgedMeasures(lost).secondsAboveSla).toBe(10);
    const infeasible = simulate(spec([{ atMs: 0, isl: 1000, osl: 2 }], 5000));
    expect(judgedMeasures(infeasible)).toMatchObject({ secondsAboveSla: 0, slaAttainment: 1 });
  });
});

describe("workerCapacity", () => {
  it("is what a worker's time allows", () => {
    // 100 ms a prompt; 2 tokens of 10 ms each in a batch of 4: 200 requests a second.
    const own = spec([{ atMs: 0, isl: 100, osl: 2 }], 1000);
    const decode = madePool("decode", {}, { maxNumSeqs: 4 });
    expect(workerCapacity({ ...own, decode })).toMatchObject({ prefillPerS: 10, decodePerS: 200, decodeBatch: 4 });
    const aggregated = madePool("aggregated", {}, { maxNumSeqs: 4 });
    // 100 ms + 5 ms of a worker.
    expect(workerCapacity({ ...own, prefill: null, decode: aggregated }).decodePerS).toBeCloseTo(1000 / 105, 9);
  });
});

const run = (goodputPerGpu: number, slaAttainment = 1): JudgedMeasures => ({
  goodputPerGpu,
  slaAttainment,
  gpuHours: 1,
  averageGpus: 2,
  peakGpus: 2,
  scaleEvents: 3,
  secondsAboveSla: 0,
});
const reference = (goodputPerGpu: number, text = "") => ({
  goodputPerGpu,
  slaAttainment: 0.99,
  gpuHours: 1,
  scaleEvents: goodputPerGpu,
  secondsAboveSla: 10,
  text,
});
const HEAD = { scenario: "made", startupS: null, hasFaults: false, maxGpus: 8 };

describe("judgedCase", () => {
  it("takes regrets within each seed, and means over them", () => {
    const seeds: SeedRuns[] = [
      { references: { s99: reference(4, "2P2D"), clair: reference(5) }, bound: 6, planners: new Map([["a", run(4)]]) },
      { references: { s99: reference(2, "2P2D"), clair: reference(4) }, bound: 8, planners: new Map([["a", run(3)]]) },
    ];
    const judged = judgedCase(HEAD, ["a"], seeds);
    const [planner] = judged.planners;
    // 0 and −50 %; 20 % and 25 %.
    expect(planner!.regret.s99!.mean).toBeCloseTo(-0.25, 12);
    expect(planner!.regret.clair!.mean).toBeCloseTo(0.225, 12);
    expect(planner!.regret.oracle).toBeNull();
    expect(planner!.goodputPerGpu.mean).toBe(3.5);
    expect(judged).toMatchObject({ seeds: 2, bound: { mean: 7 }, references: { s99: { text: "2P2D" }, any: null } });
    // References are held against each other: 20 % and 50 % short of clair.
    const { s99, clair } = judged.references;
    expect(s99!.regret.clair!.mean).toBeCloseTo(0.35, 12);
    expect([s99!.regret.s99, s99!.regret.oracle, clair!.regret.s99!.mean]).toEqual([null, null, -0.625]);
    expect([clair!.scaleEvents.mean, clair!.secondsAboveSla.mean]).toEqual([4.5, 10]);
  });

  it("counts ticks that a planner outside gave no answer to; others have none", () => {
    const seeds: SeedRuns[] = [0, 3].map((failedTicks) => ({
      references: {},
      bound: null,
      planners: new Map([
        ["mine", { ...run(4), failedTicks, ...(failedTicks > 0 ? { failure: "tick 2: not JSON" } : {}) }],
        ["default", run(4)],
      ]),
    }));
    const { planners } = judgedCase(HEAD, ["mine", "default"], seeds);
    expect(planners.map(({ failedTicks }) => failedTicks.mean)).toEqual([1.5, 0]);
    expect(planners.map(({ failure }) => failure)).toEqual(["tick 2: not JSON", null]);
  });

  it("leaves a reference out that one seed lacks, and names no deployment where they differ", () => {
    const seeds: SeedRuns[] = [
      { references: { s99: null, any: reference(2, "1P1D") }, bound: null, planners: new Map([["a", "can't"]]) },
      {
        references: { s99: reference(2), any: reference(3, "2P1D") },
        bound: null,
        planners: new Map([["a", "can't"]]),
      },
    ];
    const judged = judgedCase(HEAD, ["a"], seeds);
    expect(judged).toMatchObject({
      bound: null,
      references: { s99: null, any: { text: "", goodputPerGpu: { mean: 2.5 } } },
    });
    expect(judged.planners[0]).toMatchObject({ refused: "can't", regret: { any: null } });
    expect(judged.planners[0]!.goodputPerGpu.mean).toBeNaN();
  });
});

describe("tuningScore", () => {
  it("is goodput against the best static, less ten times what attainment lacks", () => {
    expect(tuningScore([{ goodputPerGpu: 3, slaAttainment: 0.995, s99: 2 }], 0.99)).toBeCloseTo(1.5, 12);
    const missing = { goodputPerGpu: 4, slaAttainment: 0.94, s99: 2 };
    expect(tuningScore([missing], 0.99)).toBeCloseTo(2 - 0.5, 12);
    expect(tuningScore([missing, { goodputPerGpu: 1, slaAttainment: 1, s99: null }], 0.99)).toBeCloseTo(0.75, 12);
    expect(tuningScore([], 0.99)).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("baselines", () => {
  const capacity = { prefillPerS: 10, decodePerS: 12, decodeBatch: 40, decodeKvPercent: 30 };
  const cases = BASELINES.flatMap((baseline) =>
    baseline.settings.flatMap((setting) =>
      (["disagg", "agg"] as const)
        .filter((mode) => mode === "disagg" || baseline.name !== "sla-compat")
        .map((mode) => ({ title: `${baseline.name}: ${setting.text} (${mode})`, setting, mode })),
    ),
  );
  it.each(cases)("$title is a planner", ({ setting, mode }) => {
    const config = plannerConfigSchema.parse(setting.config({ mode, maxGpus: 8, capacity }));
    expect(createPlanner(config, mode === "agg" ? agg : disagg, testSurface()).intervalMs).toBeGreaterThan(0);
  });

  it("of autoscalers come to the workers that their target asks for, and stay with them", () => {
    const requests = Array.from({ length: 25 * 120 }, (_, i) => ({ atMs: i * 40, isl: 10, osl: 2 }));
    const planner = createPlanner(
      plannerConfigSchema.parse({ strategy: "hpa", decode: { requestRate: 10 } }),
      agg,
      testSurface(),
    );
    const { decisions } = simulate(
      madeSpec({ requests, horizonMs: 120_000 }, { planner, minEndMs: 120_000, router: "least-loaded" }),
    );
    expect(decisions.map(({ targets }) => targets?.decode)).toEqual([3, 3, 3, 3, 3, 3, 3, 3]);
  });

  it("have names and settings of their own", () => {
    for (const { settings } of BASELINES) expect(new Set(settings.map(({ text }) => text)).size).toBe(settings.length);
    expect(new Set(BASELINES.map(({ name }) => name)).size).toBe(BASELINES.length);
  });
});
