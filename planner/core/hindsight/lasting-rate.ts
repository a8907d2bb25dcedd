/** Loads are means over so many seconds: shorter ones show noise that queues and batches even out. */
export const LOAD_WINDOW_S = 15;
/** Over so many seconds Poisson noise is little beside what the formulas of capacity reckon with. */
export const QUIET_WINDOW_S = 45;
/** A short mean says something of its own where it is so many deviations of noise away from the longer one. */
const TELLING_DEVIATIONS = 2;

/**
 * The rate of the last `LOAD_WINDOW_S` (`recentRate`), drawn towards that of `QUIET_WINDOW_S` by as much as noise explains (the positive
 * part of James & Stein's estimate, 1961), requests/s. Formulas of capacity reckon with the noise of single arrivals themselves: it
 * must not count twice.
 */
export function lastingRate(recentRate: number, quietRate: number): number {
  const noise = Math.max(recentRate, quietRate) * (1 / LOAD_WINDOW_S - 1 / QUIET_WINDOW_S);
  const explained = TELLING_DEVIATIONS ** 2 * noise;
  const away = recentRate - quietRate;
  return away ** 2 > explained ? quietRate + away * (1 - explained / away ** 2) : quietRate;
}
