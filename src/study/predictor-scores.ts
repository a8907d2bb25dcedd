import type { DryRunStep, Targets } from "#planner/core";
import { type LoadForecaster, type LoadValues, loadLoss } from "#planner/predictors";
import type { ReportedRun } from "#src/record";
import {
  allocatedGpus,
  type ForecastScore,
  type PlayedScore,
  type Regret,
  type SizedScore,
  shortRoles,
  summarize,
} from "#src/report";

/** Forecasts of a trace's intervals, each made before it. */
export interface ForecastTrack {
  /** null before anything was seen. */
  forecasts: (LoadValues | null)[];
  /** log1p loss by interval; null where the interval is not judged. */
  losses: (number | null)[];
  score: ForecastScore;
}

export interface TrackOptions {
  intervalS: number;
  /** Intervals that are judged, from the first on: the last may be cut off. */
  judged: number;
  /** Forecasts exist before the first interval (there was traffic before). */
  isWarm: boolean;
  /** Wall clock for the cost, ms; absent: nothing is measured. */
  nowMs?: () => number;
}

/** Runs a forecaster through the intervals and scores it. An interval without requests says nothing about lengths. */
export function trackForecasts(
  loads: readonly LoadValues[],
  forecaster: LoadForecaster,
  { intervalS, judged, isWarm, nowMs }: TrackOptions,
): ForecastTrack {
  const forecasts: (LoadValues | null)[] = [];
  const losses: (number | null)[] = [];
  let hasSeen = isWarm;
  let spentMs = 0;
  loads.forEach((load, i) => {
    const started = nowMs?.() ?? 0;
    const made = forecaster.predict();
    forecaster.add(load);
    spentMs += (nowMs?.() ?? 0) - started;
    forecasts.push(hasSeen ? made : null);
    losses.push(hasSeen && i < judged ? loadLoss(made, knownLengths(load, made)) : null);
    hasSeen ||= load.requests > 0;
  });
  return {
    forecasts,
    losses,
    score: {
      ...errorsOf(loads, forecasts, judged, intervalS),
      logLoss: mean(losses.filter((loss) => loss !== null)),
      msPerInterval: nowMs === undefined ? null : spentMs / loads.length,
    },
  };
}

function errorsOf(
  loads: readonly LoadValues[],
  forecasts: readonly (LoadValues | null)[],
  judged: number,
  intervalS: number,
): Omit<ForecastScore, "logLoss" | "msPerInterval"> {
  const pairs = loads.flatMap((load, i) => {
    const forecast = forecasts[i];
    return forecast && i < judged ? [{ load, forecast }] : [];
  });
  const busy = pairs.filter(({ load }) => load.requests > 0);
  const misses = pairs.map(({ load, forecast }) => Math.abs(forecast.requests - load.requests));
  const requests = pairs.reduce((sum, { load }) => sum + load.requests, 0);
  return {
    intervals: pairs.length,
    maeRequestsPerS: mean(misses) / intervalS,
    maeIslTokens: mean(busy.map(({ load, forecast }) => Math.abs(forecast.isl - load.isl))),
    maeOslTokens: mean(busy.map(({ load, forecast }) => Math.abs(forecast.osl - load.osl))),
    requestsError: misses.reduce((sum, miss) => sum + miss, 0) / requests,
  };
}

function knownLengths(load: LoadValues, forecast: LoadValues): LoadValues {
  return load.requests > 0 ? load : { requests: 0, isl: forecast.isl, osl: forecast.osl };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Reduces a run with a planner in the loop. */
export function playedScore(record: ReportedRun): PlayedScore {
  const { attainment, cost, goodput, scaling } = summarize(record);
  return {
    attainment: attainment.share,
    ttftShare: attainment.ttftShare,
    itlShare: attainment.itlShare,
    good: attainment.good,
    gpuHours: cost.gpuHours,
    averageGpus: cost.averageGpus,
    goodputPerGpu: goodput.perGpu,
    scaleEvents: scaling.events,
    gpus: allocatedGpus(record),
  };
}

/** Counts the intervals of a dry run whose load the workers could do. */
export function sizedScore(steps: readonly DryRunStep[], intervalS: number, gpusPerWorker: Targets): SizedScore {
  const short = { prefill: 0, decode: 0 };
  let enough = 0;
  let gpuIntervals = 0;
  for (const step of steps) {
    const roles = shortRoles(step, { gpusPerWorker });
    for (const role of roles) short[role]++;
    if (roles.length === 0) enough++;
    gpuIntervals += step.prefill * gpusPerWorker.prefill + step.decode * gpusPerWorker.decode;
  }
  return { intervals: steps.length, enough, short, gpuHours: (gpuIntervals * intervalS) / 3600 };
}

/** What `own` costs beside `other`. */
export function regretOf(
  own: { forecast: ForecastScore; played: PlayedScore },
  other: { forecast: ForecastScore; played: PlayedScore },
): Regret {
  return {
    logLoss: own.forecast.logLoss - other.forecast.logLoss,
    attainment: other.played.attainment - own.played.attainment,
    gpuHours: own.played.gpuHours - other.played.gpuHours,
    goodputPerGpu: 1 - own.played.goodputPerGpu / other.played.goodputPerGpu,
  };
}
