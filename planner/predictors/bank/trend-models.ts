import type { RateModel } from "./model.ts";

/** Exponentially weighted mean with time constant `tauS`, corrected for its start (as Adam's moments are). */
export function levelModel(tauS: number, initialLoss: number): RateModel {
  let sum = 0;
  let weight = 0;
  return {
    name: `level${Math.round(tauS)}s`,
    seasonal: false,
    initialLoss,
    update(rate, dtS) {
      const keep = Math.exp(-dtS / tauS);
      sum = sum * keep + rate * (1 - keep);
      weight = weight * keep + (1 - keep);
    },
    forecast: () => (weight === 0 ? null : sum / weight),
    periodS: () => null,
  };
}

/**
 * Holt's linear trend with damping in continuous time (Gardner & McKenzie 1985): the slope fades with time constant
 * `dampingS`, so that a forecast far ahead levels off.
 */
export function dampedTrendModel(levelTauS: number, slopeTauS: number, dampingS: number): RateModel {
  let level: number | null = null;
  let slope = 0;
  let halfTickS = 0;
  const ahead = (hS: number) => dampingS * (1 - Math.exp(-hS / dampingS));
  return {
    name: `trend${Math.round(levelTauS)}s`,
    seasonal: false,
    initialLoss: 0,
    update(rate, dtS) {
      halfTickS = dtS / 2;
      if (level === null) {
        level = rate;
        return;
      }
      const before: number = level;
      const expected = before + slope * ahead(dtS);
      const damped = slope * Math.exp(-dtS / dampingS);
      level = expected + (1 - Math.exp(-dtS / levelTauS)) * (rate - expected);
      slope = damped + (1 - Math.exp(-dtS / slopeTauS)) * ((level - before) / dtS - damped);
    },
    forecast: (hS) => (level === null ? null : level + slope * ahead(hS + halfTickS)),
    periodS: () => null,
  };
}
