import { mean, normalCdf, quantileSorted, standardDeviation } from "#common";
import type { Distribution } from "../traffic.ts";

/** Percent at which a sample that no formula fits is written down. */
const PERCENT = [
  0, 1, 2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 93, 95, 97, 98, 99, 99.5, 99.9, 100,
];
/** Distance (Kolmogorov–Smirnov) below which a formula is taken: that of a sample of its own, 19 times out of 20, is 1.36/√n. */
const FAR = 1.36;
/** Distance that is taken in any case: nothing that a simulation would show. */
const NEAR = 0.015;

/** The distribution of a sample: a number, a lognormal where that is near, else its quantiles. @param values at least one */
export function fitDistribution(values: ArrayLike<number>): Distribution {
  const sorted = Float64Array.from(values).sort();
  if (sorted[0]! > 0 && sorted[0]! < sorted.at(-1)!) {
    const lognormal = fitLognormal(sorted);
    if (lognormal !== null) return lognormal;
  }
  return byQuantiles(sorted);
}

/** The same of values that have an end, which a lognormal has not. */
export function fitBounded(values: ArrayLike<number>): Distribution {
  return byQuantiles(Float64Array.from(values).sort());
}

function byQuantiles(sorted: Float64Array): Distribution {
  const first = sorted[0]!;
  if (first === sorted.at(-1)) return { kind: "fixed", value: first };
  const percent = PERCENT.filter((p) => p === 0 || p === 100 || sorted.length * Math.min(p, 100 - p) >= 100);
  return { kind: "quantiles", points: percent.map((p) => ({ q: p / 100, value: quantileSorted(sorted, p / 100) })) };
}

function fitLognormal(sorted: Float64Array): Distribution | null {
  const logs = sorted.map(Math.log);
  const center = mean(logs);
  const sigma = standardDeviation(logs);
  let distance = 0;
  for (let from = 0; from < logs.length; ) {
    let to = from;
    while (to < logs.length && sorted[to] === sorted[from]) to++;
    // Tokens are whole: a value stands for all that rounds to it.
    const half = Number.isInteger(sorted[from]!) ? 0.5 : 0;
    const below = normalCdf((Math.log(Math.max(sorted[from]! - half, 1e-9)) - center) / sigma);
    const above = normalCdf((Math.log(sorted[from]! + half) - center) / sigma);
    distance = Math.max(distance, Math.abs(below - from / logs.length), Math.abs(above - to / logs.length));
    from = to;
  }
  if (distance > Math.max(NEAR, FAR / Math.sqrt(logs.length))) return null;
  return { kind: "lognormal", mean: Math.exp(center + sigma ** 2 / 2), sigma };
}
