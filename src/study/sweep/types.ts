import type { Override } from "#scenarios";

/** A value as it may stand in a scenario. */
export type FieldValue = string | number | boolean | null | object;

/** What an axis ranges over: listed values, or any number between two ends. */
export type Domain =
  | { kind: "values"; values: readonly FieldValue[] }
  | {
      kind: "between";
      low: number;
      high: number;
      /** Draws are spread evenly over the logarithm. */
      log: boolean;
      whole: boolean;
      /** Unit behind the number, such as `s`; empty: a plain number. */
      unit: string;
    };

/** Fields of a scenario that get the same value, and the values. */
export interface Axis {
  /** The paths as written. */
  name: string;
  paths: readonly Override["path"][];
  domain: Domain;
}

/** A point of the space: a value for each axis, in their order. */
export interface SweepCandidate {
  values: readonly FieldValue[];
  /** When its run may end early; what it is known by are its values alone. */
  giveUp?: GiveUp;
}

/** A fixed deployment is given up where it can keep neither of these. */
export interface GiveUp {
  /** SLA attainment that must be kept, 0..1. */
  floor: number;
  /** The best known so far; null: none. */
  goodputPerGpu: number | null;
  /** Of the deployment. */
  gpus: number;
}

/** A candidate with the seeds it is to be run with. */
export interface Trial {
  candidate: SweepCandidate;
  seeds: readonly (number | null)[];
  /** Share of the traffic that is played, from its beginning on; absent: all of it. */
  part?: number;
}

/** What came of one run: its measures by name (those without a sample are absent), or why there could be none. */
export type RunOutcome =
  | {
      seed: number;
      passed: boolean;
      measures: Record<string, number>;
      /** What a planner outside did wrong first; absent: nothing. */
      failure?: string;
    }
  | { refused: string; code: string }
  /** Ended early: it could no longer become better than what was known. */
  | { gaveUp: string };

/** The last runs of a candidate, in the order of its seeds. */
export interface TrialOutcome {
  candidate: SweepCandidate;
  /** Share of the traffic that they played; absent: all of it. */
  part?: number;
  runs: readonly RunOutcome[];
}
