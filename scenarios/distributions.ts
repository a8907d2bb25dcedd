import type { RandomStream } from "#common";
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
    case "list":
      return distribution.values.reduce((sum, value) => sum + value, 0) / distribution.values.length;
    case "mixture": {
      const total = distribution.parts.reduce((sum, part) => sum + part.weight, 0);
      return distribution.parts.reduce((sum, part) => sum + part.weight * distributionMean(part.of), 0) / total;
    }
  }
}
