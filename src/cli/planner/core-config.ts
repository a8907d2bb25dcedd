import type { AutoscalerTargets, PlannerServiceConfig, ReadPlannerConfig } from "#planner/config";
import type { PlannerConfig, PlannerContext } from "#planner/core";
import { type PredictorConfig, predictorConfigSchema } from "#planner/predictors";
import { trafficHistory } from "#planner/traces";
import type { Profile } from "#profiles";
import { atField } from "./fields.ts";

/** A service's configuration as the strategies read theirs. */
export function strategyConfig(config: PlannerServiceConfig): PlannerConfig {
  const { strategy, budget, strategyOptions: options } = config;
  const interval = config.service.tickIntervalMs;
  const maxGpus = budget.maxGpus;
  switch (strategy) {
    case "default":
      return {
        strategy,
        interval,
        maxGpus: {
          total: maxGpus ?? undefined,
          prefill: budget.maxGpusOf.prefill ?? undefined,
          decode: budget.maxGpusOf.decode ?? undefined,
        },
        minGpus: budget.minGpus ?? 0,
        ...(budget.powerLimitWatts === null
          ? {}
          : { maxPowerWatts: budget.powerLimitWatts, powerPerWorker: config.engine.powerWatts }),
        minWorkers: budget.minEndpoints,
        scaleDownDelay: options.scaleDownDelayMs,
        scaleToZeroDelay: options.scaleToZeroDelayMs,
        maxStep: options.maxStep ?? undefined,
      };
    case "sla-compat":
      return {
        strategy,
        interval: config.throughput.intervalMs,
        // The reference has no way to switch its budget off.
        maxGpus: maxGpus ?? Number.MAX_SAFE_INTEGER,
        minWorkers: Math.max(budget.minEndpoints.prefill, budget.minEndpoints.decode),
        predictor: predictorConfig(config),
        correction: options.correction,
        requestCount: options.requestCount,
      };
    case "load-compat": {
      const { scaling, load, throughput, engine } = config;
      const { powerLimitWatts } = budget;
      return {
        strategy,
        interval: load.intervalMs,
        throughputInterval: throughput.intervalMs,
        tickInterval: interval,
        target: config.optimizationTarget,
        ...(config.optimizationTarget === "sla" ? { scaling } : {}),
        maxGpus,
        ...(budget.minGpus === null ? {} : { minGpus: budget.minGpus }),
        minWorkers: budget.minEndpoints,
        ...(load.prefillQueueTokens === null ? {} : { prefillQueueTokens: load.prefillQueueTokens }),
        ...(load.decodeKvRate === null ? {} : { decodeKvPercent: load.decodeKvRate }),
        scaleDownSensitivity: load.scalingDownSensitivity,
        maxFpmSamples: load.maxFpmSamples,
        fpmBuckets: load.fpmBuckets,
        minObservations: load.minObservations,
        speculativeNextn: engine.speculativeNextn,
        ...(engine.contextLength === null ? {} : { contextLength: engine.contextLength }),
        predictor: predictorConfig(config),
        ...(powerLimitWatts === null ? {} : { power: { limitWatts: powerLimitWatts, perWorker: engine.powerWatts } }),
      };
    }
    case "hpa":
    case "keda":
      return autoscalerConfig(strategy, config);
    case "static": {
      const { staticReplicas } = options;
      return { strategy, interval, prefill: staticReplicas?.prefill ?? 0, decode: staticReplicas?.decode ?? 1 };
    }
    case "none":
      return { strategy, interval };
  }
}

function autoscalerConfig(
  strategy: "hpa" | "keda",
  { service, budget, strategyOptions: { autoscaler } }: PlannerServiceConfig,
): PlannerConfig {
  const { tolerance, upStabilizationMs, downStabilizationMs, pollingMs, cooldownMs, targets } = autoscaler;
  const common = {
    interval: service.tickIntervalMs,
    maxGpus: budget.maxGpus ?? undefined,
    minWorkers: budget.minEndpoints,
    tolerance,
    scaleUpStabilization: upStabilizationMs,
    scaleDownStabilization: downStabilizationMs,
  };
  if (strategy === "keda") {
    const trigger = ({ queueLength, activation }: AutoscalerTargets) =>
      queueLength === null ? undefined : { queueLength, activation };
    return {
      strategy,
      ...common,
      pollingInterval: pollingMs,
      cooldownPeriod: cooldownMs,
      prefill: trigger(targets.prefill),
      decode: trigger(targets.decode),
    };
  }
  const perWorker = ({ requestRate, concurrency, kvPercent }: AutoscalerTargets) => {
    if (requestRate === null && concurrency === null && kvPercent === null) return undefined;
    return {
      requestRate: requestRate ?? undefined,
      concurrency: concurrency ?? undefined,
      kvPercent: kvPercent ?? undefined,
    };
  };
  return { strategy, ...common, prefill: perWorker(targets.prefill), decode: perWorker(targets.decode) };
}

const LEAST_FITTED = 5;

function predictorConfig({ forecast, strategyOptions }: PlannerServiceConfig): PredictorConfig {
  const { predictor: type, log1p, kalman, prophetWindow } = forecast;
  const window = type === "prophet" ? prophetWindow : strategyOptions.predictionWindow;
  // The reference fits nothing to fewer values: it repeats the last.
  if ((type === "prophet" || type === "arima") && window < LEAST_FITTED) return { type: "constant" };
  switch (type) {
    case "kalman":
      return predictorConfigSchema.parse({ type, ...kalman, log1p });
    case "prophet":
    case "arima":
      return predictorConfigSchema.parse({ type, window, log1p });
    default:
      return predictorConfigSchema.parse(type);
  }
}

/** GPUs of a worker: as configured, else as the profile was measured, else one. */
export function gpusPerWorker({ engine }: PlannerServiceConfig, profile: Profile | null) {
  return {
    prefill: engine.gpus.prefill ?? profile?.provenance.gpusPerPrefillEngine ?? 1,
    decode: engine.gpus.decode ?? profile?.provenance.gpusPerDecodeEngine ?? 1,
  };
}

/** What a strategy is told of the deployment. @throws UserError PLANNER_TRACE_… */
export function plannerContext(
  { config, place }: Pick<ReadPlannerConfig, "config" | "place">,
  profile: Profile | null,
): PlannerContext {
  const { engine } = config;
  const workerKvTokens = engine.maxKvTokens ?? profile?.decode.maxKvTokens;
  const { warmupTrace } = config.forecast;
  return {
    mode: config.mode,
    sla: config.sla,
    gpusPerWorker: gpusPerWorker(config, profile),
    startupMs: engine.startupMs,
    transferMsPerToken: engine.kvTransferMsPerToken,
    ...(profile === null ? {} : { profile }),
    ranksPerWorker: engine.dpSize,
    // Configuration and profile speak of a whole worker, whose ranks share its memory.
    ...(workerKvTokens === undefined ? {} : { kvTokensPerRank: workerKvTokens / engine.dpSize.decode }),
    ...(engine.maxNumSeqs === null ? {} : { maxDecodeSequences: engine.maxNumSeqs }),
    ...(engine.maxNumBatchedTokens === null ? {} : { maxBatchedTokens: engine.maxNumBatchedTokens }),
    ...(warmupTrace === null
      ? {}
      : { history: atField(place("load_predictor_warmup_trace"), () => trafficHistory(warmupTrace)) }),
  };
}
