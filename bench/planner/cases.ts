import { randomStream } from "#common";
import {
  createPlanner,
  type ForwardPass,
  type Observation,
  type Planner,
  type PlannerContext,
  plannerConfigSchema,
  surfaceFamilyOf,
} from "#planner/core";
import { buildSurface, loadProfile } from "#profiles";

/** A planner to be measured, by the `planner:` section that makes it. */
export interface PlannerCase {
  name: string;
  mode: "disagg" | "agg";
  planner: Record<string, unknown>;
}

export const INTERVAL_S = 5;
const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
const ISL = 3000;
const OSL = 300;
/** Share of a deployment's workers that prefill, and requests/s that the profile's prefill worker takes, roughly. */
const PREFILL_SHARE = 0.5;
const PER_PREFILL_WORKER = 11;

const older = { interval: "5s", maxGpus: 4000 };

export const PLANNER_CASES: readonly PlannerCase[] = [
  { name: "default, disaggregated", mode: "disagg", planner: { strategy: "default", maxGpus: 4000 } },
  { name: "default, aggregated", mode: "agg", planner: { strategy: "default", maxGpus: 4000 } },
  ...["constant", "arima", "kalman", "ensemble"].map(
    (predictor): PlannerCase => ({
      name: `sla-compat, ${predictor}`,
      mode: "disagg",
      planner: { strategy: "sla-compat", predictor, ...older },
    }),
  ),
  {
    name: "load-compat, both loops",
    mode: "disagg",
    planner: { strategy: "load-compat", target: "sla", scaling: { load: true, throughput: true }, maxGpus: 4000 },
  },
  { name: "static", mode: "disagg", planner: { strategy: "static", prefill: 400, decode: 600 } },
];

/** A scenario of a day with a noon and an evening; `hours` of it. */
export function dayScenario({ name, mode, planner }: PlannerCase, hours: number): string {
  const pool = { workers: 2, startup: "30s" };
  return JSON.stringify({
    name: `day-${name.replaceAll(/\W+/g, "-")}`,
    seed: 1,
    deployment: {
      profile: PROFILE,
      mode,
      ...(mode === "agg" ? { agg: pool } : { prefill: pool, decode: pool, kvTransfer: { bandwidth: "64GB/s" } }),
    },
    sla: { ttft: "200ms", itl: "10ms" },
    planner: { ...planner, maxGpus: 16 },
    traffic: [
      {
        diurnal: {
          requestRate: {
            base: 4,
            day: "24h",
            peaks: [
              { hour: 11, height: 30, width: 2.4 },
              { hour: 20, height: 38, width: 2 },
            ],
          },
          isl: ISL,
          osl: OSL,
          duration: `${hours}h`,
        },
      },
    ],
  });
}

export function caseNamed(name: string): PlannerCase {
  const found = PLANNER_CASES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no case ${JSON.stringify(name)}`);
  return found;
}

function contextOf({ mode }: PlannerCase): PlannerContext {
  return {
    mode,
    sla: { ttftMs: 200, itlMs: 10 },
    gpusPerWorker: { prefill: mode === "agg" ? 0 : 1, decode: 1 },
    startupMs: { prefill: 30_000, decode: 30_000 },
    transferMsPerToken: 0.002,
  };
}

export function plannerOf(each: PlannerCase): Planner {
  const config = plannerConfigSchema.parse(each.planner);
  const profile = loadProfile(PROFILE);
  return createPlanner(
    config,
    { ...contextOf(each), profile },
    buildSurface(profile, surfaceFamilyOf(config.strategy)),
  );
}

/**
 * What a deployment of `workers` reports, tick by tick: load that waves within an hour, noise as of Poisson arrivals, the length of each prompt that
 * arrived, every worker's load, and `passes` forward passes of each worker since the last tick.
 */
export function observations(each: PlannerCase, workers: number, passes: number): (tick: number) => Observation {
  const random = randomStream(1, `planner bench ${each.name}`);
  const prefill = each.mode === "agg" ? 0 : Math.round(workers * PREFILL_SHARE);
  const decode = workers - prefill;
  const fullRate = PER_PREFILL_WORKER * (each.mode === "agg" ? decode * PREFILL_SHARE : prefill);
  const active = (count: number) => ({ active: count, starting: 0, draining: 0 });
  return (tick) => {
    const nowMs = (tick + 1) * INTERVAL_S * 1000;
    const rate = fullRate * (0.75 - 0.25 * Math.cos((2 * Math.PI * nowMs) / 3_600_000));
    const started = random.poisson(rate * INTERVAL_S);
    const lengths = new Float64Array(started);
    for (let i = 0; i < started; i++) lengths[i] = Math.max(1, ISL * (1 + 0.3 * random.normal()));
    const batch = Math.round((rate / decode) * 2.4);
    const missed = Math.round(0.002 * started);
    return {
      nowMs,
      windowMs: INTERVAL_S * 1000,
      startedRequests: started,
      startedIsl: lengths,
      completedRequests: started,
      meanIsl: ISL,
      meanOsl: OSL,
      meanTtftMs: 110,
      meanItlMs: 8,
      meanRequestDurationMs: 2500,
      ttftJudged: started,
      ttftMet: started - missed,
      itlJudged: started,
      itlMet: started - missed,
      prefillMeasuredS: started * 0.06,
      prefillProfiledS: started * 0.06,
      prefillCount: started,
      workers: { prefill: active(prefill), decode: active(decode) },
      prefillLoad: Array.from({ length: prefill }, (_, workerId) => ({
        workerId,
        queuedRequests: 1,
        queuedTokens: ISL,
      })),
      decodeLoad: Array.from({ length: decode }, (_, workerId) => ({
        workerId,
        batch,
        kvTokens: batch * (ISL + OSL / 2),
        itlMs: 8 + 0.2 * random.normal(),
      })),
      forwardPasses: {
        prefill: passesOf("prefill", prefill, passes, tick),
        decode: passesOf("decode", decode, passes, tick),
      },
    };
  };

  function passesOf(role: "prefill" | "decode", count: number, each: number, tick: number): ForwardPass[] {
    const made: ForwardPass[] = [];
    for (let worker = 0; worker < count; worker++) {
      for (let pass = 0; pass < each; pass++) made.push(passOf(role, `${role}-${worker}`, tick * each + pass));
    }
    return made;
  }

  function passOf(role: "prefill" | "decode", workerId: string, counterId: number): ForwardPass {
    const prompt = role === "prefill" ? Math.round(ISL * (1 + 0.3 * random.normal())) : 0;
    const sequences = role === "decode" ? 20 + Math.round(5 * random.normal()) : 0;
    const context = sequences * (ISL + OSL / 2);
    return {
      workerId,
      dpRank: 0,
      counterId,
      wallTimeS: role === "prefill" ? 0.02 + prompt * 2e-5 : 0.006 + context * 3e-8,
      scheduled: {
        prefillRequests: prompt > 0 ? 1 : 0,
        prefillTokens: prompt,
        prefillLengthVariance: 0,
        prefillKvTokens: 0,
        decodeRequests: sequences,
        decodeKvTokens: context,
        decodeKvVariance: 0,
      },
      queued: {
        prefillRequests: prompt > 0 ? 1 : 0,
        prefillTokens: prompt,
        prefillLengthVariance: 0,
        decodeRequests: 0,
        decodeKvTokens: 0,
        decodeKvVariance: 0,
      },
    };
  }
}
