import type { Decision } from "#planner/core";

/** Forecast request rates at the time they were made for, beside what then came. Rates in requests/s; NaN where unknown. */
export interface Forecasts {
  /** Time a forecast speaks of, ms. */
  atMs: number[];
  predicted: number[];
  /** Observed rates and the middle of the tick window that they describe, ms. */
  observedAtMs: number[];
  observed: number[];
  /** Mean of |predicted − observed| ÷ mean observed rate, over forecasts whose time came; NaN without any. */
  meanRelativeError: number;
  /** How far ahead forecasts looked, ms: the last decision's. */
  horizonMs: number;
}

/**
 * How far ahead a decision's forecast looks: its `forecastHorizonS`; where a strategy does not say, it forecasts the next interval.
 */
export function forecasts(decisions: Decision[]): Forecasts {
  const made: Forecasts = {
    atMs: [],
    predicted: [],
    observedAtMs: [],
    observed: [],
    meanRelativeError: Number.NaN,
    horizonMs: Number.NaN,
  };
  const intervalMs = decisions.length > 1 ? decisions[1]!.atMs - decisions[0]!.atMs : 0;
  for (const decision of decisions) {
    made.observedAtMs.push(Math.max(0, decision.atMs - intervalMs / 2));
    made.observed.push(decision.observedRate ?? Number.NaN);
    const ahead = decision.values.forecastHorizonS;
    const horizonMs = ahead === undefined ? intervalMs : ahead * 1000;
    made.atMs.push(decision.atMs + horizonMs - intervalMs / 2);
    made.predicted.push(decision.forecast?.requestRate ?? Number.NaN);
    if (decision.forecast !== null) made.horizonMs = horizonMs;
  }
  made.meanRelativeError = meanRelativeError(made);
  return made;
}

/** Both series ascend in time, so that each forecast finds the observation nearest to its time by walking along. */
function meanRelativeError({ atMs, predicted, observedAtMs, observed }: Forecasts): number {
  let errors = 0;
  let compared = 0;
  let observedSum = 0;
  let near = 0;
  for (let i = 0; i < atMs.length; i++) {
    if (Number.isNaN(predicted[i]!)) continue;
    const distance = (k: number) => Math.abs(observedAtMs[k]! - atMs[i]!);
    while (near + 1 < observedAtMs.length && distance(near + 1) <= distance(near)) near++;
    const truth = observed[near]!;
    const step = near > 0 ? observedAtMs[near]! - observedAtMs[near - 1]! : Number.POSITIVE_INFINITY;
    if (Number.isNaN(truth) || distance(near) > step / 2) continue;
    errors += Math.abs(predicted[i]! - truth);
    observedSum += truth;
    compared++;
  }
  return compared === 0 || observedSum === 0 ? Number.NaN : errors / observedSum;
}
