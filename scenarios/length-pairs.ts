import type { RandomStream } from "#common";
import { copulaCorrelation, valueOfNormal, wholeSampler } from "./distributions.ts";
import type { Distribution, Pattern } from "./traffic.ts";

/** Draws the lengths of requests of one kind, tokens. */
export interface LengthPairs {
  isl(): number;
  /** Tokens that a later prompt adds. */
  growth(): number;
  /** Of the request whose prompt (or growth) was drawn last. */
  osl(): number;
  /** The standard normal that the last prompt was drawn by; 0 where it was drawn otherwise. */
  readonly normal: number;
}

/** @param byNormal something else is to be correlated with the prompts' lengths: they are drawn by normals, too */
export function lengthPairs(
  pattern: Pattern,
  growth: Distribution,
  isl: RandomStream,
  osl: RandomStream,
  byNormal: boolean,
): LengthPairs {
  if (pattern.correlation === undefined && !byNormal) {
    const draw = wholeSampler(pattern.isl, isl, 1);
    return {
      isl: draw,
      growth: growth === pattern.isl ? draw : wholeSampler(growth, isl, 1),
      osl: wholeSampler(pattern.osl, osl, 1),
      normal: 0,
    };
  }
  const rho = copulaCorrelation(pattern.correlation ?? 0);
  let z = 0;
  const whole = (distribution: Distribution, normal: number) =>
    Math.min(2 ** 31 - 1, Math.max(1, Math.round(valueOfNormal(distribution, normal))));
  const fresh = (distribution: Distribution) => {
    z = isl.normal();
    return whole(distribution, z);
  };
  return {
    isl: () => fresh(pattern.isl),
    growth: () => fresh(growth),
    osl: () => whole(pattern.osl, rho * z + Math.sqrt(1 - rho ** 2) * osl.normal()),
    get normal() {
      return z;
    },
  };
}
