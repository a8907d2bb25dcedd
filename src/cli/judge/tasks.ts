import type { Override } from "#scenarios";
import type { ExternalPlanner } from "./external.ts";

/** A planner as it was asked for. */
export type PlannerChoice =
  /** The scenario's own. */
  | { kind: "own" }
  /** One that comes with the product, with one of its settings. */
  | { kind: "baseline"; name: string; setting: number }
  | ExternalPlanner;

/** What all tasks have in common, and no outcome depends on. */
export interface JudgeCommon {
  /** Requests whose rows stay in memory; those of larger runs go to a file. */
  rowsInMemory: number;
}

/** One run or search, as threads are told of it: JSON. */
export interface JudgeTask {
  file: string;
  /** Takes the place of what the scenario says. */
  set: Override[];
  /** null: the scenario's own. */
  seed: number | null;
  maxGpus: number;
  /** Hold what planners do against the invariants of a simulation. */
  check?: true;
  what:
    | { kind: "planner"; planner: PlannerChoice }
    | { kind: "static"; floor: number }
    | { kind: "hindsight"; floor: number; runs: { clair: number; oracle: number } };
}
