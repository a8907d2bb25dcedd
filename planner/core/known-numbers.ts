import type { DecodeWorkerLoad, Observation } from "./types.ts";

/**
 * The observation with everything that is no finite number taken for unknown, as it is meant: sources say null, but a plugin, a
 * trace or a broken exporter may say NaN or infinity, and a formula would hand that on to the number of workers.
 */
export function knownNumbers(seen: Observation): Observation {
  return {
    ...seen,
    startedRequests: known(seen.startedRequests),
    startedIsl: lengths(seen.startedIsl),
    completedRequests: known(seen.completedRequests),
    meanIsl: known(seen.meanIsl),
    meanOsl: known(seen.meanOsl),
    meanTtftMs: known(seen.meanTtftMs),
    meanItlMs: known(seen.meanItlMs),
    meanRequestDurationMs: known(seen.meanRequestDurationMs),
    ttftJudged: known(seen.ttftJudged) ?? 0,
    ttftMet: known(seen.ttftMet) ?? 0,
    itlJudged: known(seen.itlJudged) ?? 0,
    itlMet: known(seen.itlMet) ?? 0,
    prefillMeasuredS: known(seen.prefillMeasuredS),
    prefillProfiledS: known(seen.prefillProfiledS),
    prefillCount: known(seen.prefillCount) ?? 0,
    decodeLoad: seen.decodeLoad === null ? null : loads(seen.decodeLoad),
  };
}

/** A finite number; null for anything else. */
export function known(value: number | null | undefined): number | null {
  return Number.isFinite(value) ? value! : null;
}

/** Requests/s that somebody else forecasts, such as a plugin; null: nobody does. */
export function givenRate({ forecast }: Observation): number | null {
  const rate = known(forecast?.requestRate);
  return rate === null || rate < 0 ? null : rate;
}

function lengths(isl: ArrayLike<number>): ArrayLike<number> {
  for (let i = 0; i < isl.length; i++) if (!Number.isFinite(isl[i])) return Array.from(isl).filter(Number.isFinite);
  return isl;
}

function loads(given: DecodeWorkerLoad[]): DecodeWorkerLoad[] {
  const isKnown = ({ batch, kvTokens }: DecodeWorkerLoad) => Number.isFinite(batch) && Number.isFinite(kvTokens);
  return given.filter(isKnown).map((load) => ({ ...load, itlMs: known(load.itlMs) }));
}
