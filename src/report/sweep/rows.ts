import { plural } from "../format.ts";
import type { SweepReport, SweptCandidate } from "./input.ts";
import { measureLabel, shortAxes, withInterval } from "./labels.ts";

export interface SweepRow {
  candidate: SweptCandidate;
  index: number;
  cells: string[];
}

/** Headings of the table: axes, measures, what became of it. */
export function sweepColumns(report: SweepReport): string[] {
  return [...shortAxes(report.axes.map(({ name }) => name)), ...report.shown.map(measureLabel), ""];
}

/** Those that were run with all of the traffic: what is drawn and counted. */
export function wholeCandidates({ candidates }: SweepReport): SweptCandidate[] {
  return candidates.filter(({ notRun, part }) => notRun === null && part === 1);
}

/** `3 of 27 candidates run`, and how many were run with a part of the traffic alone. */
export function candidateCounts(report: SweepReport): string {
  const { candidates } = report;
  const ran = `${wholeCandidates(report).length} of ${plural(candidates.length, "candidate")} run`;
  const parts = candidates.filter(({ notRun, part }) => notRun === null && part < 1).length;
  return parts === 0 ? ran : `${ran}, ${parts} with a part of the traffic alone`;
}

/**
 * Rows, best first: those that keep the conditions by the goal, then the others, those that played a part of the traffic alone, and
 * those that were not run.
 */
export function sweepRows(report: SweepReport): SweepRow[] {
  const { measure, direction } = report.goal;
  const worth = ({ measures }: SweptCandidate) => {
    const value = measures[measure]?.mean ?? Number.NaN;
    if (Number.isNaN(value)) return Number.NEGATIVE_INFINITY;
    return direction === "max" ? value : -value;
  };
  const rank = ({ keeps, notRun, part }: SweptCandidate) => {
    if (notRun !== null) return 4;
    // The longer the part, the earlier.
    const place = keeps ? 0 : 1;
    return part === 1 ? place : 3 - part + 1e-9 * place;
  };
  return report.candidates
    .map((candidate, index) => ({ candidate, index, cells: cellsOf(report, candidate, index) }))
    .sort(
      (a, b) =>
        Number(b.index === report.best) - Number(a.index === report.best) ||
        rank(a.candidate) - rank(b.candidate) ||
        (worth(a.candidate) === worth(b.candidate) ? a.index - b.index : worth(b.candidate) - worth(a.candidate)),
    );
}

function cellsOf(report: SweepReport, candidate: SweptCandidate, index: number): string[] {
  const { notRun, keeps, onFront, part, seeds } = candidate;
  const most = Math.max(...wholeCandidates(report).map((whole) => whole.seeds));
  const notes = [
    ...(index === report.best ? ["best"] : []),
    ...(onFront ? ["front"] : []),
    ...(notRun !== null ? [notRun.split("\n")[0]!] : keeps ? [] : ["misses"]),
    ...(notRun === null && part === 1 && seeds < most ? [`${seeds} of ${most} seeds`] : []),
    ...(notRun === null && part < 1 ? [`first 1/${Math.round(1 / part)} of the traffic`] : []),
  ];
  return [
    ...candidate.values,
    ...report.shown.map((measure) => withInterval(measure, candidate.measures[measure])),
    notes.join(", "),
  ];
}

/** What the page is about. */
export function sweepTitle({ kind, name }: SweepReport): string {
  return kind === "sweep" ? `Sweep of ${name}` : `Deployments for ${name}`;
}

/** `goodput per GPU (req/s) as large as possible with slaAttainment>=0.99` */
export function sweepQuestion({ goal, conditions }: SweepReport): string {
  const kept = conditions.length === 0 ? "" : ` with ${conditions.join(" and ")}`;
  return `${measureLabel(goal.measure)} as ${goal.direction === "max" ? "large" : "small"} as possible${kept}`;
}
