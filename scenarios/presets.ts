import { distributionMean } from "./distributions.ts";
import type { Arrivals, Distribution } from "./traffic.ts";

/** Statistics of lengths as they are published, tokens. */
export interface PublishedLengths {
  mean: number;
  p50: number;
  p80: number;
  p95: number;
  p99: number;
}

/**
 * Sun et al., Llumnix: Dynamic Scheduling for Large Language Model Serving (OSDI 2024, arXiv:2406.03243), table 1: ShareGPT
 * (GPT-4) and BurstGPT (GPT-4, conversations).
 */
export const PUBLISHED_LENGTHS = {
  sharegpt: {
    isl: { mean: 306, p50: 74, p80: 348, p95: 1484, p99: 3388 },
    osl: { mean: 500, p50: 487, p80: 781, p95: 988, p99: 1234 },
  },
  burstgpt: {
    isl: { mean: 830, p50: 582, p80: 1427, p95: 2345, p99: 3549 },
    osl: { mean: 271, p50: 243, p80: 434, p95: 669, p99: 964 },
  },
} as const satisfies Record<string, { isl: PublishedLengths; osl: PublishedLengths }>;

export type LengthsName = keyof typeof PUBLISHED_LENGTHS;

/** Lengths of that name: the published quantiles, with ends that give the published mean. Input and output are independent. */
export function namedLengths(name: LengthsName): { isl: Distribution; osl: Distribution } {
  const { isl, osl } = PUBLISHED_LENGTHS[name];
  return { isl: byQuantiles(isl), osl: byQuantiles(osl) };
}

/**
 * The distribution with these quantiles and this mean. What is not published, its ends, is derived: the largest value continues the
 * ratio of the 99th to the 95th percentile, and the smallest is what then gives the mean; where even 1 token is too much for that,
 * the smallest is 1 and the largest gives the mean.
 */
export function byQuantiles({ mean, p50, p80, p95, p99 }: PublishedLengths): Distribution {
  const between = (smallest: number, largest: number): Distribution => ({
    kind: "quantiles",
    points: [
      { q: 0, value: smallest },
      { q: 0.5, value: p50 },
      { q: 0.8, value: p80 },
      { q: 0.95, value: p95 },
      { q: 0.99, value: p99 },
      { q: 1, value: largest },
    ],
  });
  const largest = (p99 * p99) / p95;
  const miss = (distribution: Distribution) => distributionMean(distribution) - mean;
  if (miss(between(1, largest)) > 0)
    return between(
      1,
      root((value) => miss(between(1, value)), p99, largest),
    );
  return between(
    root((value) => miss(between(value, largest)), 1, p50),
    largest,
  );
}

/** Where a rising function is 0, by bisection; the nearer end where it is so nowhere. */
function root(f: (x: number) => number, from: number, to: number): number {
  let low = from;
  let high = to;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Arrivals of that name. `burstgpt`: gamma gaps of shape 0.5, the shape that BurstGPT's own load generator has by default
 * (HPMLL/BurstGPT, RunConfig.gamma_shape); Wang et al. (arXiv:2401.17644) model the bursts of their traces by gamma
 * distributions whose shape differs from service to service and hour to hour.
 */
export const NAMED_ARRIVALS = { burstgpt: { kind: "gamma", cv: 1 / Math.sqrt(0.5) } } as const satisfies Record<
  string,
  Arrivals
>;
