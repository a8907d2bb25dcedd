import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openNativeEngine } from "#src/estimator";
import { prepareRehearsal } from "#src/rehearsal";
import {
  deploymentOverrides,
  type EngineLayout,
  type RunOutcome,
  runSweep,
  type SweepCandidate,
  searchDeployments,
  staticCandidates,
} from "#src/study";
import { evaluate } from "../../src/cli/sweep/evaluate.ts";
import { triedLayouts } from "../../src/cli/sweep/layouts.ts";
import { FIXED, madeScenario } from "../rehearsal/made-scenario.ts";

const EXPERTS = { model: "Qwen/Qwen3-30B-A3B", gpu: "h200_sxm", backend: "vllm" };
const BASE = { mode: "agg", agg: { gpusPerWorker: 3, dpSize: 5, engine: { maxNumSeqs: 64 } } };
const TRAFFIC = [{ constant: { requestRate: 40, duration: "6s", isl: 1200, osl: 30 } }];

const layoutsOf = (engines: typeof EXPERTS, maxGpus: number, asked: string[] | null = null) =>
  triedLayouts({
    gpu: engines.gpu,
    maxGpus,
    asked,
    promptTokens: 2000,
    scenarioOf: (layout) => scenarioOf(engines, [], ["disagg", layout, 1, layout, 1, "kv"]),
  });

function scenarioOf(engines: typeof EXPERTS, layouts: EngineLayout[], values: SweepCandidate["values"]) {
  const [deployment] = deploymentOverrides(BASE, { engines, layouts }, { values });
  return madeScenario({ ...FIXED, deployment: deployment!.value, traffic: TRAFFIC });
}

describe("layouts that a search tries", () => {
  const tried = (...question: Parameters<typeof layoutsOf>) =>
    layoutsOf(...question).layouts.map(({ layout }) => layout);

  it("are TP for dense models; TEP and DEP, too, for mixtures of experts, within the budget", () => {
    expect(tried({ ...EXPERTS, model: "Qwen/Qwen3-32B" }, 4)).toEqual(["tp1", "tp2", "tp4"]);
    expect(layoutsOf(EXPERTS, 5)).toEqual({
      layouts: [
        ["tp1", 1, 1, 1],
        ["tp2", 2, 2, 1],
        ["tep2", 2, 2, 1],
        ["dep2", 2, 1, 2],
        ["tp4", 4, 4, 1],
        ["tep4", 4, 4, 1],
        ["dep4", 4, 1, 4],
      ].map(([layout, gpus, tp, ranks]) => ({ layout, gpus: { prefill: gpus, decode: gpus }, tp, ranks })),
      leftOut: [],
    });
    // Latent attention: every rank has a whole KV cache, and TP gains nothing.
    expect(tried({ ...EXPERTS, model: "deepseek-ai/DeepSeek-R1" }, 8)).toEqual(["tep8", "dep8"]);
  });

  it("are those that fit, and the others are named with the reason", () => {
    const { layouts, leftOut } = layoutsOf({ ...EXPERTS, model: "Qwen/Qwen3-235B-A22B" }, 8);
    expect(layouts.map(({ layout }) => layout)).toEqual(["tp4", "tep4", "dep4", "tp8", "tep8", "dep8"]);
    expect(leftOut.map(({ layout }) => layout)).toEqual(["tp1", "tp2", "tep2", "dep2"]);
    for (const { reason } of leftOut) expect(reason).toContain("leaves no GPU memory for the KV cache");
  });

  it("of a mixture of experts are those that were measured, where some were, unless they are asked for", () => {
    const engines = { model: "openai/gpt-oss-20b", gpu: "b200_sxm", backend: "trtllm" };
    const { layouts, leftOut } = layoutsOf(engines, 2);
    expect(layouts.map(({ layout }) => layout)).toEqual(["tp1", "tep2", "dep2"]);
    expect(leftOut).toEqual([{ layout: "tp2", reason: "its times were not measured, others' were" }]);
    expect(tried(engines, 2, ["tp1", "tp2"])).toEqual(["tp1", "tp2"]);
    // Where none was, all are tried.
    expect(tried({ ...engines, gpu: "a100_sxm" }, 2)).toEqual(["tp1", "tp2", "tep2", "dep2"]);
  });

  it("are a mistake where none can be played", () => {
    expect(() => layoutsOf({ ...EXPERTS, model: "Qwen/Qwen3-32B" }, 4, ["dep2"])).toThrow(/has no experts to spread/);
    expect(() => layoutsOf({ ...EXPERTS, model: "no/such" }, 4)).toThrow(/no\/such/);
    expect(() => layoutsOf({ ...EXPERTS, gpu: "h2000" }, 4)).toThrow(/GPU system "h2000"/);
  });
});

describe("deployments of a mixture of experts", { timeout: 240_000 }, () => {
  const { layouts } = layoutsOf(EXPERTS, 4);
  const space = {
    maxGpus: 4,
    modes: ["agg", "disagg"] as const,
    layouts,
    routers: ["least-loaded"],
    engines: EXPERTS,
  };
  const candidates = staticCandidates(space);
  const layoutOf = (label: unknown) => layouts.find(({ layout }) => layout === label)!;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-layouts-test-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("have the ranks, the GPUs and the KV cache of their layouts, and stay within the budget", () => {
    expect(new Set(candidates.map(({ values }) => values[3]))).toEqual(new Set(layouts.map(({ layout }) => layout)));
    const seen = new Set<string>();
    for (const { values, gpus } of candidates) {
      const pair = `${values[1]} ${values[3]}`;
      if (seen.has(pair)) continue;
      seen.add(pair);
      const { prefill, decode } = prepareRehearsal(scenarioOf(EXPERTS, layouts, values)).simulation;
      const pools = [
        [values[1], prefill],
        [values[3], decode],
      ] as const;
      let sum = 0;
      for (const [label, pool] of pools) {
        if (pool === null) continue;
        const layout = layoutOf(label);
        const engine = openNativeEngine({
          model: EXPERTS.model,
          system: EXPERTS.gpu,
          backend: "vllm",
          parallelism: layout.layout!,
        });
        expect(pool).toMatchObject({ dpSize: layout.ranks, gpusPerWorker: layout.gpus.decode });
        expect(pool.engine.maxNumSeqs).toBe(64);
        expect(pool.engine.numGpuBlocks).toBe(Math.floor(engine.kvTokensPerRank / pool.engine.blockSize));
        expect(pool.engine.timing.decodeMs(9, 9 * 1200, 1200)).toBe(engine.generation(9, 1200).ms);
        sum += pool.workers * pool.gpusPerWorker;
      }
      expect(sum).toBe(gpus);
      expect(gpus).toBeLessThanOrEqual(4);
    }
  });

  it.each([
    ["agg", "–", "–", "dep4", 1],
    ["agg", "–", "–", "dep2", 2],
    ["disagg", "tep2", 1, "dep2", 1],
    ["disagg", "dep2", 1, "tp2", 1],
  ])("run alike on both engines, and keep the invariants: %s %s %s %s %s", (...values) => {
    const { run } = prepareRehearsal(scenarioOf(EXPERTS, layouts, [...values, "least-loaded"]));
    const [skipping, stepping] = (["skipping", "stepping"] as const).map((engine) => run({ engine, check: true }));
    expect(skipping!.requests.count).toBeGreaterThan(150);
    expect(stepping!.requests).toEqual(skipping!.requests);
    expect(stepping!.timeline).toEqual(skipping!.timeline);
  });

  it("are found as by trying all of them, with fewer runs", async () => {
    const file = join(folder, "experts.yaml");
    // Only what decodes faster than one GPU can keeps the ITL.
    const sla = { ttft: "500ms", itl: "12ms" };
    writeFileSync(file, JSON.stringify({ ...FIXED, sla, traffic: TRAFFIC }));
    const play = ({ values, giveUp }: SweepCandidate) =>
      evaluate(
        {
          file,
          set: deploymentOverrides(BASE, space, { values }),
          seed: null,
          ...(giveUp === undefined ? {} : { giveUp }),
        },
        { engine: "skipping", rowsInMemory: 1000 },
      );
    const goodputOf = (outcome: RunOutcome) =>
      "measures" in outcome && outcome.measures.slaAttainment! >= 0.99 ? outcome.measures.goodputPerGpu! : 0;
    const aggregated = candidates.filter(({ values }) => values[0] === "agg");
    let bestOfAll = 0;
    for (const { values } of aggregated) bestOfAll = Math.max(bestOfAll, goodputOf(await play({ values })));
    let toTheEnd = 0;
    const requests = prepareRehearsal(scenarioOf(EXPERTS, layouts, aggregated[0]!.values)).workload.count;
    const { trials } = await runSweep({
      method: searchDeployments(aggregated, [null], 0.99, { requests, seconds: 6 }),
      goal: { measure: "goodputPerGpu", direction: "max" },
      conditions: [{ text: "", measure: "slaAttainment", sign: ">=", value: 0.99 }],
      memory: { get: () => undefined, put: () => {} },
      run: async (cells, done) => {
        for (const [index, { candidate }] of cells.entries()) {
          const outcome = await play(candidate);
          if ("measures" in outcome) toTheEnd++;
          done(index, outcome);
        }
      },
      signal: new AbortController().signal,
    });
    expect(bestOfAll).toBeGreaterThan(0);
    expect(Math.max(...trials.flatMap(({ runs }) => runs.map(goodputOf)))).toBe(bestOfAll);
    expect(toTheEnd).toBeLessThan(aggregated.length);
  });
});
