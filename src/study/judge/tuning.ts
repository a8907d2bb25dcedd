/** A miss of the floor by one point of a hundred costs as much as a tenth of the goodput per GPU. */
const SHORTFALL_PRICE = 10;

/** What one run with some settings came to, beside the best static deployment's goodput per GPU on the same traffic. */
export interface TuningRun {
  goodputPerGpu: number;
  slaAttainment: number;
  /** null where no static deployment attains the floor: the run is then compared with nothing. */
  s99: number | null;
}

/**
 * How good settings are over all runs of them: goodput per GPU against the best static deployment, less what is missing to the floor
 * of attainment at a high price.
 */
export function tuningScore(runs: readonly TuningRun[], floor: number): number {
  let sum = 0;
  for (const { goodputPerGpu, slaAttainment, s99 } of runs) {
    const shortfall = Math.max(0, floor - slaAttainment);
    sum += (s99 === null || s99 <= 0 ? 0 : goodputPerGpu / s99) - SHORTFALL_PRICE * shortfall;
  }
  return runs.length === 0 ? Number.NEGATIVE_INFINITY : sum / runs.length;
}
