import type { AxisSpec, Series, XyChart } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import type { SweepReport, SweptCandidate } from "./input.ts";
import { measureAxis, measureLabel, measureText, shortAxes, shortText } from "./labels.ts";
import { wholeCandidates } from "./rows.ts";

/** Names at points of the front; more than these would cover the chart. */
const MOST_NAMES = 8;
/** Lines of a sensitivity chart, one for each combination of the other axes; more are drawn as points. */
const LINE_COLOURS: readonly ColourName[] = ["accent", "decode", "good", "forecast", "warn"];
/** Axes whose largest value is this many times the smallest are drawn by their logarithm. */
const LOG_FROM = 32;

const meanOf = ({ measures }: SweptCandidate, measure: string) => measures[measure]?.mean ?? Number.NaN;

/** One measure against another: every candidate, and the front of those that nobody beats in both. */
export function paretoFigure(report: SweepReport): XyChart {
  const [xGoal, yGoal] = report.trade;
  const ran = wholeCandidates(report);
  const points = (of: readonly SweptCandidate[]) => ({
    x: of.map((candidate) => meanOf(candidate, xGoal.measure)),
    y: of.map((candidate) => meanOf(candidate, yGoal.measure)),
  });
  const front = ran
    .filter(({ onFront }) => onFront)
    .toSorted((a, b) => meanOf(a, xGoal.measure) - meanOf(b, xGoal.measure));
  const best = report.best === null ? [] : [report.candidates[report.best]!];
  const every = Math.max(1, Math.ceil(front.length / MOST_NAMES));
  const series: Series[] = [
    { name: "", kind: "scatter", colour: "good", strokeWidth: 18, opacity: 0.35, ...points(best) },
    {
      name: "",
      kind: "scatter",
      colour: "limit",
      strokeWidth: 4,
      opacity: 0.5,
      ...points(ran.filter(({ keeps }) => !keeps)),
    },
    { name: "", kind: "scatter", colour: "muted", ...points(ran.filter(({ keeps, onFront }) => keeps && !onFront)) },
    { name: "", kind: "line", colour: "accent", dashed: true, ...points(front) },
    {
      name: "",
      kind: "scatter",
      colour: "accent",
      strokeWidth: 8,
      pointLabels: front.map((candidate, i) => (i % every === 0 ? shortText(report, candidate) : "")),
      ...points(front),
    },
  ];
  return {
    title:
      front.length === 0
        ? "No candidate keeps the conditions"
        : `${front.length} of ${ran.length} candidates are beaten by none`,
    subtitle: `dashed: the front${best.length > 0 ? "; ring: the best by the goal" : ""}${report.conditions.length > 0 ? "; red: conditions missed" : ""}`,
    x: { ...axisOf(xGoal.measure, ran), ...span(ran.map((candidate) => meanOf(candidate, xGoal.measure))) },
    y: axisOf(yGoal.measure, ran),
    series,
  };
}

/** Ends of an axis a little beyond its values, so that a narrow trade can be told apart. */
function span(values: readonly number[]): { min?: number; max?: number } {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (!(high > low)) return {};
  const room = (high - low) * 0.08;
  return { min: low > 0 ? Math.max(low / 1.25, low - room) : low - room, max: high + room };
}

function axisOf(measure: string, ran: readonly SweptCandidate[]): AxisSpec {
  const axis = measureAxis(measure);
  const values = ran.map((candidate) => meanOf(candidate, measure)).filter(Number.isFinite);
  const isLog = axis.scale === undefined && values.every((value) => value > 0) && isWide(values);
  return isLog ? { ...axis, scale: "log" } : axis;
}

/** All measures that are drawn over all axes that have numbers to draw. */
export function sensitivityFigures(report: SweepReport): XyChart[] {
  return report.axes.flatMap((_, axis) =>
    report.drawn.flatMap((measure) => sensitivityFigure(report, axis, measure) ?? []),
  );
}

/** A measure over the values of one axis, with intervals where there are several seeds; null where the axis has no numbers to draw. */
function sensitivityFigure(report: SweepReport, axis: number, measure: string): XyChart | null {
  const ran = wholeCandidates(report).filter(({ numbers }) => Number.isFinite(numbers[axis]));
  const numbers = [...new Set(ran.map(({ numbers: all }) => all[axis]!))].sort((a, b) => a - b);
  if (numbers.length < 3) return null;
  const { name, isDuration } = report.axes[axis]!;
  const names = shortAxes(report.axes.map((each) => each.name));
  const others = (candidate: SweptCandidate) =>
    candidate.values.flatMap((value, i) => (i === axis ? [] : [`${names[i]} ${value}`])).join(", ");
  const lines = [...Map.groupBy(ran, others)];
  const asLines = lines.length <= LINE_COLOURS.length;
  const series = asLines
    ? lines.flatMap(([text, of], i) => lineOf(text, of, axis, measure, LINE_COLOURS[i]!))
    : [
        {
          name: "",
          kind: "scatter" as const,
          colour: "accent" as const,
          x: ran.map((candidate) => candidate.numbers[axis]!),
          y: ran.map((candidate) => meanOf(candidate, measure)),
        },
      ];
  const means = ran.map((candidate) => meanOf(candidate, measure)).filter(Number.isFinite);
  // What never happened has no sensitivity.
  if (means.every((value) => value === 0)) return null;
  const wide = numbers[0]! > 0 && isWide(numbers);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return {
    title: `${measureLabel(measure)}: ${low === high ? `${measureText(measure, low)} throughout` : `${measureText(measure, low)} to ${measureText(measure, high)}`} over ${names[axis]}`,
    subtitle: asLines
      ? report.candidates.some(({ seeds }) => seeds > 1)
        ? "mean over the seeds, with its 95 % interval"
        : ""
      : "each point a candidate",
    x: { label: isDuration ? `${name} (s)` : name, ...(wide ? { scale: "log" as const } : {}) },
    y: measureAxis(measure),
    series,
  };
}

function lineOf(
  name: string,
  of: readonly SweptCandidate[],
  axis: number,
  measure: string,
  colour: ColourName,
): Series[] {
  const sorted = of.toSorted((a, b) => a.numbers[axis]! - b.numbers[axis]!);
  const x = sorted.map((candidate) => candidate.numbers[axis]!);
  const y = sorted.map((candidate) => meanOf(candidate, measure));
  const half = sorted.map(({ measures }) => measures[measure]?.ci95 ?? Number.NaN);
  const hasInterval = half.some(Number.isFinite);
  const band: Series = {
    name: "",
    kind: "band",
    colour,
    opacity: 0.6,
    x,
    y: y.map((value, i) => value + half[i]!),
    lower: y.map((value, i) => value - half[i]!),
  };
  const dots: Series = { name: "", kind: "scatter", colour, x, y };
  return [...(hasInterval ? [band] : []), { name, kind: "line", colour, x, y }, dots];
}

function isWide(values: readonly number[]): boolean {
  const finite = values.filter((value) => Number.isFinite(value) && value > 0);
  return finite.length > 0 && Math.max(...finite) / Math.min(...finite) >= LOG_FROM;
}
