import type { DryRunStep } from "#planner/core";

/** What the pictures and the page of a dry run are drawn from. */
export interface DryRunInput {
  /** Such as the trace's file name. */
  name: string;
  /** Such as `arima, window 50`. */
  predictor: string;
  profile: string;
  intervalS: number;
  sla: { ttftMs: number; itlMs: number };
  maxGpus: number;
  gpusPerWorker: { prefill: number; decode: number };
  steps: readonly DryRunStep[];
}

/** What it comes to. */
export interface DryRunSummary {
  intervals: number;
  /** Intervals whose load was more than the workers could do within the SLA, by role. */
  short: { prefill: number; decode: number };
  /** Times the number of workers changed, by role. */
  changes: { prefill: number; decode: number };
  gpuHours: number;
  averageGpus: number;
  /** Mean of |forecast − actual| ÷ actual, 0..1, of the intervals with requests after the first; NaN where there are none. */
  requestsError: number;
  /** Interval with the largest miss of requests; −1 where there is none. */
  worstInterval: number;
}
