import type { LoadValues } from "#planner/predictors";

/** How well a predictor foretold the load of the next interval; means over the intervals that are judged. */
export interface ForecastScore {
  /** Intervals judged: all with a forecast that rests on something seen. */
  intervals: number;
  /** Mean absolute error of the request rate, requests/s. */
  maeRequestsPerS: number;
  /** Mean absolute error of the mean lengths, tokens; over intervals with requests. */
  maeIslTokens: number;
  maeOslTokens: number;
  /** Σ |forecast − actual| ÷ Σ actual of the requests: a percentage error that intervals without requests do not break. */
  requestsError: number;
  /** Mean of the log1p loss by which Dynamo's replay ranks predictors. */
  logLoss: number;
  /** Wall time of taking in an interval and forecasting the next (three series), ms; null where nothing computes (perfect forecast). */
  msPerInterval: number | null;
}

/** What the SLA planner's formulas would have sized from the forecasts, without queues: a dry run. */
export interface SizedScore {
  intervals: number;
  /** Intervals whose load was within what the workers can do, and by role. */
  enough: number;
  short: { prefill: number; decode: number };
  gpuHours: number;
}

/** The traffic played with the planner in the loop, in virtual time. */
export interface PlayedScore {
  /** Shares of the judged requests, 0..1: kept both limits, kept TTFT, kept ITL. */
  attainment: number;
  ttftShare: number;
  itlShare: number;
  good: number;
  gpuHours: number;
  averageGpus: number;
  /** Good requests per GPU-second. */
  goodputPerGpu: number;
  scaleEvents: number;
  /** Allocated GPUs as steps: from `atMs[i]` on. */
  gpus: { atMs: number[]; count: number[] };
}

/** What a predictor costs beside another forecast; positive is worse. */
export interface Regret {
  /** Mean log1p loss more. */
  logLoss: number;
  /** Share of requests less that kept the SLA, 0..1. */
  attainment: number;
  gpuHours: number;
  /** Share of the other's goodput per GPU that is missing, 0..1. */
  goodputPerGpu: number;
}

export interface ComparedPredictor {
  name: string;
  forecast: ForecastScore;
  sized: SizedScore;
  played: PlayedScore;
  regret: { perfect: Regret; lastValue: Regret };
  /** Forecast made for each interval; null before anything was seen. */
  forecasts: readonly (LoadValues | null)[];
  /** Cumulated log1p loss beyond the last value's, by interval. */
  cumulatedRegret: readonly number[];
}

/** Predictors over one trace: what the table, the picture and the page of a comparison are made from. */
export interface PredictorComparison {
  /** Such as the trace's file name. */
  name: string;
  profile: string;
  strategy: string;
  intervalS: number;
  sla: { ttftMs: number; itlMs: number };
  maxGpus: number;
  gpusPerWorker: { prefill: number; decode: number };
  seed: number;
  requests: number;
  /** End of the longest run, ms. */
  endMs: number;
  /** Load of each interval from time 0; lengths are NaN where no request came. */
  loads: readonly LoadValues[];
  predictors: readonly ComparedPredictor[];
  /** The next interval known beforehand, and the last one taken for the next. */
  perfect: ComparedPredictor;
  lastValue: ComparedPredictor;
}
