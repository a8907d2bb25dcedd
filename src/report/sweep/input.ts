/** A measure over the seeds of a candidate. */
export interface SweptMeasure {
  mean: number;
  /** Half the width of the 95 % confidence interval of the mean; NaN for one run. */
  ci95: number;
}

export interface SweptCandidate {
  /** Its values by axis, as a scenario has them, and as numbers to draw (durations in s; NaN where they are none). */
  values: readonly string[];
  numbers: readonly number[];
  seeds: number;
  /** Share of the traffic that was played; only what played all of it is compared. */
  part: number;
  measures: Readonly<Record<string, SweptMeasure>>;
  /** Keeps all conditions. */
  keeps: boolean;
  onFront: boolean;
  /** Why it was not run, or not to its end; null where it was. */
  notRun: string | null;
}

export interface SweptAxis {
  name: string;
  /** Its values are durations. */
  isDuration: boolean;
}

export interface TradeEnd {
  measure: string;
  direction: "max" | "min";
}

/** What the table, the pictures and the page of a sweep are made from. Holds nothing of the wall clock. */
export interface SweepReport {
  kind: "sweep" | "search";
  /** The scenario's. */
  name: string;
  /** `grid`, `halving` … with what was asked of it. */
  method: string;
  goal: TradeEnd;
  /** Such as `slaAttainment>=0.99`. */
  conditions: readonly string[];
  /** x and y of the Pareto chart. */
  trade: readonly [TradeEnd, TradeEnd];
  /** Measures of the table, after the axes. */
  shown: readonly string[];
  /** Measures drawn over each axis. */
  drawn: readonly string[];
  axes: readonly SweptAxis[];
  candidates: readonly SweptCandidate[];
  best: number | null;
  /** False where it was interrupted. */
  isWhole: boolean;
}
