import { normalCdf, type RandomStream } from "#common";
import type { Distribution } from "./traffic.ts";

/** Draws from a distribution, one value a call. Only lists keep a state (their place). */
export function sampler(distribution: Distribution, stream: RandomStream): () => number {
  switch (distribution.kind) {
    case "fixed":
      return () => distribution.value;
    case "uniform":
      return () => distribution.min + (distribution.max - distribution.min) * stream.next();
    case "normal":
      return () => distribution.mean + distribution.deviation * stream.normal();
    case "lognormal": {
      // E[exp(N(µ, σ))] = exp(µ + σ²/2)
      const mu = Math.log(distribution.mean) - distribution.sigma ** 2 / 2;
      return () => Math.exp(mu + distribution.sigma * stream.normal());
    }
    case "exponential":
      return () => stream.exponential(distribution.mean);
    case "quantiles":
      return () => valueAtQuantile(distribution.points, stream.next());
    case "list": {
      let place = 0;
      return () => distribution.values[place++ % distribution.values.length]!;
    }
    case "mixture": {
      const samplers = distribution.parts.map((part) => sampler(part.of, stream));
      const weights = distribution.parts.map((part) => part.weight);
      return () => samplers[pick(weights, stream.next())]!();
    }
  }
}

/** Whole tokens of at least `least`; uniform draws are spread so that every whole number is as likely. */
export function wholeSampler(distribution: Distribution, stream: RandomStream, least: number): () => number {
  if (distribution.kind === "uniform") {
    const low = Math.ceil(distribution.min);
    const values = Math.floor(distribution.max) - low + 1;
    return () => Math.max(least, low + stream.integer(values));
  }
  if (distribution.kind === "mixture") {
    const samplers = distribution.parts.map((part) => wholeSampler(part.of, stream, least));
    const weights = distribution.parts.map((part) => part.weight);
    return () => samplers[pick(weights, stream.next())]!();
  }
  const draw = sampler(distribution, stream);
  return () => Math.min(2 ** 31 - 1, Math.max(least, Math.round(draw())));
}

/** Index drawn with these weights by a uniform number in [0, 1). */
export function pick(weights: readonly number[], uniform: number): number {
  let rest = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length - 1; i++) {
    rest -= weights[i]!;
    if (rest < 0) return i;
  }
  return weights.length - 1;
}

/** Mean before rounding and clipping. */
export function distributionMean(distribution: Distribution): number {
  switch (distribution.kind) {
    case "fixed":
      return distribution.value;
    case "uniform":
      return (distribution.min + distribution.max) / 2;
    case "normal":
    case "lognormal":
    case "exponential":
      return distribution.mean;
    case "quantiles":
      return distribution.points.reduce((sum, point, i) => {
        const before = distribution.points[i - 1];
        return before === undefined ? 0 : sum + (point.q - before.q) * meanBetween(before.value, point.value);
      }, 0);
    case "list":
      return distribution.values.reduce((sum, value) => sum + value, 0) / distribution.values.length;
    case "mixture": {
      const total = distribution.parts.reduce((sum, part) => sum + part.weight, 0);
      return distribution.parts.reduce((sum, part) => sum + part.weight * distributionMean(part.of), 0) / total;
    }
  }
}

/** @param q 0..1 */
export function valueAtQuantile(points: readonly { q: number; value: number }[], q: number): number {
  let above = 1;
  while (above < points.length - 1 && points[above]!.q < q) above++;
  const low = points[above - 1]!;
  const high = points[above] ?? low;
  if (high.q <= low.q) return high.value;
  const share = (q - low.q) / (high.q - low.q);
  if (low.value <= 0) return low.value + (high.value - low.value) * share;
  return low.value * (high.value / low.value) ** share;
}

/** Mean of what is drawn between two neighbouring points: (b − a) / ln(b / a) where it is geometric. */
export function meanBetween(low: number, high: number): number {
  if (low <= 0 || high <= low) return (low + high) / 2;
  return (high - low) / Math.log(high / low);
}

/** Whether `valueOfNormal` can be asked: every kind but lists and mixtures. */
export function hasQuantiles(distribution: Distribution): boolean {
  return distribution.kind !== "list" && distribution.kind !== "mixture";
}

/** The value at the quantile of a standard normal `z`: for draws that are correlated with others. */
export function valueOfNormal(distribution: Distribution, z: number): number {
  switch (distribution.kind) {
    case "fixed":
      return distribution.value;
    case "normal":
      return distribution.mean + distribution.deviation * z;
    case "lognormal":
      return Math.exp(Math.log(distribution.mean) - distribution.sigma ** 2 / 2 + distribution.sigma * z);
    case "uniform":
      return distribution.min + (distribution.max - distribution.min) * normalCdf(z);
    case "exponential":
      return -Math.log(normalCdf(-z)) * distribution.mean;
    case "quantiles":
      return valueAtQuantile(distribution.points, normalCdf(z));
    case "list":
    case "mixture":
      throw new Error(`a ${distribution.kind} has no quantiles`);
  }
}

/**
 * Correlation of the normals of a Gaussian copula whose ranks have Spearman's correlation ρ: 2 sin(πρ/6) (Kruskal, Ordinal
 * measures of association, 1958).
 */
export function copulaCorrelation(spearman: number): number {
  return 2 * Math.sin((Math.PI * spearman) / 6);
}
