const LEVEL_WEIGHTS = [0.1, 0.3, 0.5, 0.7, 1];
const TREND_WEIGHTS = [0, 0.1, 0.3, 0.6, 1];
const MIN_VALUES = 5;
/** Parameters that are no better than that are no better: the first of a tie stays. */
const BETTER = 0.999;

/**
 * The next value by Holt's linear trend with damping (Gardner & McKenzie 1985); of a grid of weights and of `dampings`, those with the
 * least absolute one-step errors. null where the values are too few.
 */
export function nextOfDampedTrend(values: readonly number[], dampings: readonly number[]): number | null {
  if (values.length < MIN_VALUES) return null;
  let best = { next: values.at(-1)!, error: Number.POSITIVE_INFINITY };
  for (const damping of dampings) {
    for (const levelWeight of LEVEL_WEIGHTS) {
      for (const trendWeight of TREND_WEIGHTS) {
        const fit = follow(values, levelWeight, trendWeight, damping);
        if (fit.error < BETTER * best.error) best = fit;
      }
    }
  }
  return best.next;
}

function follow(values: readonly number[], levelWeight: number, trendWeight: number, damping: number) {
  let level = values[0]!;
  let trend = 0;
  let error = 0;
  for (let i = 1; i < values.length; i++) {
    const expected = level + damping * trend;
    const miss = values[i]! - expected;
    if (i > 1) error += Math.abs(miss);
    level = expected + levelWeight * miss;
    trend = damping * trend + levelWeight * trendWeight * miss;
  }
  return { next: level + damping * trend, error };
}
