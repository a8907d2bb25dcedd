import {
  type ForwardPass,
  type LoopOutcome,
  ScalingCore,
  sharedValue,
  type Targets,
  type WorkerCounts,
} from "#planner/core";
import { nearOrNull, statedModel } from "./capacity-cases.ts";
import { Comparison } from "./comparison.ts";
import { gpuBounds } from "./limit-cases.ts";
import type {
  RecordedCapabilities,
  RecordedLinearModel,
  RecordedLoad,
  RecordedPasses,
  RecordedScalingConfig,
  RecordedThroughput,
  RecordedTraffic,
} from "./scaling-schemas.ts";

/** Passes that the reference's moving averages keep by default. */
const MAX_FPM_SAMPLES = 64;

export function compareThroughputScaling(model: RecordedLinearModel, recorded: RecordedThroughput): Comparison {
  const comparison = new Comparison();
  const outcome = scalingCore(model, recorded).advanceThroughput(expectedTraffic(recorded.predicted_traffic));
  comparison.same("reason", outcome.reason, recorded.out.reason);
  sameTargets(comparison, "decision", outcome.targets, recorded.out.decision);
  compareRates(comparison, recorded.config, outcome, recorded.out.engine_rps);
  return comparison;
}

/** One tick of the load loop, after one of the throughput loop where traffic is given. */
export function compareLoadScaling(model: RecordedLinearModel, recorded: RecordedLoad): Comparison {
  const comparison = new Comparison();
  const { workers, fpm, predicted_traffic, out, config } = recorded;
  const core = scalingCore(model, recorded);
  const throughput = predicted_traffic === null ? null : core.advanceThroughput(expectedTraffic(predicted_traffic));
  const load = core.advanceLoad(
    {
      prefill: workerCounts(workers.ready_p, workers.expected_p),
      decode: workerCounts(workers.ready_d, workers.expected_d),
    },
    { prefill: forwardPasses(fpm.prefill), decode: forwardPasses(fpm.decode) },
  );
  comparison.same("throughput reason", throughput?.reason ?? null, out.throughput_reason);
  sameTargets(comparison, "throughput decision", throughput?.targets ?? null, out.throughput_decision);
  comparison.same("load reason", load.reason, out.load_reason);
  comparison.same("load reason of prefill", load.reasons.prefill ?? null, out.load_reason_prefill);
  comparison.same("load reason of decode", load.reasons.decode ?? null, out.load_reason_decode);
  sameTargets(comparison, "load decision", load.targets, out.load_decision);
  comparison.same("prefill floor", core.floors.prefill, out.lower_bounds[0]);
  comparison.same("decode floor", core.floors.decode, out.lower_bounds[1]);
  nearOrNull(comparison, "estimated TTFT", sharedValue(load, "estimatedTtftMs"), out.estimated_ttft_ms);
  nearOrNull(comparison, "estimated ITL", sharedValue(load, "estimatedItlMs"), out.estimated_itl_ms);
  if (throughput !== null) compareRates(comparison, config, throughput, out.engine_rps);
  return comparison;
}

function scalingCore(
  model: RecordedLinearModel,
  recorded: { config: RecordedScalingConfig; prefill_caps: RecordedCapabilities; decode_caps: RecordedCapabilities },
): ScalingCore {
  const { config } = recorded;
  const isSla = config.optimization_target === "sla";
  const engine = (caps: RecordedCapabilities) => ({
    gpus: caps?.num_gpu ?? 1,
    ranks: 1,
    maxBatchedTokens: caps?.max_num_batched_tokens ?? null,
    maxSequences: caps?.max_num_seqs ?? null,
    maxKvTokens: caps?.max_kv_tokens ?? null,
    contextLength: caps?.context_length ?? null,
    model: statedModel(model),
  });
  return new ScalingCore({
    mode: config.mode,
    target: config.optimization_target,
    scaling: {
      load: !isSla || config.enable_load_scaling,
      throughput: isSla && config.enable_throughput_scaling,
    },
    sla: { ttftMs: config.ttft_ms, itlMs: config.itl_ms },
    scaleDownSensitivity: config.load_scaling_down_sensitivity / 100,
    thresholds: {
      queueTokens: limits(config.prefill_scale_up_queue_tokens, config.prefill_scale_down_queue_tokens, 1),
      kvUsage: limits(config.decode_scale_up_kv_rate, config.decode_scale_down_kv_rate, 100),
    },
    isGuarded: false,
    bounds: gpuBounds(config.min_gpu_budget, config.max_gpu_budget),
    minWorkers: { prefill: config.min_endpoint, decode: config.min_endpoint },
    speculativeNextn: 0,
    maxFpmSamples: MAX_FPM_SAMPLES,
    engines: { prefill: engine(recorded.prefill_caps), decode: engine(recorded.decode_caps) },
  });
}

function limits(up: number | undefined, down: number | undefined, whole: number) {
  return up === undefined || down === undefined ? null : { up: up / whole, down: down / whole };
}

function expectedTraffic({ num_req, duration_s, isl, osl, kv_hit_rate }: RecordedTraffic) {
  return { requestsPerS: num_req / duration_s, isl, osl, kvHitRate: kv_hit_rate };
}

function workerCounts(ready: number, expected: number): WorkerCounts {
  return { active: ready, starting: Math.max(0, expected - ready), draining: Math.max(0, ready - expected) };
}

function forwardPasses(recorded: RecordedPasses): ForwardPass[] | null {
  if (recorded === null) return null;
  return Object.entries(recorded).map(([id, pass]) => {
    const slash = id.lastIndexOf("/");
    return {
      workerId: id.slice(0, slash),
      dpRank: Number(id.slice(slash + 1)),
      counterId: 0,
      wallTimeS: pass.wt,
      scheduled: {
        prefillRequests: pass.npf,
        prefillTokens: pass.pt,
        prefillKvTokens: 0,
        decodeRequests: pass.nd,
        decodeKvTokens: pass.dk,
      },
      queued: {
        prefillRequests: pass.nqp,
        prefillTokens: pass.qp,
        decodeRequests: pass.nqd,
        decodeKvTokens: pass.qd,
      },
    };
  });
}

function sameTargets(
  comparison: Comparison,
  what: string,
  found: Partial<Targets> | null,
  expected: readonly [number | null, number | null] | null,
): void {
  const text = (targets: readonly (number | null | undefined)[]) => targets.map((count) => count ?? "–").join(" and ");
  comparison.same(
    what,
    found === null ? "none" : text([found.prefill, found.decode]),
    expected === null ? "none" : text(expected),
  );
}

/** An aggregated engine's rate is recorded for both roles. */
function compareRates(
  comparison: Comparison,
  { mode }: RecordedScalingConfig,
  outcome: LoopOutcome<string>,
  [prefill, decode]: readonly [number | null, number | null],
): void {
  const of = (role: "prefill" | "decode") => sharedValue(outcome, `${mode === "agg" ? "decode" : role}WorkerPerS`);
  nearOrNull(comparison, "requests/s of a prefill engine", of("prefill"), prefill);
  nearOrNull(comparison, "requests/s of a decode engine", of("decode"), decode);
}
