import { createRequire } from "node:module";
import type { PRNG } from "seedrandom";

/** A stream of random numbers with a name and a seed: same seed and name, same numbers, on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box–Muller, one value a call). */
  normal(): number;
  /** Exponential with the given mean. */
  exponential(mean: number): number;
  /** Poisson count. */
  poisson(mean: number): number;
  /** Gamma with shape k > 0 and the given mean (Marsaglia–Tsang 2000). */
  gamma(shape: number, mean: number): number;
}

/**
 * Loaded with the first stream, as it brings cryptography with it: many a run draws nothing. The package's generator alone: its index loads
 * six others.
 */
let loaded: ((seed: string) => PRNG) | undefined;
const seedrandom = (seed: string): PRNG => {
  loaded ??= createRequire(import.meta.url)("seedrandom/seedrandom.js") as (seed: string) => PRNG;
  return loaded(seed);
};

/** One named stream per subject (arrivals, lengths, router ties …), so that drawing more of one never shifts another. */
export function randomStream(seed: number | string, name: string): RandomStream {
  const next = seedrandom(`${seed}/${name}`);
  const stream: RandomStream = {
    next,
    integer: (bound) => Math.floor(next() * bound),
    normal: () => {
      const u = 1 - next();
      return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * next());
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    poisson: (mean) => {
      // A Poisson variable is the sum of Poisson parts: split large means so that exp(-mean) never underflows.
      let left = mean;
      let count = 0;
      while (left > 30) {
        count += poissonByInversion(30, next);
        left -= 30;
      }
      return count + poissonByInversion(left, next);
    },
    gamma: (shape, mean) => (marsagliaTsang(shape, stream) * mean) / shape,
  };
  return stream;
}

function poissonByInversion(mean: number, next: () => number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  let product = next();
  while (product > limit) {
    count++;
    product *= next();
  }
  return count;
}

function marsagliaTsang(shape: number, stream: RandomStream): number {
  if (shape < 1) return marsagliaTsang(shape + 1, stream) * (1 - stream.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = stream.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - stream.next();
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
