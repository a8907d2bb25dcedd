import { createPredictor, type LoadValues, type PredictorConfig, type PredictorTools } from "#planner/predictors";
import type { Surface } from "#profiles";
import { type SlaReplicaOptions, slaReplicas } from "./sla-formulas.ts";
import type { Targets } from "./types.ts";

/** What a trace shows in one interval; intervals without requests are left out. */
export interface TrafficBucket {
  startS: number;
  requests: number;
  /** Means over the interval's requests, tokens. */
  isl: number;
  osl: number;
}

export interface DryRunConfig extends SlaReplicaOptions {
  ttftMs: number;
  predictor: PredictorConfig;
  /** Workers in the first interval. */
  start: Targets;
}

/** One interval of a dry run: what came, what had been forecast, the workers and what they could safely have done. */
export interface DryRunStep {
  startS: number;
  requests: number;
  forecastRequests: number;
  isl: number;
  forecastIsl: number;
  osl: number;
  forecastOsl: number;
  prefill: number;
  decode: number;
  /** Prompt tokens and output tokens of the interval. */
  prefillTokens: number;
  decodeTokens: number;
  /** Tokens per interval that the workers do within the SLA; 0 where the profile says they can't keep it. */
  safePrefillTokens: number;
  safeDecodeTokens: number;
}

/**
 * What the SLA planner would have done over a trace, without a deployment and without correction factors: each interval is
 * sized from the forecast made before it. As in the reference, safe throughputs count workers, not their GPUs.
 */
export function dryRun(
  buckets: readonly TrafficBucket[],
  config: DryRunConfig,
  surface: Surface,
  tools: PredictorTools = {},
  history: readonly LoadValues[] = [],
): DryRunStep[] {
  const { intervalS } = config;
  const predictors = {
    requests: createPredictor(config.predictor, intervalS, "requests", tools),
    isl: createPredictor(config.predictor, intervalS, "length", tools),
    osl: createPredictor(config.predictor, intervalS, "length", tools),
  };
  let workers = config.start;
  return buckets.map((bucket, index) => {
    let forecast = { requests: bucket.requests, isl: bucket.isl, osl: bucket.osl };
    if (index > 0) {
      forecast = {
        requests: predictors.requests.predict(),
        isl: predictors.isl.predict(),
        osl: predictors.osl.predict(),
      };
      workers = slaReplicas(surface, forecast, { prefill: 1, decode: 1 }, config)?.targets ?? workers;
    }
    predictors.requests.add(bucket.requests);
    predictors.isl.add(bucket.isl);
    predictors.osl.add(bucket.osl);
    const best = surface.bestThroughputPerGpu(config.itlMs, bucket.isl + bucket.osl / 2);
    const prefillInTime = surface.ttftMs(bucket.isl) <= config.ttftMs;
    return {
      startS: bucket.startS,
      requests: bucket.requests,
      forecastRequests: forecast.requests,
      isl: bucket.isl,
      forecastIsl: forecast.isl,
      osl: bucket.osl,
      forecastOsl: forecast.osl,
      prefill: workers.prefill,
      decode: workers.decode,
      prefillTokens: bucket.requests * bucket.isl,
      decodeTokens: bucket.requests * bucket.osl,
      safePrefillTokens: prefillInTime ? workers.prefill * surface.prefillThroughputPerGpu(bucket.isl) * intervalS : 0,
      safeDecodeTokens: best.itlMs <= config.itlMs ? workers.decode * best.throughputPerGpu * intervalS : 0,
    };
  });
}

/** Requests of a trace as the dry run reads them. */
export interface TraceArrival {
  timestampMs: number;
  isl: number;
  osl: number;
}

/** Sums a trace up in intervals that begin at multiples of `intervalS`, in ascending order; empty ones are left out. */
export function bucketTrace(arrivals: Iterable<TraceArrival>, intervalS: number): TrafficBucket[] {
  const sums = new Map<number, { requests: number; isl: number; osl: number }>();
  for (const { timestampMs, isl, osl } of arrivals) {
    const startS = Math.floor(timestampMs / 1000 / intervalS) * intervalS;
    const sum = sums.get(startS) ?? { requests: 0, isl: 0, osl: 0 };
    sum.requests++;
    sum.isl += isl;
    sum.osl += osl;
    sums.set(startS, sum);
  }
  return [...sums]
    .sort(([a], [b]) => a - b)
    .map(([startS, { requests, isl, osl }]) => ({ startS, requests, isl: isl / requests, osl: osl / requests }));
}
