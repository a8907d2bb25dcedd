import { describe, expect, it } from "vitest";
import { deploymentOverrides, type RunOutcome, runSweep, searchDeployments, staticCandidates } from "#src/study";

const SPACE = {
  maxGpus: 12,
  modes: ["agg", "disagg"] as const,
  layouts: [
    { layout: "tp1", gpus: { prefill: 1, decode: 1 } },
    { layout: "tp4", gpus: { prefill: 4, decode: 4 } },
  ],
  routers: ["least-loaded", "kv"],
  engines: { model: "m", gpu: "h200_sxm", backend: "vllm" },
};

describe("the search for a fixed deployment", () => {
  const candidates = staticCandidates(SPACE);

  it("has every deployment within the budget once, fewest GPUs first", () => {
    expect(new Set(candidates.map(({ values }) => values.join())).size).toBe(candidates.length);
    expect(candidates.every(({ gpus }, i) => gpus <= 12 && gpus >= (candidates[i - 1]?.gpus ?? 1))).toBe(true);
    const sizes = [1, 4];
    let expected = 0;
    for (const decode of sizes) {
      for (let d = 1; d * decode <= 12; d++) {
        expected++;
        for (const prefill of sizes) for (let p = 1; d * decode + p * prefill <= 12; p++) expected++;
      }
    }
    expect(candidates).toHaveLength(2 * expected);
  });

  it("counts the GPUs of each role's own engines", () => {
    const own = { ...SPACE, routers: ["kv"], layouts: [{ layout: null, gpus: { prefill: 4, decode: 1 } }], maxGpus: 9 };
    const found = staticCandidates(own).map(({ values, gpus }) => [values[0], values[2], values[4], gpus]);
    expect(found).toContainEqual(["disagg", 1, 2, 6]);
    expect(found).toContainEqual(["agg", "–", 9, 9]);
    expect(found.filter(([mode, prefill]) => mode === "disagg" && prefill === 2)).toEqual([["disagg", 2, 1, 9]]);
  });

  it("pairs engines of one TP alone where the backend wants that, however many GPUs they have", () => {
    const layouts = [
      { layout: "tp1", gpus: { prefill: 1, decode: 1 }, tp: 1 },
      { layout: "tp4", gpus: { prefill: 4, decode: 4 }, tp: 4 },
      { layout: "dep4", gpus: { prefill: 4, decode: 4 }, tp: 1, ranks: 4 },
    ];
    const pairs = (sameTp: boolean) => {
      const found = staticCandidates({ ...SPACE, layouts, sameTp });
      expect(found.filter(({ values }) => values[0] === "agg")).toHaveLength(2 * (12 + 3 + 3));
      const pairOf = (values: readonly unknown[]) => `${values[1]} ${values[3]}`;
      return new Set(found.filter(({ values }) => values[0] === "disagg").map(({ values }) => pairOf(values)));
    };
    expect(pairs(true)).toEqual(new Set(["tp1 tp1", "tp1 dep4", "dep4 tp1", "dep4 dep4", "tp4 tp4"]));
    expect(pairs(false).size).toBe(9);
  });

  it("finds what trying all of them finds, and stops before", async () => {
    for (const needed of [1, 3, 6]) {
      // Good requests: all where there are as many GPUs as needed, else in proportion; kv saves a part of one.
      const run = (values: readonly unknown[], gpus: number) => {
        const able = gpus + (values[5] === "kv" ? 0.5 : 0) - (values[0] === "agg" ? 1 : 0);
        const share = Math.min(1, able / needed);
        return { slaAttainment: share, goodputPerGpu: (100 * share) / gpus };
      };
      const gpusOf = new Map(candidates.map(({ values, gpus }) => [values.join(), gpus]));
      let runs = 0;
      const { trials } = await runSweep({
        method: searchDeployments(candidates, [null], 0.99, { requests: 100, seconds: 1 }),
        goal: { measure: "goodputPerGpu", direction: "max" },
        conditions: [{ text: "", measure: "slaAttainment", sign: ">=", value: 0.99 }],
        memory: { get: () => undefined, put: () => {} },
        run: async (cells, done) => {
          for (const [index, { candidate }] of cells.entries()) {
            runs++;
            expect(candidate.giveUp).toMatchObject({ floor: 0.99, gpus: gpusOf.get(candidate.values.join()) });
            const measures = run(candidate.values, gpusOf.get(candidate.values.join())!);
            const best = candidate.giveUp!.goodputPerGpu;
            const outcome: RunOutcome =
              best !== null && 100 / candidate.giveUp!.gpus <= best
                ? { gaveUp: "no better" }
                : { seed: 1, passed: true, measures };
            done(index, outcome);
          }
        },
        signal: new AbortController().signal,
      });
      const found = trials.flatMap(({ runs: [only] }) =>
        only !== undefined && "measures" in only && only.measures.slaAttainment! >= 0.99
          ? [only.measures.goodputPerGpu!]
          : [],
      );
      const all = candidates.map(({ values, gpus }) => run(values, gpus));
      const best = Math.max(...all.filter((each) => each.slaAttainment >= 0.99).map((each) => each.goodputPerGpu));
      expect(Math.max(...found)).toBe(best);
      expect(runs).toBeLessThan(candidates.length / 2);
    }
  });

  it("gives nothing up for the best so far where another goal is looked for", async () => {
    const offered = new Set<number | null>();
    const { trials } = await runSweep({
      method: searchDeployments(candidates, [null], 0.99, { requests: 100, seconds: 0 }),
      goal: { measure: "outputThroughput", direction: "max" },
      conditions: [],
      memory: { get: () => undefined, put: () => {} },
      run: async (cells, done) => {
        for (const [index, { candidate }] of cells.entries()) {
          offered.add(candidate.giveUp!.goodputPerGpu);
          done(index, { seed: 1, passed: true, measures: { outputThroughput: 5000 } });
        }
      },
      signal: new AbortController().signal,
    });
    expect([...offered]).toEqual([null]);
    expect(trials).toHaveLength(candidates.length);
  });

  it("makes a candidate's deployment of the scenario's own settings", () => {
    const base = {
      profile: "p",
      mode: "agg",
      agg: { workers: 9, startup: "10s", engine: { maxNumSeqs: 7 } },
      quirks: [],
    };
    const [deployment, planner] = deploymentOverrides(base, SPACE, {
      values: ["disagg", "tp1", 2, "tp4", 1, "kv"],
    });
    const engine = (parallelism: string) => ({
      maxNumSeqs: 7,
      timing: { estimator: { ...SPACE.engines, parallelism } },
    });
    expect(deployment!.value).toEqual({
      mode: "disagg",
      quirks: [],
      router: "kv",
      prefill: { workers: 2, startup: "10s", engine: engine("tp1") },
      decode: { workers: 1, startup: "10s", engine: engine("tp4") },
      kvTransfer: { bandwidth: "64GB/s" },
    });
    expect(planner).toMatchObject({ path: ["planner"], value: undefined });
    const written = {
      ...base,
      agg: { ...base.agg, gpusPerWorker: 8, dpSize: 2 },
      router: { mode: "kv", temperature: 0.5 },
    };
    const routed = (router: string, engines: typeof SPACE.engines | null) =>
      deploymentOverrides(written, { ...SPACE, engines }, { values: ["agg", "–", "–", "tp1", 1, router] })[0]!.value;
    // The layout has its own GPUs and ranks; settings of a router are of its mode.
    expect(routed("kv", SPACE.engines)).toMatchObject({ router: written.router, agg: { workers: 1 } });
    for (const key of ["gpusPerWorker", "dpSize"]) expect(routed("kv", SPACE.engines)).not.toHaveProperty(`agg.${key}`);
    const ranked = {
      ...SPACE,
      layouts: [...SPACE.layouts, { layout: "dep8", gpus: { prefill: 8, decode: 8 }, ranks: 8 }],
    };
    const spread = deploymentOverrides(written, ranked, { values: ["disagg", "tp1", 1, "dep8", 2, "kv"] })[0]!.value;
    expect(spread).toMatchObject({ decode: { workers: 2, dpSize: 8, engine: engine("dep8") } });
    expect(spread).not.toHaveProperty("prefill.dpSize");
    expect(routed("kv", null)).toHaveProperty("agg.gpusPerWorker", 8);
    expect(routed("least-loaded", null)).toHaveProperty("router", "least-loaded");
    const own = deploymentOverrides(base, { ...SPACE, engines: null }, { values: ["agg", "–", "–", "own", 3, "kv"] });
    expect(own[0]!.value).toEqual({
      profile: "p",
      mode: "agg",
      quirks: [],
      router: "kv",
      agg: { ...base.agg, workers: 3 },
    });
  });
});
