import type { PlannerConfig } from "#planner/core";
import type { Rehearsal } from "#src/rehearsal";
import { notInCluster } from "../errors.ts";

type Settings = Record<string, unknown>;
type Strategy<Name extends PlannerConfig["strategy"]> = Extract<PlannerConfig, { strategy: Name }>;
type Predictor = Strategy<"sla-compat">["predictor"];

/**
 * A scenario's planner as `planner.yaml` has it, for one that is a process of its own: its settings, the SLA, and what the
 * engines are. `understudy planner` comes to the same configuration by it.
 * @throws UserError LIVE_NOT_IN_CLUSTER for what it has no key for
 */
export function plannerSettings({ scenario, simulation, profile }: Rehearsal): Settings | null {
  const { planner, sla, locate } = scenario;
  if (planner === null) return null;
  const refuse = (key: string, why: string) => notInCluster(locate(["planner", key]), why);
  if ("warmupTrace" in planner && planner.warmupTrace !== undefined) {
    throw refuse("warmupTrace", "the trace lies on this machine, where a planner in the cluster can't read it");
  }
  const { prefill, decode, transfer } = simulation;
  const { engine } = prefill ?? decode;
  const kvTokens = decode.engine.numGpuBlocks * decode.engine.blockSize * decode.dpSize;
  return {
    ...ofStrategy(planner, simulation.prefill === null ? "agg" : "disagg", refuse),
    mode: prefill === null ? "agg" : "disagg",
    ttft_ms: sla.ttftMs,
    itl_ms: sla.itlMs,
    ...(prefill === null ? {} : { prefill_engine_num_gpu: prefill.gpusPerWorker }),
    decode_engine_num_gpu: decode.gpusPerWorker,
    prefill_startup_seconds: (prefill?.startupMs ?? 0) / 1000,
    decode_startup_seconds: decode.startupMs / 1000,
    prefill_engine_dp_size: prefill?.dpSize ?? 1,
    decode_engine_dp_size: decode.dpSize,
    kv_transfer_ms_per_token: transfer === null ? 0 : (transfer.bytesPerToken / transfer.bytesPerSecond) * 1000,
    max_num_seqs: decode.engine.maxNumSeqs * decode.dpSize,
    max_num_batched_tokens: engine.maxNumBatchedTokens,
    ...(kvTokens === profile?.decode.maxKvTokens ? {} : { max_kv_tokens: kvTokens }),
  };
}

type Refuse = (key: string, why: string) => Error;

type Mode = "agg" | "disagg";

function ofStrategy(planner: PlannerConfig, mode: Mode, refuse: Refuse): Settings {
  const { strategy } = planner;
  switch (strategy) {
    case "default":
      return ofDefault(planner, mode);
    case "sla-compat":
      return {
        strategy,
        throughput_adjustment_interval_seconds: planner.interval / 1000,
        max_gpu_budget: planner.maxGpus,
        min_endpoint: planner.minWorkers,
        ...ofPredictor(planner.predictor, refuse),
        no_correction: !planner.correction,
        request_count: planner.requestCount,
      };
    case "load-compat":
      return ofLoadCompat(planner, mode, refuse);
    case "static":
      return {
        strategy,
        load_adjustment_interval_seconds: planner.interval / 1000,
        static_prefill_replicas: planner.prefill,
        static_decode_replicas: planner.decode,
      };
    case "hpa":
    case "keda":
      return ofAutoscaler(planner, mode);
    case "none":
      return { strategy, load_adjustment_interval_seconds: planner.interval / 1000 };
  }
}

function ofAutoscaler(planner: Strategy<"hpa" | "keda">, mode: Mode): Settings {
  const shared = {
    tolerance: planner.tolerance,
    scale_up_stabilization_seconds: planner.scaleUpStabilization / 1000,
    scale_down_stabilization_seconds: planner.scaleDownStabilization / 1000,
  };
  const keda = planner.strategy === "keda";
  const queue = (trigger: Strategy<"keda">["prefill"]) =>
    trigger === undefined ? {} : { queue_length: trigger.queueLength, activation: trigger.activation };
  const targets = (given: Strategy<"hpa">["decode"]) => ({
    ...(given?.requestRate === undefined ? {} : { request_rate: given.requestRate }),
    ...(given?.concurrency === undefined ? {} : { concurrency: given.concurrency }),
    ...(given?.kvPercent === undefined ? {} : { kv_percent: given.kvPercent }),
  });
  return {
    strategy: planner.strategy,
    load_adjustment_interval_seconds: planner.interval / 1000,
    max_gpu_budget: planner.maxGpus ?? -1,
    ...ofMinimum(planner.minWorkers, mode),
    autoscaler: keda
      ? {
          ...shared,
          polling_interval_seconds: planner.pollingInterval / 1000,
          cooldown_period_seconds: planner.cooldownPeriod / 1000,
          prefill: queue(planner.prefill),
          decode: queue(planner.decode),
        }
      : { ...shared, prefill: targets(planner.prefill), decode: targets(planner.decode) },
  };
}

function ofDefault(planner: Strategy<"default">, mode: Mode): Settings {
  const { maxGpus, minWorkers, maxPowerWatts, powerPerWorker } = planner;
  const limits = typeof maxGpus === "object" ? maxGpus : { total: maxGpus };
  return {
    strategy: planner.strategy,
    load_adjustment_interval_seconds: planner.interval / 1000,
    max_gpu_budget: limits.total ?? -1,
    ...("prefill" in limits && limits.prefill !== undefined ? { prefill_max_gpu_budget: limits.prefill } : {}),
    ...("decode" in limits && limits.decode !== undefined ? { decode_max_gpu_budget: limits.decode } : {}),
    min_gpu_budget: planner.minGpus,
    ...ofMinimum(minWorkers, mode),
    ...(maxPowerWatts === undefined ? {} : ofPower(maxPowerWatts, powerPerWorker ?? { prefill: null, decode: null })),
    scale_down_delay_seconds: planner.scaleDownDelay / 1000,
    scale_to_zero_delay_seconds: planner.scaleToZeroDelay / 1000,
    ...(planner.maxStep === undefined ? {} : { max_replica_step: planner.maxStep }),
  };
}

function ofLoadCompat(planner: Strategy<"load-compat">, mode: Mode, refuse: Refuse): Settings {
  const { prefillQueueTokens: queue, decodeKvPercent: kv, scaling, power } = planner;
  return {
    strategy: planner.strategy,
    load_adjustment_interval_seconds: planner.interval / 1000,
    throughput_adjustment_interval_seconds: planner.throughputInterval / 1000,
    ...(planner.tickInterval === undefined
      ? {}
      : { scheduling: { scale_interval_seconds: planner.tickInterval / 1000 } }),
    optimization_target: planner.target,
    ...(scaling === undefined
      ? {}
      : { enable_load_scaling: scaling.load, enable_throughput_scaling: scaling.throughput }),
    max_gpu_budget: planner.maxGpus ?? -1,
    min_gpu_budget: planner.minGpus ?? -1,
    ...ofMinimum(planner.minWorkers, mode),
    ...(queue === undefined
      ? {}
      : { prefill_scale_up_queue_tokens: queue.up, prefill_scale_down_queue_tokens: queue.down }),
    ...(kv === undefined ? {} : { decode_scale_up_kv_rate: kv.up, decode_scale_down_kv_rate: kv.down }),
    load_scaling_down_sensitivity: planner.scaleDownSensitivity,
    max_num_fpm_samples: planner.maxFpmSamples,
    fpm_sample_bucket_size: planner.fpmBuckets,
    load_min_observations: planner.minObservations,
    speculative_nextn: planner.speculativeNextn,
    ...(planner.contextLength === undefined ? {} : { context_length: planner.contextLength }),
    ...ofPredictor(planner.predictor, refuse),
    ...(power === undefined ? {} : ofPower(power.limitWatts, power.perWorker)),
  };
}

/** None at all is said of both roles at once; `min_endpoint` alone takes 0. */
function ofMinimum({ prefill, decode }: { prefill: number; decode: number }, mode: Mode): Settings {
  if (mode === "agg") return { min_endpoint: decode };
  return {
    min_endpoint: Math.min(prefill, decode),
    ...(prefill > 0 ? { prefill_min_endpoint: prefill } : {}),
    ...(decode > 0 ? { decode_min_endpoint: decode } : {}),
  };
}

function ofPower(limitWatts: number, perWorker: { prefill: number | null; decode: number | null }): Settings {
  return {
    enable_power_awareness: true,
    total_gpu_power_limit: limitWatts,
    prefill_engine_power_watts: perWorker.prefill,
    decode_engine_power_watts: perWorker.decode,
  };
}

function ofPredictor(predictor: Predictor, refuse: Refuse): Settings {
  switch (predictor.type) {
    case "arima":
      return {
        load_predictor: predictor.type,
        load_prediction_window_size: predictor.window,
        load_predictor_log1p: predictor.log1p,
      };
    case "prophet":
      return {
        load_predictor: predictor.type,
        prophet_window_size: predictor.window,
        load_predictor_log1p: predictor.log1p,
      };
    case "kalman":
      return {
        load_predictor: predictor.type,
        kalman_q_level: predictor.qLevel,
        kalman_q_trend: predictor.qTrend,
        kalman_r: predictor.r,
        kalman_min_points: predictor.minPoints,
        load_predictor_log1p: predictor.log1p,
      };
    case "bank":
      throw refuse("predictor", "planner.yaml has no predictor bank");
    default:
      return { load_predictor: predictor.type };
  }
}
