/** Loads are means over so many seconds: shorter ones show noise that queues and batches even out. */
export const LOAD_WINDOW_S = 15;
/** Over so many seconds Poisson noise is little beside what the formulas of capacity reckon with. */
export const QUIET_WINDOW_S = 45;
/** Over so many seconds there is next to none: what else is seen in it is a load that changes. */
export const CALM_WINDOW_S = 180;
/** A short mean says something of its own where it is so many deviations of noise away from the longer one. */
const TELLING_DEVIATIONS = 2;

/** Mean rates of the last `LOAD_WINDOW_S`, `QUIET_WINDOW_S` and `CALM_WINDOW_S`, requests/s. */
export interface MeanRates {
  recent: number;
  quiet: number;
  calm: number;
}

/**
 * The rate of the last `LOAD_WINDOW_S`, drawn towards that of longer windows by as much as noise explains (the positive part of James &
 * Stein's estimate, 1961), requests/s. Formulas of capacity reckon with the noise of single arrivals themselves: it must not count twice.
 */
export function lastingRate({ recent, quiet, calm }: MeanRates, dispersion = 1): number {
  const lasting = drawn(quiet, QUIET_WINDOW_S, calm, CALM_WINDOW_S, dispersion);
  return drawn(recent, LOAD_WINDOW_S, lasting, QUIET_WINDOW_S, dispersion);
}

/** @param short mean over `shortS` @param long mean over `longS`, in which that lies */
function drawn(short: number, shortS: number, long: number, longS: number, dispersion: number): number {
  const noise = dispersion * Math.max(short, long) * (1 / shortS - 1 / longS);
  const explained = TELLING_DEVIATIONS ** 2 * noise;
  const away = short - long;
  return away ** 2 > explained ? long + away * (1 - explained / away ** 2) : long;
}
