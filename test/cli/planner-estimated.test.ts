import { describe, expect, it, onTestFinished } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { createPlanner, type ForwardPass, type Observation, surfaceFamilyOf } from "#planner/core";
import { buildSurface } from "#profiles";
import { openNativeEngine } from "#src/estimator";
import { plannerContext, strategyConfig } from "../../src/cli/planner/core-config.ts";
import { passModels } from "../../src/cli/planner/estimated-engines.ts";
import { estimatedPasses } from "../../src/cli/planner/estimated-passes.ts";
import { plannerProfile } from "../../src/cli/planner/profile.ts";
import { active, observation } from "../planner/observations.ts";

const MODEL = { hf_id: "Qwen/Qwen3-32B", system: "h200_sxm", backend: "trtllm" };
const PICKS = { prefill_pick: { tp: 2 }, decode_pick: { tp: 4 } };
const SLA = { strategy: "load-compat", optimization_target: "sla", ttft_ms: 500, itl_ms: 25, environment: "none" };
const ENGINES = [
  { role: "prefill", parallelism: "tp2" },
  { role: "decode", parallelism: "tp4" },
] as const;

const engineOf = (parallelism: string) =>
  openNativeEngine({ model: MODEL.hf_id, system: "h200_sxm", backend: "trtllm", parallelism });

async function started(document: Record<string, unknown>) {
  const read = readPlannerConfig({ config: JSON.stringify({ ...SLA, ...document }) });
  const { config, notes } = read;
  const warnings: string[] = [];
  const infos: string[] = [];
  const profile = (await plannerProfile(read, (text) => infos.push(text)))!;
  const context = { ...plannerContext(read, profile), ...passModels(config, (text) => warnings.push(text)) };
  const strategy = strategyConfig(config);
  const planner = createPlanner(strategy, context, buildSurface(profile, surfaceFamilyOf(strategy.strategy)));
  return { config, context, planner, profile, warnings, infos, notes };
}

/** A folder without a profile in it, where nobody names one. */
function elsewhere(): void {
  const before = process.cwd();
  process.chdir("/");
  onTestFinished(() => process.chdir(before));
}

/** Half a minute of 3000/300-token requests, with passes of prefill workers that took `factor` times what is estimated. */
function seen(tick: number, rate: number, factor: number | null): Observation {
  const { passMs } = estimatedPasses(engineOf("tp2"));
  const load = { prefillTokens: 3000, prefillRequests: 1, prefillKvTokens: 0, decodeRequests: 0, decodeKvTokens: 0 };
  const pass = (counterId: number): ForwardPass => ({
    workerId: "p0",
    dpRank: 0,
    counterId,
    wallTimeS: (passMs([load])! * factor!) / 1000,
    scheduled: load,
    queued: { prefillRequests: 0, prefillTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
  });
  return observation(tick * 5000, rate, {
    workers: { prefill: active(1), decode: active(1) },
    forwardPasses: { prefill: factor === null ? null : [pass(tick)], decode: null },
  });
}

describe("aic_perf_model", () => {
  const document = {
    aic_perf_model: { ...MODEL, ...PICKS },
    profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
    throughput_adjustment_interval_seconds: 60,
    load_predictor: "constant",
    max_gpu_budget: -1,
  };
  const capacityAfter = async (factor: number | null, more: Record<string, unknown> = {}) => {
    const { planner } = await started({ ...document, ...more });
    let values: Record<string, number> = {};
    for (let tick = 1; tick <= 12; tick++) {
      values = { ...values, ...planner.tick(seen(tick, 40, factor)).values };
    }
    return values;
  };

  it("tells what a pass takes before any was seen: capacity is that of the estimated engine, not of the profile's", async () => {
    const values = await capacityAfter(null);
    // Prompts of 3000 tokens, two of which fill a pass of 8192.
    const together = engineOf("tp2").context(1, 6000).ms;
    const alone = engineOf("tp2").context(1, 3000).ms;
    expect(values.prefillWorkerPerS).toBeCloseTo(Math.max(2000 / together, 1000 / alone), 9);
    const regression = await capacityAfter(null, { aic_perf_model: null });
    expect(values.prefillWorkerPerS).not.toBeCloseTo(regression.prefillWorkerPerS!, 1);
  });

  it("is corrected by passes like those that are asked", async () => {
    const asEstimated = await capacityAfter(1);
    const slower = await capacityAfter(1.5);
    const alone = 1000 / engineOf("tp2").context(1, 3000).ms;
    expect(asEstimated.prefillWorkerPerS).toBeGreaterThanOrEqual(alone);
    // Passes of one prompt were seen to be slow; of two at once nothing is known.
    const together = 2000 / engineOf("tp2").context(1, 6000).ms;
    expect(slower.prefillWorkerPerS).toBeCloseTo(Math.max(together, alone / 1.5), 9);
  });

  it("plans for engines of several attention ranks, which its layout tells", async () => {
    const moe = { hf_id: "Qwen/Qwen3-235B-A22B", system: "h200_sxm", backend: "trtllm" };
    const pick = { tp: 1, dp: 8, moe_tp: 1, moe_ep: 8 };
    const { config, planner, warnings } = await started({
      ...document,
      mode: "agg",
      aic_perf_model: { ...moe, decode_pick: pick },
      profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
    });
    expect(warnings).toEqual([]);
    expect(config.engine.dpSize.decode).toBe(8);
    let reasons: string[] = [];
    for (let tick = 1; tick <= 12; tick++) {
      const decision = planner.tick(seen(tick, 10, null));
      reasons = [...reasons, ...decision.reasons.map(({ code }) => code)];
    }
    expect(reasons).not.toContain("model-not-ready");
  });

  it("needs no profile: where nobody names one, the same engines are estimated", async () => {
    elsewhere();
    const { profile, context, infos } = await started({ ...document, profile_results_dir: undefined });
    expect(profile.provenance).toMatchObject({ source: "estimated", gpusPerPrefillEngine: 2, gpusPerDecodeEngine: 4 });
    expect(profile.decode.maxKvTokens).toBe(engineOf("tp4").facts.maxKvTokens);
    expect(context.gpusPerWorker).toEqual({ prefill: 2, decode: 4 });
    expect(infos).toEqual(["profile: estimated, as aic_perf_model describes the engines"]);
  });

  it("leaves what the estimator does not know to regressions, and says so", async () => {
    const unknown = { ...MODEL, hf_id: "nobody/knows-this", ...PICKS };
    const { context, warnings } = await started({ ...document, aic_perf_model: unknown });
    expect(context.passModels).toEqual({});
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^aic_perf_model: .*nobody\/knows-this.*; passes of prefill workers are learnt by/s);
    const other = await started({ ...document, aic_perf_model: { ...MODEL, ...PICKS, backend: "mocker" } });
    expect(other.warnings[0]).toContain('found "mocker", expected vllm, sglang, trtllm');
  });

  it("is asked by load-compat towards an SLA alone", async () => {
    const byLoad = await started({ ...document, optimization_target: "throughput" });
    expect(byLoad.context.passModels).toBeUndefined();
    const ours = await started({ ...document, strategy: "default" });
    expect(ours.context.passModels).toBeUndefined();
  });
});

describe("aic_interpolation", () => {
  it("stands in place of a profile, each role with its own layout", async () => {
    const { profile } = await started({
      aic_interpolation: { ...MODEL, ...PICKS, sweep_max_context_length: 8192 },
      profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
    });
    expect(profile.name).toBe("Qwen/Qwen3-32B on h200_sxm with trtllm");
    expect(profile.prefill.isl.at(-1)).toBeLessThanOrEqual(8192);
    for (const { role, parallelism } of ENGINES) {
      const engine = engineOf(parallelism);
      if (role === "decode") expect(profile.decode.maxKvTokens).toBe(engine.facts.maxKvTokens);
      else expect(profile.prefill.ttftMs[0]).toBeCloseTo(engine.context(1, profile.prefill.isl[0]!).ms, 3);
    }
  });

  it("is refused where it does not say which engine", async () => {
    await expect(started({ aic_interpolation: { ...MODEL, prefill_pick: { tp: 2 } } })).rejects.toMatchObject({
      code: "PLANNER_ESTIMATED_ENGINE",
      where: expect.stringMatching(/ \(aic_interpolation\.decode_pick\)$/),
    });
  });
});
