import type { AxisSpec, Limit, Series, Size, XyChart } from "./chart.ts";
import { type EndLabel, endLabels, endLabelWidth } from "./end-labels.ts";
import { axesSvg, footHeight, headingHeight, type Plot, picture, tickLabelWidth } from "./frame.ts";
import { limitSvg } from "./limits.ts";
import { mark } from "./marks.ts";
import { dotRadius, Occupied } from "./occupied.ts";
import { type PointLabel, pointLabels } from "./point-labels.ts";
import { niceDomain, type Scale, scale } from "./scale.ts";
import { spansSvg } from "./spans.ts";
import { element } from "./svg.ts";
import type { Theme } from "./theme.ts";

/** Pictures narrower than this use short names and fewer ticks. */
const NARROW_PX = 520;

/** Line, step, area, band and scatter series over one pair of axes, as an SVG string. Pure: same input, same bytes. */
export function xyChart(chart: XyChart, size: Size, theme: Theme): string {
  const narrow = size.width < NARROW_PX;
  const named = chart.series.filter((series) => series.name !== "");
  const labelOf = (series: Series) => (narrow ? (series.shortName ?? series.name) : series.name);
  const top = headingHeight(chart, size, theme) + 28;
  const bottom = size.height - footHeight(chart.x);
  const yDomain = domainOf(
    chart.y,
    chart.series.flatMap((series) => extent(series, "y")),
    limitValues(chart.limits, "y"),
    yTicks(size),
    false,
  );
  const yScale = scale(chart.y.scale ?? "linear", yDomain, [bottom, top], yTicks(size));
  const edge = theme.standalone ? 14 : 2;
  const left = chart.margins?.left ?? Math.ceil(tickLabelWidth(yScale) + 8 + edge);
  const right =
    size.width - (chart.margins?.right ?? Math.max(14, Math.ceil(endLabelWidth(named.map(labelOf)) + edge)));
  const plot: Plot = { left, right, top, bottom };
  const xDomain = domainOf(
    chart.x,
    chart.series.flatMap((series) => extent(series, "x")),
    limitValues(chart.limits, "x"),
    xTicks(plot),
    true,
  );
  const xScale = scale(chart.x.scale ?? "linear", xDomain, [left, right], xTicks(plot));

  const marks = chart.series.map((series) => mark(series, xScale, yScale, plot, theme));
  const events = (chart.events ?? []).map((event) =>
    element("path", {
      d: `M${Math.round(xScale.at(event.x) * 2) / 2} ${bottom}v-7`,
      stroke: theme.palette[event.colour],
      "stroke-width": 2,
    }),
  );
  const occupied = occupiedBy(chart, xScale, yScale, plot);
  const limits = (chart.limits ?? []).map((limit) => limitSvg(limit, { x: xScale, y: yScale }, plot, theme, occupied));
  const ends = named.flatMap((series): EndLabel[] => {
    const y = lastValue(series);
    if (Number.isNaN(y)) return [];
    const at = Math.min(bottom, Math.max(top, yScale.at(y)));
    return [{ text: labelOf(series), colour: series.colour, y: at }];
  });
  const points = chart.series.flatMap((series) => labelledPoints(series, chart.series, xScale, yScale, theme));
  return picture(chart, size, theme, plot, [
    axesSvg({ x: { spec: chart.x, scale: xScale }, y: { spec: chart.y, scale: yScale }, gridLines: true }, plot, theme),
    spansSvg(chart.spans ?? [], xScale, plot, theme),
    ...marks,
    ...events,
    ...limits,
    pointLabels(points, plot, theme.palette.card, occupied),
    endLabels(ends, plot, theme),
  ]);
}

/** What names have to keep off; nobody asks where there are none. */
function occupiedBy(chart: XyChart, x: Scale, y: Scale, plot: Plot): Occupied {
  const occupied = new Occupied(plot);
  const isNamed = chart.limits !== undefined || chart.series.some(({ pointLabels: names }) => names !== undefined);
  if (isNamed) for (const series of chart.series) occupied.take(series, x, y);
  return occupied;
}

function labelledPoints(series: Series, all: readonly Series[], x: Scale, y: Scale, theme: Theme): PointLabel[] {
  return (series.pointLabels ?? []).flatMap((name, i) =>
    name === "" || Number.isNaN(series.y[i]!)
      ? []
      : [
          {
            text: name,
            x: x.at(series.x[i]!),
            y: y.at(series.y[i]!),
            radius: radiusAt(series.x[i]!, series.y[i]!, all),
            colour: theme.palette[series.colour],
          },
        ],
  );
}

/** Of the largest dot at a place, rings too, px. */
function radiusAt(x: number, y: number, all: readonly Series[]): number {
  const there = all.filter(
    (series) => series.kind === "scatter" && Array.from(series.x).some((at, i) => at === x && series.y[i] === y),
  );
  return Math.max(0, ...there.map(dotRadius));
}

/** Tick counts that leave room between labels. */
function yTicks(size: Size): number {
  return Math.max(2, Math.round(size.height / 55));
}

function xTicks(plot: Plot): number {
  return Math.max(2, Math.round((plot.right - plot.left) / 70));
}

function extent(series: Series, which: "x" | "y"): number[] {
  const columns = which === "x" ? [series.x] : series.lower === undefined ? [series.y] : [series.y, series.lower];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const column of columns) {
    for (let i = 0; i < column.length; i++) {
      const value = column[i]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : [];
}

function limitValues(limits: Limit[] | undefined, axis: "x" | "y"): number[] {
  return (limits ?? []).filter((limit) => (limit.axis ?? "y") === axis).map((limit) => limit.value);
}

/** @param snug the axis ends with the data instead of at a round number */
function domainOf(axis: AxisSpec, values: number[], limits: number[], wanted: number, snug: boolean): [number, number] {
  const kind = axis.scale ?? "linear";
  const all = [...values, ...limits].filter((value) => Number.isFinite(value) && (kind !== "log" || value > 0));
  const low = all.length === 0 ? (kind === "log" ? 1 : 0) : Math.min(...all);
  const high = all.length === 0 ? (kind === "log" ? 10 : 1) : Math.max(...all);
  // Room above the highest line, so that a limit's label does not leave the plot.
  const headroom =
    (kind === "linear" || kind === "count") && axis.max === undefined ? (high - Math.min(0, low)) * 0.06 : 0;
  const from = axis.min ?? (kind === "log" || kind === "time" ? low : Math.min(0, low));
  if (snug) return [from, axis.max ?? (high > from ? high : from + 1)];
  const nice = niceDomain(kind, from, axis.max ?? high + headroom, wanted);
  return [axis.min ?? nice[0], axis.max ?? nice[1]];
}

function lastValue(series: Series): number {
  for (let i = series.y.length - 1; i >= 0; i--) {
    if (!Number.isNaN(series.y[i]!)) return series.y[i]!;
  }
  return Number.NaN;
}
