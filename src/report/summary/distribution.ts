import { quantileSorted } from "#common";

/** Percentiles that every distribution carries, in per cent: those of AIPerf's JSON export. */
export const PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99] as const;

export type PercentileName = `p${(typeof PERCENTILES)[number]}`;

/**
 * How a percentile falls between two samples: `linear` interpolates (numpy's default, AIPerf's), `roundedRank` takes the
 * sample at the index q·(n−1) rounded half up (DynoSim 1.6.1's).
 */
export type PercentileRule = "linear" | "roundedRank";

/** A sample described; all values but `count` are NaN for an empty one. The standard deviation is the population's. */
export interface Distribution extends Record<PercentileName, number> {
  count: number;
  mean: number;
  min: number;
  max: number;
  standardDeviation: number;
}

/** Value at quantile `q` (0..1) of an ascending sample. */
export function percentileSorted(ascending: ArrayLike<number>, q: number, rule: PercentileRule): number {
  if (rule === "linear") return quantileSorted(ascending, q);
  return ascending.length === 0 ? Number.NaN : ascending[Math.floor(q * (ascending.length - 1) + 0.5)]!;
}

/** Describes an ascending sample. Moments are summed in that order, so equal samples give equal bytes. */
export function describeSorted(ascending: ArrayLike<number>, rule: PercentileRule = "linear"): Distribution {
  const count = ascending.length;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += ascending[i]!;
  const mean = count === 0 ? Number.NaN : sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (ascending[i]! - mean) ** 2;
  const at = (percent: number) => percentileSorted(ascending, percent / 100, rule);
  return {
    count,
    mean,
    min: count === 0 ? Number.NaN : ascending[0]!,
    max: count === 0 ? Number.NaN : ascending[count - 1]!,
    standardDeviation: count === 0 ? Number.NaN : Math.sqrt(squares / count),
    p1: at(1),
    p5: at(5),
    p10: at(10),
    p25: at(25),
    p50: at(50),
    p75: at(75),
    p90: at(90),
    p95: at(95),
    p99: at(99),
  };
}

/** Sorts `sample` in place and describes it. */
export function describe(sample: Float64Array | Int32Array, rule: PercentileRule = "linear"): Distribution {
  return describeSorted(sample.sort(), rule);
}
