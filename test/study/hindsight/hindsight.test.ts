import { beforeAll, describe, expect, it } from "vitest";
import { planStrategy } from "#planner/core";
import { attainment, cost } from "#src/report";
import { type SimulationSpec, simulate } from "#src/simulator";
import { bestStatic, type Hindsight, hindsightPlanner, hindsightPlans } from "#src/study";
import { madePool, madeSpec } from "../../simulator/hand-made.ts";

/** One request every `gapMs` from `fromMs` until `untilMs`; a prompt takes 100 ms alone, an output 10 ms. */
function arrivals(fromMs: number, untilMs: number, gapMs: number): { atMs: number; isl: number; osl: number }[] {
  const requests = [];
  for (let atMs = fromMs; atMs < untilMs - 1e-9; atMs += gapMs) requests.push({ atMs, isl: 100, osl: 2 });
  return requests;
}

function disagg(requests: readonly { atMs: number; isl: number; osl: number }[], endMs: number, startupMs: number) {
  return madeSpec(
    { requests, horizonMs: endMs },
    {
      prefill: madePool("prefill", { startupMs }),
      decode: madePool("decode", { startupMs }),
      router: "least-loaded",
      sla: { ttftMs: 250, itlMs: 20 },
      minEndMs: endMs,
      capture: false,
    },
  );
}

const score = (spec: SimulationSpec, found: Hindsight["clair"]) => {
  const record = simulate({ ...spec, planner: hindsightPlanner("oracle", found) });
  const { attainment: attained } = attainment(record);
  return { attainment: attained.share, goodputPerGpu: attained.good / cost(record).gpuSeconds };
};

describe("under constant load", () => {
  // 5 requests a second are half a worker's work.
  const spec = disagg(arrivals(0, 60_000, 200), 60_000, 10_000);
  let found: Hindsight;
  beforeAll(() => {
    found = hindsightPlans({ spec, maxGpus: 6, runs: { clair: 20, oracle: 30 } });
  });

  it("clair and the oracle are the best static deployment", () => {
    const best = bestStatic({
      run: ({ prefill, decode }) =>
        simulate({
          ...spec,
          prefill: { ...spec.prefill!, workers: prefill },
          decode: { ...spec.decode, workers: decode },
        }),
      mode: "disagg",
      gpusPerWorker: { prefill: 1, decode: 1 },
      maxGpus: 6,
      bounds: { requests: 300, seconds: 60 },
    });
    expect(best.atFloor).toMatchObject({ prefill: 1, decode: 1, attainment: 1 });
    expect(found.clair.goodputPerGpu).toBeCloseTo(best.atFloor!.goodputPerGpu, 9);
    expect(found.oracle!.goodputPerGpu).toBeCloseTo(best.atFloor!.goodputPerGpu, 9);
  });

  it("the oracle is as good as a deployment that it is told of, however few runs it may make", () => {
    const runs = { clair: 1, oracle: 1 };
    const alone = hindsightPlans({ spec, maxGpus: 6, runs });
    const told = hindsightPlans({ spec, maxGpus: 6, runs, constants: [{ prefill: 1, decode: 1 }] });
    expect(told.oracle!.goodputPerGpu).toBeCloseTo(found.oracle!.goodputPerGpu, 9);
    expect(alone.oracle!.goodputPerGpu).toBeLessThan(told.oracle!.goodputPerGpu);
    expect(told.clair).toEqual(alone.clair);
  });

  it("no plan is better by the bound", () => {
    // 300 requests in 2 × 60 GPU-seconds.
    expect(found.bound).toBeCloseTo(2.5, 9);
  });
});

describe("a step of two levels", () => {
  // 5 requests/s, from 30 s to 60 s 15/s (one and a half workers' work), 5/s again.
  const requests = [
    ...arrivals(0, 30_000, 200),
    ...arrivals(30_000, 60_000, 1000 / 15),
    ...arrivals(60_000, 90_000, 200),
  ];
  requests.sort((a, b) => a.atMs - b.atMs);

  it("without start-up has the second prefill worker in those steps alone", () => {
    const found = hindsightPlans({
      spec: disagg(requests, 90_000, 0),
      maxGpus: 6,
      floor: 1,
      runs: { clair: 40, oracle: 60 },
    });
    const { plan, attainment: attained } = found.oracle!;
    expect(attained).toBe(1);
    // What is decided at the tick of 30 s is there for what comes from 30 s on.
    expect(Array.from(plan.prefill)).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
    expect(Array.from(plan.decode)).toEqual(Array(18).fill(1));
    expect(found.bound).toBeGreaterThanOrEqual(found.oracle!.goodputPerGpu);
  });

  it("starts it as far ahead as its start-up takes", () => {
    const spec = disagg(requests, 90_000, 10_000);
    const found = hindsightPlans({ spec, maxGpus: 6, floor: 1, runs: { clair: 40, oracle: 60 } });
    expect(found.oracle!.attainment).toBe(1);
    expect(Array.from(found.oracle!.plan.prefill)).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
  });

  it("a plan that is played again gives what was found, and the search the same plans again", () => {
    const options = { spec: disagg(requests, 90_000, 5000), maxGpus: 6, runs: { clair: 15, oracle: 20 } };
    const found = hindsightPlans(options);
    for (const plan of [found.clair, found.oracle!]) {
      expect(score(options.spec, plan)).toEqual({ attainment: plan.attainment, goodputPerGpu: plan.goodputPerGpu });
    }
    expect(hindsightPlans(options)).toEqual(found);
  });

  it("keeps to the GPUs that there are, and to the runs it may make", () => {
    let last = 0;
    const spec = disagg(requests, 90_000, 5000);
    const found = hindsightPlans({
      spec,
      maxGpus: 2,
      runs: { clair: 10, oracle: 0 },
      onProgress: (_searching, runs) => {
        last = runs;
      },
    });
    expect(found.oracle).toBeNull();
    expect(last).toBe(found.runs);
    expect(found.runs).toBeLessThanOrEqual(11);
    const { prefill, decode } = found.clair.plan;
    for (let i = 0; i < decode.length; i++) expect(prefill[i]! + decode[i]!).toBeLessThanOrEqual(2);
  });
});

describe("the bound", () => {
  it("is of the run's own length, whatever its steps", () => {
    const found = hindsightPlans({
      spec: disagg(arrivals(0, 58_300, 200), 58_300, 0),
      maxGpus: 4,
      floor: 1,
      runs: { clair: 8, oracle: 8 },
    });
    expect(found.oracle!.attainment).toBe(1);
    expect(found.bound).toBeGreaterThanOrEqual(found.oracle!.goodputPerGpu);
    expect(found.bound).toBeCloseTo(292 / (2 * 58.3), 9);
  });

  it("asks for no workers for prompts that nobody computes in time", () => {
    // A minute that one worker of each role serves; then prompts of 500 ms, five workers' worth.
    const late = arrivals(60_000, 75_000, 100).map((request) => ({ ...request, isl: 500 }));
    const found = hindsightPlans({
      spec: disagg([...arrivals(0, 60_000, 200), ...late], 150_000, 0),
      maxGpus: 12,
      floor: 1,
      runs: { clair: 20, oracle: 60 },
    });
    expect(found.oracle!.attainment).toBe(1);
    expect(found.oracle!.goodputPerGpu).toBeCloseTo(300 / (2 * 150), 9);
    expect(found.bound).toBeGreaterThanOrEqual(found.oracle!.goodputPerGpu);
    expect(found.bound).toBeCloseTo(300 / (2 * 150), 9);
  });
});

describe("an aggregated deployment", () => {
  it("is planned with its one role", () => {
    const requests = [...arrivals(0, 20_000, 400), ...arrivals(20_000, 40_000, 70), ...arrivals(40_000, 60_000, 400)];
    const spec = madeSpec(
      { requests, horizonMs: 60_000 },
      { router: "least-loaded", sla: { ttftMs: 400, itlMs: 200 }, minEndMs: 60_000, capture: false },
    );
    const { clair, oracle } = hindsightPlans({ spec, maxGpus: 4, runs: { clair: 20, oracle: 20 } });
    expect(Math.max(...Array.from(oracle!.plan.prefill))).toBe(0);
    expect(oracle!.attainment).toBeGreaterThanOrEqual(0.99);
    expect(oracle!.goodputPerGpu).toBeGreaterThanOrEqual(clair.goodputPerGpu);
    expect(oracle!.plan.decode[0]).toBeLessThan(Math.max(...Array.from(oracle!.plan.decode)));
  });
});

describe("traffic that answers bring about", () => {
  it("is planned to its end, which no one knows beforehand", () => {
    const requests = Array.from({ length: 200 }, () => ({ isl: 100, osl: 2 }));
    const loops = [{ concurrency: 1, heads: [...requests.keys()] }];
    const spec = madeSpec(
      { requests, loops, horizonMs: 0 },
      { prefill: madePool("prefill"), decode: madePool("decode"), router: "least-loaded", capture: false },
    );
    const { clair } = hindsightPlans({ spec, maxGpus: 4, runs: { clair: 10, oracle: 0 } });
    // 200 × 120 ms one after another; one of each is enough.
    expect(clair.plan.decode.length).toBe(5);
    expect(clair.attainment).toBe(1);
    expect(clair.gpuHours).toBeCloseTo((2 * 24) / 3600, 3);
  });
});

describe("planStrategy", () => {
  it("follows its plan by time, and stays with its end", () => {
    const planner = planStrategy("oracle", { stepMs: 1000, prefill: [1, 2, 3], decode: [1, 1, 4] });
    const spec = disagg([{ atMs: 0, isl: 1, osl: 1 }], 5000, 0);
    const { decisions } = simulate({ ...spec, planner });
    expect(decisions.map(({ targets }) => [targets?.prefill, targets?.decode])).toEqual([
      [2, 1],
      [3, 4],
      [3, 4],
      [3, 4],
      [3, 4],
    ]);
    expect(decisions[0]!.strategy).toBe("oracle");
  });
});
