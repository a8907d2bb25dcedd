import type { LoadForecaster } from "#planner/predictors";
import type { Surface } from "#profiles";
import { type SlaReplicaOptions, slaReplicas } from "./sla-formulas.ts";
import type { Targets } from "./types.ts";

/** What a trace shows in one interval. */
export interface TrafficBucket {
  startS: number;
  requests: number;
  /** Means over the interval's requests, tokens; NaN where there are none. */
  isl: number;
  osl: number;
}

/** Mean lengths of an interval, tokens. */
interface Lengths {
  isl: number;
  osl: number;
}

export interface DryRunConfig extends SlaReplicaOptions {
  ttftMs: number;
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
 * sized from the forecast made before it. As in the reference, the first interval has the workers of the start and counts as
 * forecast exactly (a forecaster that knows traffic from before is asked all the same), and safe throughputs count workers, not
 * their GPUs. An interval without requests is judged by the lengths that were forecast for it.
 */
export function dryRun(
  buckets: readonly TrafficBucket[],
  config: DryRunConfig,
  surface: Surface,
  forecaster: LoadForecaster,
): DryRunStep[] {
  const { intervalS } = config;
  let workers = config.start;
  return buckets.map((bucket, index) => {
    const made = forecaster.predict();
    const { requests } = bucket;
    const forecast = index === 0 && made.requests === 0 ? { requests, ...lengthsOf(bucket, made) } : made;
    if (index > 0) {
      workers = slaReplicas(surface, forecast, { prefill: 1, decode: 1 }, config)?.targets ?? workers;
    }
    forecaster.add(bucket);
    const { isl, osl } = lengthsOf(bucket, forecast);
    const best = surface.bestThroughputPerGpu(config.itlMs, isl + osl / 2);
    const prefillInTime = surface.ttftMs(isl) <= config.ttftMs;
    return {
      startS: bucket.startS,
      requests,
      forecastRequests: forecast.requests,
      isl,
      forecastIsl: forecast.isl,
      osl,
      forecastOsl: forecast.osl,
      prefill: workers.prefill,
      decode: workers.decode,
      prefillTokens: requests * isl,
      decodeTokens: requests * osl,
      safePrefillTokens: prefillInTime ? workers.prefill * surface.prefillThroughputPerGpu(isl) * intervalS : 0,
      safeDecodeTokens: best.itlMs <= config.itlMs ? workers.decode * best.throughputPerGpu * intervalS : 0,
    };
  });
}

function lengthsOf({ requests, isl, osl }: TrafficBucket, forecast: Lengths): Lengths {
  return requests > 0 ? { isl, osl } : { isl: forecast.isl, osl: forecast.osl };
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
