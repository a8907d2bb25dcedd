import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunRecord, StaticDeployment } from "#src/record";
import { type SimulationSpec, simulate } from "#src/simulator";
import { bestStatic } from "#src/study";
import { madePool, madeSpec } from "../simulator/hand-made.ts";

type Workers = { prefill: number; decode: number };

/** Attainment and goodput per GPU by their definitions, from the requests' times. */
function judge(record: RunRecord): { attainment: number; goodputPerGpu: number } {
  const { requests, sla, feasible, endMs, gpusPerWorker, workers } = record;
  let judged = 0;
  let good = 0;
  for (let i = 0; i < requests.count; i++) {
    if (feasible[i] === 0) continue;
    judged++;
    const gaps = requests.outputTokens[i]! - 1;
    const itlMs = gaps > 0 ? (requests.lastTokenMs[i]! - requests.firstTokenMs[i]!) / gaps : 0;
    const ttftMs = requests.firstTokenMs[i]! - requests.arrivalMs[i]!;
    if (requests.status[i] === 0 && ttftMs <= sla.ttftMs && itlMs <= sla.itlMs) good++;
  }
  const gpus = workers.reduce((sum, { role }) => sum + gpusPerWorker[role], 0);
  return { attainment: judged === 0 ? 1 : good / judged, goodputPerGpu: good / ((gpus * endMs) / 1000) };
}

interface Case {
  requests: { atMs: number; isl: number; osl: number }[];
  disaggregated: boolean;
  /** Closed loops of a number of requests, or of a time. */
  loop: null | "requests" | "time";
  gpusPerWorker: Workers;
  maxGpus: number;
  ttftMs: number;
  itlMs: number;
  numGpuBlocks: number;
}

function runner({ requests, disaggregated, loop, gpusPerWorker, ttftMs, itlMs, numGpuBlocks }: Case) {
  const unsent = requests.map(({ isl, osl }) => ({ isl, osl }));
  const stock = loop === "time" ? Array.from({ length: 40 }, () => unsent).flat() : unsent;
  const endMs = loop === "time" ? 400 : Number.POSITIVE_INFINITY;
  const traffic =
    loop === null ? { requests } : { requests: stock, loops: [{ concurrency: 4, heads: [...stock.keys()], endMs }] };
  const horizonMs = loop === null ? Math.max(...requests.map(({ atMs }) => atMs)) : loop === "time" ? endMs : 0;
  const run = ({ prefill, decode }: Workers): RunRecord => {
    const pool = (role: "prefill" | "decode" | "aggregated", workers: number, gpus: number) =>
      madePool(role, { workers, gpusPerWorker: gpus }, { numGpuBlocks, blockSize: 1 });
    const spec: Partial<SimulationSpec> = {
      prefill: disaggregated ? pool("prefill", prefill, gpusPerWorker.prefill) : null,
      decode: pool(disaggregated ? "decode" : "aggregated", decode, gpusPerWorker.decode),
      sla: { ttftMs, itlMs },
      minEndMs: horizonMs,
    };
    return simulate(madeSpec(traffic, spec));
  };
  return { run, bounds: { requests: traffic.requests.length, seconds: horizonMs / 1000 } };
}

function bruteForce(random: Case, floor: number) {
  const { run } = runner(random);
  const { gpusPerWorker, maxGpus, disaggregated } = random;
  let atFloor = Number.NEGATIVE_INFINITY;
  let any = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (let prefill = disaggregated ? 1 : 0; prefill <= (disaggregated ? maxGpus : 0); prefill++) {
    for (let decode = 1; decode <= maxGpus; decode++) {
      if (prefill * gpusPerWorker.prefill + decode * gpusPerWorker.decode > maxGpus) continue;
      count++;
      const { attainment, goodputPerGpu } = judge(run({ prefill, decode }));
      any = Math.max(any, goodputPerGpu);
      if (attainment >= floor) atFloor = Math.max(atFloor, goodputPerGpu);
    }
  }
  return { atFloor, any, count };
}

const randomCase: fc.Arbitrary<Case> = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 4000 })),
      isl: fc.integer({ min: 1, max: 60 }),
      osl: fc.integer({ min: 1, max: 12 }),
    }),
    { minLength: 1, maxLength: 24 },
  ),
  disaggregated: fc.boolean(),
  loop: fc.constantFrom(null, "requests", "time"),
  gpusPerWorker: fc.record({ prefill: fc.integer({ min: 1, max: 2 }), decode: fc.integer({ min: 1, max: 2 }) }),
  maxGpus: fc.integer({ min: 1, max: 7 }),
  ttftMs: fc.constantFrom(60, 90, 150, 5000),
  itlMs: fc.constantFrom(10, 25, 60, 5000),
  numGpuBlocks: fc.constantFrom(75, 100, 1000),
});

describe("the best static deployment", () => {
  it("is the one that trying every deployment within the limit finds, at the floor and without it", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const floor = 0.99;
        const expected = bruteForce(random, floor);
        const found = bestStatic({
          ...runner(random),
          mode: random.disaggregated ? "disagg" : "agg",
          gpusPerWorker: random.gpusPerWorker,
          maxGpus: random.maxGpus,
        });
        expect(found).toMatchObject({ floor, maxGpus: random.maxGpus });
        expect(found.tried).toBeLessThanOrEqual(expected.count);
        const goodput = (deployment: StaticDeployment | null) => deployment?.goodputPerGpu ?? Number.NEGATIVE_INFINITY;
        expect(goodput(found.any)).toBeCloseTo(expected.any, 9);
        expect(goodput(found.atFloor)).toBeCloseTo(expected.atFloor, 9);
        for (const deployment of [found.any, found.atFloor]) {
          if (deployment === null) continue;
          const again = judge(runner(random).run(deployment));
          expect(deployment.attainment).toBeCloseTo(again.attainment, 12);
          expect(deployment.goodputPerGpu).toBeCloseTo(again.goodputPerGpu, 9);
        }
      }),
      { numRuns: Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 100), seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });

  const steady: Case = {
    requests: Array.from({ length: 20 }, (_, i) => ({ atMs: i * 100, isl: 50, osl: 2 })),
    disaggregated: false,
    loop: null,
    gpusPerWorker: { prefill: 1, decode: 1 },
    maxGpus: 50,
    ttftMs: 60,
    itlMs: 20,
    numGpuBlocks: 1000,
  };
  const search = (random: Case, floor?: number) =>
    bestStatic({
      ...runner(random),
      mode: "agg",
      gpusPerWorker: random.gpusPerWorker,
      maxGpus: random.maxGpus,
      ...(floor === undefined ? {} : { floor }),
    });

  it("is not looked for among deployments that could not win even if they lost nothing", () => {
    const { tried, atFloor, any } = search(steady);
    expect(tried).toBeLessThan(5);
    expect(atFloor).toEqual(any);
    // All twenty are good in the 1.96 s until the last token of the last request.
    expect(atFloor).toMatchObject({ prefill: 0, decode: 1, attainment: 1 });
    expect(atFloor!.goodputPerGpu).toBeCloseTo(20 / 1.96, 12);
    expect(atFloor!.gpuHours).toBeCloseTo(1.96 / 3600, 12);
  });

  it("is none at the floor where no deployment attains it", () => {
    // Two at once on a worker take 100 ms; with two workers they are in time.
    const pairs = { ...steady, requests: steady.requests.flatMap((request) => [request, request]) };
    expect(search({ ...pairs, maxGpus: 1 }).atFloor).toBeNull();
    expect(search({ ...pairs, maxGpus: 1 }).any).toMatchObject({ decode: 1, attainment: 0 });
    expect(search({ ...pairs, maxGpus: 3 }).atFloor).toMatchObject({ decode: 2, attainment: 1 });
    expect(search({ ...pairs, maxGpus: 0 })).toMatchObject({ tried: 0, atFloor: null, any: null });
  });
});
