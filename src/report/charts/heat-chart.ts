import { formatPlain } from "../format.ts";
import type { AxisSpec, Size } from "./chart.ts";
import { rampColour } from "./colour-ramp.ts";
import { contour, type GridValues, polygonsAbove, type Segment } from "./contours.ts";
import {
  axesSvg,
  footHeight,
  headingHeight,
  LABEL_SIZE_PX,
  type Plot,
  picture,
  TICK_SIZE_PX,
  tickLabelWidth,
} from "./frame.ts";
import { type Scale, scale } from "./scale.ts";
import { coordinate, element, text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import type { Theme } from "./theme.ts";

export interface HeatChart {
  title: string;
  subtitle?: string;
  x: AxisSpec & { min: number; max: number };
  y: AxisSpec & { min: number; max: number };
  /** The surface over the whole of both axes, edge to edge. */
  grid: GridValues;
  /** What the colour says, with its unit. */
  valueLabel: string;
  /** Ascending; the colour bands lie between them. */
  levels: number[];
  /** Measured points. */
  samples?: { x: ArrayLike<number>; y: ArrayLike<number> };
  samplesLabel?: string;
  /** A value that must not be crossed: drawn as a red dashed contour. */
  limit?: { value: number; label: string };
}

const LEGEND_PX = 64;

/** A surface in bands of colour with labelled contours and the points it was made from, as an SVG string. */
export function heatChart(chart: HeatChart, size: Size, theme: Theme): string {
  const top = headingHeight(chart, size, theme) + 28;
  const bottom = size.height - footHeight(chart.x);
  const wantedY = Math.max(3, Math.round(size.height / 60));
  const y = scale(chart.y.scale ?? "linear", [chart.y.min, chart.y.max], [bottom, top], wantedY);
  const edge = theme.standalone ? 14 : 2;
  const left = Math.ceil(tickLabelWidth(y) + 8 + edge);
  const plot: Plot = { left, right: size.width - legendWidth(chart) - edge, top, bottom };
  const wantedX = Math.max(2, Math.round((plot.right - plot.left) / 70));
  const x = scale(chart.x.scale ?? "linear", [chart.x.min, chart.x.max], [plot.left, plot.right], wantedX);
  return picture(chart, size, theme, plot, [
    bands(chart, plot),
    contours(chart, plot, theme),
    axesSvg({ x: { spec: chart.x, scale: x }, y: { spec: chart.y, scale: y }, gridLines: false }, plot, theme),
    samples(chart, x, y),
    legend(chart, plot, theme),
  ]);
}

function bandColour(levels: number[], band: number): string {
  return rampColour(levels.length === 0 ? 0.5 : band / levels.length);
}

/** Everything at or above a level in that level's colour, painted from low to high: edges agree with the contours. */
function bands({ grid, levels }: HeatChart, plot: Plot): string {
  const base = { x: plot.left, y: plot.top, width: plot.right - plot.left, height: plot.bottom - plot.top };
  const shapes = levels.map((level, i) => {
    const d = polygonsAbove(grid, level)
      .map(
        (polygon) =>
          `M${polygon.map(([x, y]) => `${coordinate(toX(grid, plot, x))} ${coordinate(toY(grid, plot, y))}`).join("L")}Z`,
      )
      .join("");
    return d === "" ? "" : element("path", { d, fill: bandColour(levels, i + 1) });
  });
  return element("rect", { ...base, fill: bandColour(levels, 0) }) + shapes.join("");
}

function toX(grid: GridValues, plot: Plot, column: number): number {
  return plot.left + (column / (grid.columns - 1)) * (plot.right - plot.left);
}

function toY(grid: GridValues, plot: Plot, row: number): number {
  return plot.bottom - (row / (grid.rows - 1)) * (plot.bottom - plot.top);
}

function contourPath(grid: GridValues, plot: Plot, segments: Segment[]): string {
  const point = (x: number, y: number) => `${coordinate(toX(grid, plot, x))} ${coordinate(toY(grid, plot, y))}`;
  return segments.map(([x1, y1, x2, y2]) => `M${point(x1, y1)}L${point(x2, y2)}`).join("");
}

/** Contours in white, each labelled once; the labels wander across the map so that they do not pile up. */
function contours(chart: HeatChart, plot: Plot, theme: Theme): string {
  const { grid } = chart;
  const lines: string[] = [];
  const labels: string[] = [];
  chart.levels.forEach((level, i) => {
    const segments = contour(grid, level);
    if (segments.length === 0) return;
    const stroke = { stroke: "#ffffff", "stroke-opacity": 0.75, "stroke-width": 1, fill: "none" };
    lines.push(element("path", { d: contourPath(grid, plot, segments), ...stroke }));
    const wanted = (0.2 + 0.6 * ((i * 0.382) % 1)) * (grid.columns - 1);
    const inside = segments.filter(([, y]) => y > grid.rows * 0.04 && y < grid.rows * 0.94);
    const spot = inside.toSorted((p, q) => Math.abs(p[0] - wanted) - Math.abs(q[0] - wanted))[0];
    if (spot !== undefined)
      labels.push(contourLabel(formatPlain(level), toX(grid, plot, spot[0]), toY(grid, plot, spot[1])));
  });
  if (chart.limit !== undefined) {
    const d = contourPath(grid, plot, contour(grid, chart.limit.value));
    const stroke = { stroke: theme.palette.limit, "stroke-width": 2, "stroke-dasharray": "6 4", fill: "none" };
    if (d !== "") lines.push(element("path", { d, ...stroke }));
  }
  return lines.join("") + labels.join("");
}

function contourLabel(label: string, x: number, y: number): string {
  return text(label, {
    x,
    y: y + 4,
    "text-anchor": "middle",
    "font-size": LABEL_SIZE_PX,
    "font-weight": "600",
    fill: "#ffffff",
    stroke: "#000000",
    "stroke-opacity": 0.55,
    "stroke-width": 3,
    "stroke-linejoin": "round",
    "paint-order": "stroke",
  });
}

function samples(chart: HeatChart, x: Scale, y: Scale): string {
  if (chart.samples === undefined) return "";
  let outer = "";
  for (let i = 0; i < chart.samples.x.length; i++) {
    outer += `M${coordinate(x.at(chart.samples.x[i]!))} ${coordinate(y.at(chart.samples.y[i]!))}h0`;
  }
  const dot = { d: outer, "stroke-linecap": "round", fill: "none" };
  return (
    element("path", { ...dot, stroke: "#000000", "stroke-opacity": 0.6, "stroke-width": 7 }) +
    element("path", { ...dot, stroke: "#ffffff", "stroke-width": 4.5 })
  );
}

function legendWidth(chart: HeatChart): number {
  const texts = [
    chart.valueLabel,
    `wide${chart.samplesLabel ?? ""}`,
    ...chart.levels.map((level) => `wide${formatPlain(level)}`),
  ];
  return Math.max(LEGEND_PX, 20 + Math.ceil(Math.max(...texts.map((label) => textWidth(label, TICK_SIZE_PX)))));
}

/** Colour bands from low (bottom) to high (top) with their bounds, at the right of the plot. */
function legend(chart: HeatChart, plot: Plot, theme: Theme): string {
  const { levels } = chart;
  const left = plot.right + 16;
  const height = Math.min(plot.bottom - plot.top - 20, 20 * (levels.length + 1));
  const step = height / (levels.length + 1);
  const base = plot.top + 16 + height;
  const small = { "font-size": TICK_SIZE_PX, fill: theme.palette.muted };
  const parts = [text(chart.valueLabel, { ...small, x: left, y: plot.top + 6 })];
  for (let band = 0; band <= levels.length; band++) {
    parts.push(
      element("rect", {
        x: left,
        y: base - (band + 1) * step,
        width: 12,
        height: step + 0.3,
        fill: bandColour(levels, band),
      }),
    );
    if (band < levels.length)
      parts.push(text(formatPlain(levels[band]!), { ...small, x: left + 18, y: base - (band + 1) * step + 4 }));
  }
  if (chart.samples !== undefined && chart.samplesLabel !== undefined) {
    const y = Math.min(plot.bottom, base + 22);
    parts.push(
      element("path", {
        d: `M${coordinate(left + 6)} ${coordinate(y)}h0`,
        stroke: theme.palette.ink,
        "stroke-width": 6,
        "stroke-linecap": "round",
      }),
      text(chart.samplesLabel, { ...small, x: left + 16, y: y + 4 }),
    );
  }
  return parts.join("");
}
