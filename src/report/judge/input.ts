/** What planners are held against, in the order of tables. */
export const JUDGE_REFERENCES = ["s99", "any", "clair", "oracle"] as const;

export type ReferenceName = (typeof JUDGE_REFERENCES)[number];

/** A number over seeds. */
export interface JudgedValue {
  mean: number;
  /** Half the width of the 95 % confidence interval of the mean; NaN for one seed. */
  ci95: number;
}

/** What others would have reached on the same traffic, over the seeds. */
export interface JudgedReference {
  goodputPerGpu: JudgedValue;
  slaAttainment: JudgedValue;
  gpuHours: JudgedValue;
  scaleEvents: JudgedValue;
  secondsAboveSla: JudgedValue;
  /** Against the others; null against itself. */
  regret: Regrets;
  /** What it is, where one seed's is all seeds' (`4P3D`); else empty. */
  text: string;
}

/** 1 − goodput per GPU ÷ the reference's; below 0: better than it. Null where the reference is not known. */
export type Regrets = Record<ReferenceName, JudgedValue | null>;

export interface JudgedPlanner {
  name: string;
  goodputPerGpu: JudgedValue;
  slaAttainment: JudgedValue;
  gpuHours: JudgedValue;
  averageGpus: JudgedValue;
  peakGpus: JudgedValue;
  scaleEvents: JudgedValue;
  secondsAboveSla: JudgedValue;
  /** Ticks of a run that a planner outside gave no answer to, so that nothing was changed. */
  failedTicks: JudgedValue;
  /** Why the first of them had none; null where there were none. */
  failure: string | null;
  regret: Regrets;
  /** Why there is nothing to judge; null where there is. */
  refused: string | null;
}

/** One scenario with one start-up time. */
export interface JudgedCase {
  scenario: string;
  /** Of both roles, s; null: as the scenario has them. */
  startupS: number | null;
  /** Something goes wrong in the scenario: the oracle knows, clair doesn't. */
  hasFaults: boolean;
  seeds: number;
  maxGpus: number;
  references: Record<ReferenceName, JudgedReference | null>;
  /** Goodput per GPU that no plan surpasses; null where no hindsight plan was searched. */
  bound: JudgedValue | null;
  planners: JudgedPlanner[];
}

/** How a planner's settings were chosen. */
export interface TunedPlanner {
  name: string;
  chosen: string;
  tried: { text: string; score: number }[];
}

/** What the table and the page of a judgement are made from. Holds nothing of the wall clock. */
export interface JudgeReport {
  /** Attainment that S99, clair and the oracle had to reach, 0..1. */
  floor: number;
  planners: { name: string; setting: string }[];
  cases: JudgedCase[];
  tuning: { seeds: number; planners: TunedPlanner[] } | null;
  /** False where it was interrupted. */
  isWhole: boolean;
}
