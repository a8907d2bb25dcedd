import { describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { createPlanner, surfaceFamilyOf } from "#planner/core";
import { buildSurface, loadProfile } from "#profiles";
import { plannerContext, strategyConfig } from "../../src/cli/planner/core-config.ts";
import { active, observation } from "../planner/observations.ts";

const profile = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");

function started(document: Record<string, unknown>) {
  const read = readPlannerConfig({ config: JSON.stringify({ environment: "none", ...document }) });
  const { config } = read;
  const strategy = strategyConfig(config);
  const surface = buildSurface(profile, surfaceFamilyOf(strategy.strategy));
  return { config, planner: createPlanner(strategy, plannerContext(read, profile), surface) };
}

const pass = (workerId: string, kvTokens: number, queuedTokens: number) => ({
  workerId,
  dpRank: 0,
  counterId: 1,
  wallTimeS: 0.01,
  scheduled: { prefillRequests: 0, prefillTokens: 0, prefillKvTokens: 0, decodeRequests: 20, decodeKvTokens: kvTokens },
  queued: { prefillRequests: 1, prefillTokens: queuedTokens, decodeRequests: 0, decodeKvTokens: 0 },
});

describe("a planner configuration in Dynamo's words, as strategy load-compat", () => {
  it.each(["disagg", "prefill", "decode", "agg"])("scales mode %s by load", (mode) => {
    const { config, planner } = started({
      mode,
      optimization_target: "load",
      decode_scale_up_kv_rate: 50,
      decode_scale_down_kv_rate: 20,
      prefill_scale_up_queue_tokens: 4000,
      prefill_scale_down_queue_tokens: 100,
      load_adjustment_interval_seconds: 2,
      max_gpu_budget: -1,
    });
    expect([planner.strategy, planner.intervalMs]).toEqual(["load-compat", 2000]);
    expect(config.service.tickIntervalMs).toBe(2000);
    const decision = planner.tick(
      observation(2000, 10, {
        windowMs: 2000,
        workers: {
          prefill: active(mode === "agg" || mode === "decode" ? 0 : 1),
          decode: active(mode === "prefill" ? 0 : 1),
        },
        forwardPasses: { prefill: [pass("p", 0, 5000)], decode: [pass("d", 0.6 * profile.decode.maxKvTokens, 0)] },
      }),
    );
    expect(decision.targets).toEqual(
      {
        disagg: { prefill: 2, decode: 2 },
        prefill: { prefill: 2, decode: 0 },
        decode: { prefill: 0, decode: 2 },
        agg: { prefill: 0, decode: 2 },
      }[mode],
    );
  });

  it("runs both loops where both are on, at ticks that suit both", () => {
    const { planner } = started({
      strategy: "load-compat",
      optimization_target: "sla",
      enable_load_scaling: true,
      load_adjustment_interval_seconds: 4,
      throughput_adjustment_interval_seconds: 30,
      load_predictor: "constant",
    });
    expect(planner.intervalMs).toBe(2000);
    const loops = [1, 2].map((tick) => planner.tick(observation(2000 * tick, 10, { windowMs: 2000 })).loops);
    expect(loops).toEqual([
      { load: "unset", throughput: "unset" },
      { load: "no_fpm_data", throughput: "unset" },
    ]);
  });
});

describe.each(["default", "load-compat"])("limits of strategy %s", (strategy) => {
  const power = (watts: number) => ({
    enable_power_awareness: true,
    total_gpu_power_limit: watts,
    prefill_engine_power_watts: 700,
    decode_engine_power_watts: 700,
  });

  it.each([
    [
      "max_gpu_budget",
      { max_gpu_budget: 3, min_endpoint: 2 },
      /max_gpu_budget is 3, expected at least 4: 2 prefill workers of 1 GPU and 2/,
    ],
    ["max_gpu_budget", { max_gpu_budget: 0 }, /max_gpu_budget is 0( W)?, expected at least 2/],
    ["max_gpu_budget", { max_gpu_budget: 1, min_endpoint: 0 }, /max_gpu_budget is 1( W)?, expected at least 2/],
    ["total_gpu_power_limit", power(100), /total_gpu_power_limit is 100( W)?, expected at least 1400/],
    [
      "total_gpu_power_limit",
      { ...power(2700), min_endpoint: 2 },
      /total_gpu_power_limit is 2700( W)?, expected at least 2800/,
    ],
  ])("are refused by the name %s where the minimum does not fit: %o", (where, document, message) => {
    expect(() => started({ strategy, ...document })).toThrow(
      expect.objectContaining({
        where: expect.stringContaining(`(${where})`),
        message: expect.stringMatching(message),
      }),
    );
  });

  it("may be no GPU at all where there is no minimum: then nothing runs", () => {
    const { planner } = started({ strategy, max_gpu_budget: 0, min_endpoint: 0 });
    const forwardPasses = { prefill: [pass("p", 0, 90_000)], decode: [pass("d", 0, 90_000)] };
    for (let tick = 1; tick <= 40; tick++) {
      const workers = { prefill: active(0), decode: active(0) };
      const { targets } = planner.tick(observation(tick * planner.intervalMs, 10, { workers, forwardPasses }));
      expect(targets ?? { prefill: 0, decode: 0 }).toEqual({ prefill: 0, decode: 0 });
    }
  });

  it("that the minimum just fits are none to refuse", () => {
    expect(() => started({ strategy, ...power(1400), max_gpu_budget: 2 })).not.toThrow();
  });
});
