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

/** Rows, best first: those that keep the conditions by the goal, then the others, then those that were not run. */
export function sweepRows(report: SweepReport): SweepRow[] {
  const { measure, direction } = report.goal;
  const worth = ({ measures }: SweptCandidate) => {
    const value = measures[measure]?.mean ?? Number.NaN;
    if (Number.isNaN(value)) return Number.NEGATIVE_INFINITY;
    return direction === "max" ? value : -value;
  };
  const rank = ({ keeps, notRun }: SweptCandidate) => (notRun !== null ? 2 : keeps ? 0 : 1);
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
  const { notRun, keeps, onFront } = candidate;
  const notes = [
    ...(index === report.best ? ["best"] : []),
    ...(onFront ? ["front"] : []),
    ...(notRun !== null ? [notRun.split("\n")[0]!] : keeps ? [] : ["misses"]),
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
