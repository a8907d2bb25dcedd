import { didYouMean, parseDurationMs, SHARE_MEASURES, UserError } from "#common";
import { overSeeds } from "../over-seeds.ts";
import { badGoal } from "./errors.ts";
import type { SweepCandidate, TrialOutcome } from "./types.ts";

/** More of a measure is better: `max`; less: `min`. */
export type Direction = "max" | "min";

export interface Goal {
  measure: string;
  direction: Direction;
}

/** A measure's mean over the seeds must keep this. */
export interface Condition {
  text: string;
  measure: string;
  sign: ">=" | "<=" | ">" | "<";
  value: number;
}

/** Measures of which more is better; of every other one less is. */
const MORE_IS_BETTER = new Set([
  "completed",
  "slaAttainment",
  "ttftAttainment",
  "itlAttainment",
  "goodput",
  "goodputPerGpu",
  "requestThroughput",
  "outputThroughput",
  "outputThroughputPerGpu",
  "prefixHitRate",
  "routerHitRate",
]);

const SHARES: ReadonlySet<string> = new Set(SHARE_MEASURES);

function directionOf(measure: string): Direction {
  return MORE_IS_BETTER.has(measure) || measure.startsWith("perUserThroughput") ? "max" : "min";
}

/** `goodputPerGpu`, or `max:goodputPerGpu`, `min:gpuHours`. @throws UserError STUDY_BAD_GOAL */
export function parseGoal(flag: string, text: string, known: readonly string[]): Goal {
  const [, asked, measure = ""] = /^(?:(max|min):)?(.*)$/.exec(text.trim()) ?? [];
  checkMeasure(flag, text, measure, known);
  return { measure, direction: (asked as Direction | undefined) ?? directionOf(measure) };
}

/** `slaAttainment>=0.99`, `ttft.p99<=200ms`. @throws UserError STUDY_BAD_GOAL */
export function parseCondition(flag: string, text: string, known: readonly string[]): Condition {
  const [, measure, sign, operand] = /^\s*([\w.]+)\s*(>=|<=|>|<)\s*(\S+)\s*$/.exec(text) ?? [];
  if (measure === undefined)
    throw badGoal(flag, text, "expected a measure, one of >= <= > <, and a number or duration");
  checkMeasure(flag, text, measure, known);
  const value = operandOf(flag, text, operand!);
  // Shares are written as such: 98 would be more than can be, whatever it was meant to say.
  if (SHARES.has(measure) && !(value >= 0 && value <= 1)) throw badGoal(flag, text, "expected a share of 0 to 1");
  return { text: text.trim(), measure, sign: sign as Condition["sign"], value };
}

function operandOf(flag: string, text: string, operand: string): number {
  const number = Number(operand);
  if (Number.isFinite(number)) return number;
  try {
    return parseDurationMs(operand);
  } catch (error) {
    if (error instanceof UserError) throw badGoal(flag, text, error.message);
    throw error;
  }
}

function checkMeasure(flag: string, text: string, measure: string, known: readonly string[]): void {
  if (known.includes(measure)) return;
  throw badGoal(
    flag,
    text,
    `found no measure ${measure}`,
    didYouMean(measure, known) ?? `measures are ${known.join(", ")}`,
  );
}

/** How good a candidate is: those that keep all conditions before those that don't, which go by how far they miss them. */
export interface Score {
  candidate: SweepCandidate;
  /** The goal's mean over the runs, larger is better whatever its direction; −Infinity where there is none. */
  value: number;
  /** Σ over the conditions of how far the mean misses them, relative to their bound; 0: all kept; Infinity where none could be judged. */
  violation: number;
}

export function scoreOf({ candidate, runs }: TrialOutcome, goal: Goal, conditions: readonly Condition[]): Score {
  const mean = (measure: string) => meanOver(runs, measure);
  const found = mean(goal.measure);
  const value = Number.isNaN(found) ? Number.NEGATIVE_INFINITY : goal.direction === "max" ? found : -found;
  const isWhole = runs.length > 0 && runs.every((run) => "measures" in run);
  if (!isWhole) return { candidate, value: Number.NEGATIVE_INFINITY, violation: Number.POSITIVE_INFINITY };
  const violation = conditions.reduce((sum, condition) => sum + missBy(condition, mean(condition.measure)), 0);
  return { candidate, value, violation };
}

function meanOver(runs: TrialOutcome["runs"], measure: string): number {
  const values = runs.flatMap((run) => ("measures" in run ? (run.measures[measure] ?? []) : []));
  return values.length === 0 ? Number.NaN : overSeeds(values).mean;
}

function missBy({ sign, value }: Condition, found: number): number {
  if (Number.isNaN(found)) return Number.POSITIVE_INFINITY;
  const over = sign.startsWith(">") ? value - found : found - value;
  const kept = sign.length === 2 ? over <= 0 : over < 0;
  // A bound that is met where it must be surpassed is missed by the least there is.
  return kept ? 0 : Math.max(over / Math.max(Math.abs(value), 1e-9), Number.MIN_VALUE);
}

/** Best first; equal ones in the order given. */
export function ranked(scores: readonly Score[]): Score[] {
  return scores.toSorted((a, b) => {
    if (a.violation !== b.violation) return a.violation < b.violation ? -1 : 1;
    return a.value === b.value ? 0 : a.value > b.value ? -1 : 1;
  });
}
