/** |log1p(forecast) − log1p(value)|: misses in proportion, finite at 0. */
export function logLoss(forecast: number, value: number): number {
  return Math.abs(Math.log1p(Math.max(0, forecast)) - Math.log1p(Math.max(0, value)));
}
