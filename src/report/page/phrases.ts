import type { RunFacts, StaticDeployment } from "#src/record";
import { formatClock, formatDeployment, formatSignificant } from "../format.ts";

/** ` at 12:40`, or nothing where the time is unknown. */
export function atClock(ms: number | undefined): string {
  return ms === undefined || Number.isNaN(ms) ? "" : ` at ${formatClock(ms)}`;
}

/** `between 5.1 and 46 req/s`, or `at 9 req/s` where it hardly changed. */
export function ratePhrase(rates: number[]): string {
  const known = rates.filter((rate) => !Number.isNaN(rate));
  if (known.length === 0) return "unobserved";
  const low = Math.min(...known);
  const high = Math.max(...known);
  if (high - low < 0.05 * high) return `at ${formatSignificant(high)} req/s`;
  return `between ${formatSignificant(low)} and ${formatSignificant(high)} req/s`;
}

export function deploymentName(mode: RunFacts["mode"], deployment: StaticDeployment): string {
  return formatDeployment(mode, deployment.prefill, deployment.decode);
}
