import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { createPlanner, type Planner } from "#planner/core";
import { plannerContext, strategyConfig } from "../../src/cli/planner/core-config.ts";
import { plannerProfile } from "../../src/cli/planner/profile.ts";
import { active, forwardPass, observation } from "../planner/observations.ts";

const SHIPPED = "h200-llama-3.1-8b-fp8-tp1-estimate";
const before = process.cwd();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-no-profile-"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

function configured(document: Record<string, unknown>) {
  return readPlannerConfig({ config: JSON.stringify({ environment: "none", ...document }) });
}

/** A planner as the service makes it, where there is no profile. */
async function started(document: Record<string, unknown>): Promise<{ planner: Planner; infos: string[] }> {
  const read = configured(document);
  const infos: string[] = [];
  expect(await plannerProfile(read, (text) => infos.push(text))).toBeNull();
  return { planner: createPlanner(strategyConfig(read.config), plannerContext(read, null), null), infos };
}

const refusal = async (document: Record<string, unknown>) => {
  const error = await plannerProfile(configured(document), () => {}).catch((thrown: unknown) => thrown);
  return error as { where: string; message: string; exitCode: number };
};

const LIMITS = { maxBatchedTokens: 8192, maxSequences: 256, maxKvTokens: 100_000, contextLength: 32_768 };

describe("a planner without a profile", () => {
  it("scales by load as Dynamo's does by default, by what workers say that they take", async () => {
    const { planner, infos } = await started({ mode: "agg" });
    expect(infos).toEqual(['profile: none at "profiling_results"; what workers take at most, they say themselves']);
    const tick = (number: number, workerLimits: object) =>
      planner.tick(
        observation(number * 5000, 10, {
          workers: { prefill: active(0), decode: active(2) },
          forwardPasses: {
            prefill: null,
            decode: ["a", "b"].map((worker) => forwardPass(worker, { sequences: 100, kvTokens: 120_000 })),
          },
          workerLimits,
        }),
      );
    expect(tick(1, {}).loops!.load).toBe("insufficient_data");
    const decision = tick(2, { decode: LIMITS });
    expect(decision.values.decodeHighestLoad).toBeCloseTo(1.2, 9);
    expect(decision.targets).toEqual({ prefill: 0, decode: 3 });
    // Who is silent for a tick has said it before.
    expect(tick(3, {}).loops!.load).toBe("scale_up");
  });

  it.each(["rapid", "none"])("plans for an SLA once passes have taught it, sweeping mode %s", async (sweeping) => {
    const { planner } = await started({
      optimization_target: "sla",
      strategy: "load-compat",
      pre_deployment_sweeping_mode: sweeping,
      throughput_adjustment_interval_seconds: 20,
      load_predictor: "constant",
      max_gpu_budget: -1,
    });
    const seen: string[] = [];
    const lacking: string[][] = [];
    let wanted = null;
    for (let tick = 1; tick <= 16; tick++) {
      // 40 µs a prompt token, 10 ms a pass of decode workers.
      const prefill = [forwardPass("p", { prefillTokens: 1000 + 100 * tick, wallTimeS: 0.04 + 0.004 * tick })];
      const decode = [forwardPass("d", { sequences: 10 + tick, kvTokens: 30_000 + tick })];
      const forwardPasses = tick <= 4 ? { prefill: null, decode: null } : { prefill, decode };
      const workers = { prefill: active(1), decode: active(1) };
      const decision = planner.tick(observation(tick * 5000, 40, { workers, forwardPasses }));
      seen.push(decision.loops!.throughput);
      lacking.push(decision.reasons.filter(({ code }) => code === "passes-lacking").map(({ text }) => text));
      wanted = decision.targets ?? wanted;
    }
    expect(seen.slice(0, 4)).toEqual(["unset", "unset", "unset", "model_not_ready"]);
    expect(seen.at(-1)).toBe("scale");
    // It says what it waits for, as long as it does.
    expect(lacking[7]).toEqual([
      "the latency model has seen 4 of 5 prefill passes; it learns from the latest pass of each engine at each tick",
      "the latency model has seen 4 of 5 decode passes; it learns from the latest pass of each engine at each tick",
    ]);
    expect(lacking.at(-1)).toEqual([]);
    // 40 prompts/s of 3000 tokens at 8.3 a worker.
    expect(wanted).toEqual({ prefill: 5, decode: expect.any(Number) });
  });

  it.each([1, 2])(
    "plans for an SLA at once where engines of %i ranks tell what they were tried with",
    async (ranks) => {
      const { planner } = await started({
        mode: "agg",
        optimization_target: "sla",
        strategy: "load-compat",
        decode_engine_dp_size: ranks,
        throughput_adjustment_interval_seconds: 5,
        load_predictor: "constant",
      });
      const decode = [
        ...[500, 1000, 2000, 4000, 8000].map((tokens) => ({ prefillTokens: tokens, wallTimeS: tokens / 40_000 })),
        ...[1, 4, 16, 32, 64].map((sequences) => ({ sequences, kvTokens: 1000 * sequences, wallTimeS: 0.01 })),
      ].map((pass) => forwardPass("d", pass));
      const tick = (number: number, benchmarks: object) => {
        const workers = { prefill: active(0), decode: active(1) };
        return planner.tick(observation(number * 5000, 2, { workers, benchmarks, workerLimits: { decode: LIMITS } }));
      };
      expect(tick(1, {}).loops!.throughput).toBe("model_not_ready");
      // As in the reference, one rank's passes are not told to a model of several.
      const ready = ranks === 1 ? "scale" : "model_not_ready";
      expect(tick(2, { decode }).loops!.throughput).toBe(ready);
      expect(tick(3, {}).loops!.throughput).toBe(ready);
    },
  );

  it.each(["default", "sla-compat"])(
    "is refused with strategy %s, which plans with one, by the field",
    async (strategy) => {
      expect(await refusal({ strategy, optimization_target: "sla" })).toMatchObject({
        code: "PLANNER_PROFILE_MISSING",
        where: "profile_results_dir",
        message: `found none at "profiling_results", expected a profile: strategy ${strategy} plans with one`,
        exitCode: 2,
      });
      const read = configured({ strategy, optimization_target: "sla", profile_results_dir: SHIPPED });
      expect(() => createPlanner(strategyConfig(read.config), plannerContext(read, null), null)).toThrowError(
        expect.objectContaining({ code: "PLANNER_PROFILE_MISSING" }),
      );
    },
  );

  it("is refused where it scales by a share of a KV capacity that nobody knows", async () => {
    const document = { strategy: "hpa", autoscaler: { decode: { kv_percent: 70 } } };
    expect((await refusal(document)).message).toContain("autoscaler.decode.kv_percent is a share of the KV capacity");
    const { planner } = await started({ ...document, max_kv_tokens: 100_000 });
    expect(planner.strategy).toBe("hpa");
  });
});

describe("a profile that is named", () => {
  it.each(["/nope", "nope"])("%s, and is not there, is refused by the field, whoever plans", async (name) => {
    for (const strategy of ["load-compat", "default", "none"]) {
      const error = await refusal({ strategy, profile_results_dir: name });
      expect(error.where).toMatch(/^--config:1:\d+ \(profile_results_dir\)$/);
      expect(error.message).toMatch(new RegExp(`^${name}: (no such file|found neither a file)`));
      expect(error.exitCode).toBe(2);
    }
  });

  it("is not read where engines were not sampled, and goes before the estimator where they were measured", async () => {
    const none = configured({ pre_deployment_sweeping_mode: "none", profile_results_dir: "/nope" });
    expect(await plannerProfile(none, () => {})).toBeNull();
    const aic = { hf_id: "nobody/knows-this", system: "h200_sxm", backend: "vllm", decode_pick: { tp: 1 } };
    const both = { mode: "agg", profile_results_dir: SHIPPED, aic_interpolation: aic };
    const measured = configured({ ...both, pre_deployment_sweeping_mode: "thorough" });
    expect((await plannerProfile(measured, () => {}))!.name).toBe(SHIPPED);
    await expect(plannerProfile(configured(both), () => {})).rejects.toThrow(/nobody\/knows-this/);
  });
});
