import { type OverSeeds, overSeeds } from "../over-seeds.ts";
import { candidateText, valueText } from "./axes.ts";
import { nothingRan, valueNeverRan } from "./errors.ts";
import { type Condition, type Goal, ranked, type Score, scoreOf } from "./goal.ts";
import { paretoFront } from "./pareto.ts";
import type { Axis, FieldValue, TrialOutcome } from "./types.ts";

/** What became of a candidate. */
export interface CandidateSummary {
  values: readonly FieldValue[];
  /** `path=value, …` */
  text: string;
  /** Seeds it was run with. */
  seeds: number[];
  /** Share of the traffic that was played, from its beginning on: what did badly in a part is not played to the end. */
  part: number;
  /** Runs in which all expectations of the scenario held; none is judged by a part of the traffic. */
  held: number;
  /** By measure, over the runs in which it has a sample; empty where it could not be run. */
  measures: Record<string, OverSeeds>;
  /** All conditions are kept. */
  keeps: boolean;
  /** Among those that keep the conditions nobody beats it in both measures of the trade. */
  onFront: boolean;
  /** Why it could not be run; null where it could. */
  refused: string | null;
  /** Why it was ended early; null where it was not. */
  gaveUp: string | null;
}

export interface SweepSummary {
  /** In the order in which they were proposed. */
  candidates: CandidateSummary[];
  /** Index of the best one that keeps the conditions; null where none does. */
  best: number | null;
  /** Indices of the front, in the order of `candidates`. */
  front: number[];
}

/** Means, the best candidate, and the front of a trade between two measures, among those that keep the conditions. */
export function summarizeSweep(
  axes: readonly Axis[],
  trials: readonly TrialOutcome[],
  goal: Goal,
  conditions: readonly Condition[],
  trade: readonly [Goal, Goal],
): SweepSummary {
  const scores = trials.map((trial) => scoreOf(trial, goal, conditions));
  const whole = trials.filter(({ part }) => part === undefined);
  const most = Math.max(0, ...whole.map(({ runs }) => runs.length));
  const bare = trials.map((trial, i) => candidateSummary(axes, trial, scores[i]!));
  // A mean over one seed does not beat one over ten, nor a minute an hour: only those with all runs of all traffic are judged.
  const judged = bare.flatMap(({ keeps, part }, i) =>
    keeps && part === 1 && trials[i]!.runs.length === most ? [i] : [],
  );
  const means = judged.map((i) => meansOf(bare[i]!));
  const front = paretoFront(means, trade).map((k) => judged[k]!);
  const [first] = ranked(judged.map((i) => scores[i]!)).filter(({ value }) => Number.isFinite(value));
  return {
    candidates: bare.map((summary, i) => ({ ...summary, onFront: front.includes(i) })),
    best: first === undefined ? null : scores.indexOf(first),
    front,
  };
}

function meansOf({ measures }: CandidateSummary): Record<string, number> {
  return Object.fromEntries(Object.entries(measures).map(([name, { mean }]) => [name, mean]));
}

function candidateSummary(
  axes: readonly Axis[],
  { candidate, runs, part = 1 }: TrialOutcome,
  score: Score,
): CandidateSummary {
  const ran = runs.flatMap((run) => ("measures" in run ? [run] : []));
  const names = new Set(ran.flatMap(({ measures }) => Object.keys(measures)));
  const refused = runs.find((run) => "refused" in run);
  const gaveUp = runs.find((run) => "gaveUp" in run);
  return {
    values: candidate.values,
    text: candidateText(axes, candidate),
    seeds: ran.map(({ seed }) => seed),
    part,
    held: part < 1 ? 0 : ran.filter(({ passed }) => passed).length,
    measures: Object.fromEntries(
      [...names].map((name) => [name, overSeeds(ran.flatMap(({ measures }) => measures[name] ?? []))]),
    ),
    keeps: score.violation === 0,
    onFront: false,
    refused: refused === undefined ? null : refused.refused,
    gaveUp: gaveUp === undefined ? null : gaveUp.gaveUp,
  };
}

/**
 * A value with which nothing could be run is a mistake, and so is a sweep in which nothing could; combinations that can't be are
 * none.
 * @param axes those of which every combination was tried: of a value that was drawn once or twice, little is known
 * @throws UserError STUDY_NOTHING_RAN, STUDY_VALUE_REFUSED
 */
export function checkRefusals(axes: readonly Axis[], trials: readonly TrialOutcome[]): void {
  const refusals = trials.map(({ runs }) => runs.find((run) => "refused" in run)?.refused ?? null);
  if (refusals.length > 0 && refusals.every((refused) => refused !== null)) throw nothingRan(refusals[0]!);
  axes.forEach(({ name }, axis) => {
    const byValue = Map.groupBy(trials.keys(), (i) => valueText(trials[i]!.candidate.values[axis]!));
    for (const [value, indices] of byValue) {
      if (indices.every((i) => refusals[i] !== null)) {
        const place = `--set ${name}=${value}`;
        const reason = refusals[indices[0]!]!;
        throw valueNeverRan(place, reason.startsWith(`${place}: `) ? reason.slice(place.length + 2) : reason);
      }
    }
  });
}
