import { z } from "zod";
import {
  createPlanner,
  type Decision,
  type ForwardPass,
  type Observation,
  type Planner,
  plannerConfigSchema,
} from "#planner/core";
import type { Surface } from "#profiles";
import type { DynosimCase, DynosimTick } from "./case.ts";
import type { Comparison } from "./compare.ts";
import { dynosimBadCase } from "./errors.ts";
import type { DynosimDeployment } from "./pools.ts";

const settings = z.object({
  mode: z.string().default("disagg"),
  optimization_target: z.enum(["throughput", "latency", "load", "sla"]).default("throughput"),
  load_adjustment_interval_seconds: z.number().positive().default(5),
  max_gpu_budget: z.number().default(8),
  min_gpu_budget: z.number().default(-1),
  min_endpoint: z.number().default(1),
  prefill_scale_up_queue_tokens: z.number().optional(),
  prefill_scale_down_queue_tokens: z.number().optional(),
  decode_scale_up_kv_rate: z.number().optional(),
  decode_scale_down_kv_rate: z.number().optional(),
});

/** Why a run's planner is not replayed, or null. */
export function whyNotPlanner({ arguments: call, file }: DynosimCase): string | null {
  if (call.planner_config === undefined || call.planner_config === null) return null;
  const { optimization_target: target } = readSettings(call.planner_config, file);
  return target === "sla" ? "not yet: a planner towards an SLA, whose latency model is the estimator's" : null;
}

/** The planner of a run, or null, and all that it sees. */
export function dynosimPlanner(
  run: DynosimCase,
  deployment: DynosimDeployment,
): { planner: Planner; seen: Observation[] } | null {
  const { planner_config: config } = run.arguments;
  if (config === undefined || config === null) return null;
  const given = readSettings(config, run.file);
  const limits = (up: number | undefined, down: number | undefined) =>
    up === undefined || down === undefined ? undefined : { up, down };
  const { prefill, decode } = deployment;
  const { numGpuBlocks, blockSize, maxNumSeqs, maxNumBatchedTokens, maxModelLen } = decode.engine;
  const strategy = plannerConfigSchema.parse({
    strategy: "load-compat",
    interval: `${given.load_adjustment_interval_seconds}s`,
    target: given.optimization_target,
    maxGpus: given.max_gpu_budget < 0 ? null : given.max_gpu_budget,
    ...(given.min_gpu_budget < 0 ? {} : { minGpus: given.min_gpu_budget }),
    minWorkers: given.min_endpoint,
    prefillQueueTokens: limits(given.prefill_scale_up_queue_tokens, given.prefill_scale_down_queue_tokens),
    decodeKvPercent: limits(given.decode_scale_up_kv_rate, given.decode_scale_down_kv_rate),
    ...(maxModelLen === null ? {} : { contextLength: maxModelLen }),
  });
  const planner = createPlanner(
    strategy,
    {
      mode: prefill === null ? "agg" : "disagg",
      sla: { ttftMs: Infinity, itlMs: Infinity },
      gpusPerWorker: { prefill: prefill?.gpusPerWorker ?? 0, decode: decode.gpusPerWorker },
      startupMs: { prefill: prefill?.startupMs ?? 0, decode: decode.startupMs },
      transferMsPerToken: 0,
      kvTokensPerRank: numGpuBlocks * blockSize,
      maxDecodeSequences: maxNumSeqs,
      maxBatchedTokens: maxNumBatchedTokens,
    },
    NO_SURFACE,
  );
  const seen: Observation[] = [];
  const tick = (observation: Observation): Decision => {
    seen.push(observation);
    return planner.tick(observation);
  };
  return {
    planner: { strategy: planner.strategy, intervalMs: planner.intervalMs, needsForwardPasses: true, tick },
    seen,
  };
}

/** Tick by tick: what the planner saw of each engine, and what it made of it. */
export function compareTicks(
  recorded: readonly DynosimTick[],
  seen: readonly Observation[],
  decisions: readonly Decision[],
): Comparison {
  let firstDifference: string | null = null;
  let differences = 0;
  const same = (what: string, found: unknown, expected: unknown) => {
    if (found === expected) return;
    differences++;
    firstDifference ??= `${what}: found ${String(found)}, expected ${String(expected)}`;
  };
  same("ticks", decisions.length, recorded.length);
  recorded.slice(0, decisions.length).forEach((tick, i) => {
    const decision = decisions[i]!;
    const at = `tick ${i}`;
    same(`${at}, time`, decision.atMs, tick.at_ms);
    same(`${at}, reason`, reasonOf(decision), tick.effects.diagnostics.load_decision_reason);
    for (const role of ["prefill", "decode"] as const) {
      const { active, starting } = decision.workers[role];
      // A role that is left as it is need not be named.
      const target = tick.effects.scale_to?.[`num_${role}`] ?? active + starting;
      same(`${at}, ${role} workers`, decision.targets?.[role] ?? active + starting, target);
      // DynoSim lists workers by their ids as text: 10 before 8.
      const passes = (seen[i]!.forwardPasses?.[role] ?? []).map(ourPass).sort();
      const expected = (tick.input.fpm_observations?.[role] ?? [])
        .map(({ worker_id, metrics }) => theirPass(worker_id, metrics))
        .sort();
      same(`${at}, ${role} passes`, passes.join("; "), expected.join("; "));
    }
  });
  return { largestRelativeError: 0, firstDifference, differences };
}

/** In DynoSim's words. */
function reasonOf({ reasons }: Decision): string | null {
  return reasons[0]?.code.replaceAll("-", "_") ?? null;
}

function ourPass({ workerId, scheduled, queued }: ForwardPass): string {
  return pass(workerId.slice(workerId.indexOf("/") + 1), [
    scheduled.prefillRequests,
    scheduled.prefillTokens,
    scheduled.prefillKvTokens,
    scheduled.decodeRequests,
    scheduled.decodeKvTokens,
    queued.prefillRequests,
    queued.prefillTokens,
    queued.decodeRequests,
    queued.decodeKvTokens,
  ]);
}

type RecordedPass = NonNullable<NonNullable<DynosimTick["input"]["fpm_observations"]>["decode"]>[number];

function theirPass(
  worker: string,
  { scheduled_requests: scheduled, queued_requests: queued }: RecordedPass["metrics"],
) {
  return pass(worker, [
    scheduled.num_prefill_requests,
    scheduled.sum_prefill_tokens,
    scheduled.sum_prefill_kv_tokens,
    scheduled.num_decode_requests,
    scheduled.sum_decode_kv_tokens,
    queued.num_prefill_requests,
    queued.sum_prefill_tokens,
    queued.num_decode_requests,
    queued.sum_decode_kv_tokens,
  ]);
}

function pass(worker: string, counts: readonly number[]): string {
  return `${worker}: ${counts.join(" ")}`;
}

function readSettings(config: unknown, file: string) {
  const parsed = settings.safeParse(config);
  if (!parsed.success) throw dynosimBadCase(file, parsed.error, "call.planner_config");
  return parsed.data;
}

/** Targets other than the SLA ask no profile. */
const NO_SURFACE: Surface = {
  family: "compat",
  maxKvTokens: Number.NaN,
  ttftMs: () => Number.NaN,
  prefillThroughputPerGpu: () => Number.NaN,
  itlMs: () => Number.NaN,
  decodeThroughputPerGpu: () => Number.NaN,
  bestThroughputPerGpu: () => ({ throughputPerGpu: Number.NaN, itlMs: Number.NaN, kvUsage: Number.NaN }),
  extrapolates: () => true,
  extrapolatesPrefill: () => true,
};
