import type { AxisSpec, Size } from "./chart.ts";
import { rampColour } from "./colour-ramp.ts";
import { contour, type GridValues } from "./contours.ts";
import { axisLabel, headingHeight, LABEL_SIZE_PX, type Plot, picture, TICK_SIZE_PX } from "./frame.ts";
import { type Projection, projection, type Space } from "./projection.ts";
import { type Scale, scale } from "./scale.ts";
import { coordinate, element, text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import { haloOf, type Theme } from "./theme.ts";

export interface SurfaceChart {
  title: string;
  subtitle?: string;
  x: AxisSpec & { min: number; max: number };
  y: AxisSpec & { min: number; max: number };
  z: AxisSpec & { min: number; max: number };
  /** Heights over the whole of both axes, edge to edge. */
  grid: GridValues;
  /** Measured points. */
  samples?: { x: ArrayLike<number>; y: ArrayLike<number>; z: ArrayLike<number> };
  /** A height that must not be crossed: a red dashed line on the surface. */
  limit?: { value: number; label: string };
  /** Which way one looks, degrees. Default 30 above the floor, from between both axes' far ends (45). */
  view?: { elevation: number; azimuth: number };
}

/** Something to paint, by its distance. */
interface Piece {
  depth: number;
  svg: string;
}

const DEFAULT_VIEW = { elevation: 30, azimuth: 45 };
/** Height of the box against its sides. */
const HEIGHT = 0.72;
/** How far a line on the surface is moved towards the eye, so that the cells it lies on don't cover it. */
const LIFT = 0.03;

/** A surface in space, coloured by height, with the points it was made from, as an SVG string. Pure. */
export function surfaceChart(chart: SurfaceChart, size: Size, theme: Theme): string {
  const top = headingHeight(chart, size, theme) + 16;
  const plot: Plot = { left: 14, right: size.width - 14, top, bottom: size.height - 12 };
  const view = projection(chart.view ?? DEFAULT_VIEW, HEIGHT, {
    left: plot.left + 70,
    right: plot.right - 70,
    top: plot.top + 6,
    bottom: plot.bottom - 40,
  });
  const unit: readonly [number, number] = [0, 1];
  const axes = {
    x: scale(chart.x.scale ?? "linear", [chart.x.min, chart.x.max], unit, 5),
    y: scale(chart.y.scale ?? "linear", [chart.y.min, chart.y.max], unit, 5),
    z: scale(chart.z.scale ?? "linear", [chart.z.min, chart.z.max], unit, 5),
  };
  const pieces = [...cells(chart, axes.z, view, theme), ...points(chart, axes, view, theme)];
  const limit = limitPieces(chart, axes.z, view, theme);
  pieces.push(...limit.pieces);
  pieces.sort((a, b) => b.depth - a.depth);
  return picture(chart, size, theme, plot, [
    box(chart, axes, view, theme),
    ...pieces.map((piece) => piece.svg),
    limit.label,
  ]);
}

type Axes = Record<"x" | "y" | "z", Scale>;

function cells(chart: SurfaceChart, z: Scale, view: Projection, theme: Theme): Piece[] {
  const { grid } = chart;
  const pieces: Piece[] = [];
  const at = (row: number, column: number): Space => [
    column / (grid.columns - 1),
    row / (grid.rows - 1),
    z.at(grid.values[row * grid.columns + column]!),
  ];
  for (let row = 0; row + 1 < grid.rows; row++) {
    for (let column = 0; column + 1 < grid.columns; column++) {
      const corners = [at(row, column), at(row, column + 1), at(row + 1, column + 1), at(row + 1, column)];
      if (corners.some((corner) => !Number.isFinite(corner[2]))) continue;
      const height = corners.reduce((sum, corner) => sum + corner[2], 0) / 4;
      const colour = rampColour(height);
      pieces.push({
        depth: Math.max(...corners.map(view.depth)),
        svg: element("path", {
          d: `M${corners.map((corner) => pixel(view, corner)).join("L")}Z`,
          fill: colour,
          stroke: theme.palette.card,
          "stroke-width": 0.5,
          "stroke-opacity": "0.55",
        }),
      });
    }
  }
  return pieces;
}

function points({ samples }: SurfaceChart, axes: Axes, view: Projection, theme: Theme): Piece[] {
  if (samples === undefined) return [];
  return Array.from({ length: samples.x.length }, (_, i) => {
    const space: Space = [axes.x.at(samples.x[i]!), axes.y.at(samples.y[i]!), axes.z.at(samples.z[i]!)];
    const [cx, cy] = view.at(space);
    const style = { fill: "#ffffff", stroke: theme.palette.ink, "stroke-width": 1.25 };
    return { depth: view.depth(space) - LIFT, svg: element("circle", { cx, cy, r: 3.2, ...style }) };
  });
}

function limitPieces(
  chart: SurfaceChart,
  z: Scale,
  view: Projection,
  theme: Theme,
): { pieces: Piece[]; label: string } {
  const { limit, grid } = chart;
  if (limit === undefined) return { pieces: [], label: "" };
  const height = z.at(limit.value);
  const toSpace = (column: number, row: number): Space => [column / (grid.columns - 1), row / (grid.rows - 1), height];
  const segments = contour(grid, limit.value);
  const colour = theme.palette.limit;
  const pieces = segments.map(([x1, y1, x2, y2], i): Piece => {
    const [from, to] = [toSpace(x1, y1), toSpace(x2, y2)];
    return {
      depth: Math.min(view.depth(from), view.depth(to)) - LIFT,
      // Pieces come cell by cell: leaving out every third makes the dashes.
      svg:
        i % 3 === 2
          ? ""
          : element("path", { d: `M${pixel(view, from)}L${pixel(view, to)}`, stroke: colour, "stroke-width": 2.5 }),
    };
  });
  const nearest = segments
    .map(([x, y]) => view.at(toSpace(x, y)))
    .toSorted((a, b) => b[0] - a[0])
    .at(0);
  if (nearest === undefined) return { pieces, label: "" };
  const label = text(limit.label, {
    x: nearest[0] + 4,
    y: nearest[1] + 18,
    "text-anchor": "middle",
    "font-size": LABEL_SIZE_PX,
    "font-weight": "600",
    fill: colour,
    ...haloOf(theme.palette.card),
  });
  return { pieces, label };
}

/** Floor and back walls with grid lines, ticks along the near edges, labels in the middle of each edge. */
function box(chart: SurfaceChart, axes: Axes, view: Projection, theme: Theme): string {
  const { palette } = theme;
  const { far, near } = view;
  const wall = { fill: palette.page, stroke: palette.line, "stroke-width": 1 };
  const face = (...corners: Space[]) =>
    element("path", { d: `M${corners.map((corner) => pixel(view, corner)).join("L")}Z`, ...wall });
  const parts = [
    face([0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]),
    face([far.x, 0, 0], [far.x, 1, 0], [far.x, 1, 1], [far.x, 0, 1]),
    face([0, far.y, 0], [1, far.y, 0], [1, far.y, 1], [0, far.y, 1]),
  ];
  let lines = "";
  const line = (...corners: Space[]) => {
    lines += `M${corners.map((corner) => pixel(view, corner)).join("L")}`;
  };
  for (const { value } of axes.x.ticks)
    line([axes.x.at(value), near.y, 0], [axes.x.at(value), far.y, 0], [axes.x.at(value), far.y, 1]);
  for (const { value } of axes.y.ticks)
    line([near.x, axes.y.at(value), 0], [far.x, axes.y.at(value), 0], [far.x, axes.y.at(value), 1]);
  for (const { value } of axes.z.ticks)
    line([near.x, far.y, axes.z.at(value)], [far.x, far.y, axes.z.at(value)], [far.x, near.y, axes.z.at(value)]);
  parts.push(element("path", { d: lines, stroke: palette.grid, "stroke-width": 1, fill: "none" }));

  const centre = view.at([0.5, 0.5, 0.5]);
  const edges: { axis: keyof Axes; at: (share: number) => Space }[] = [
    { axis: "x", at: (share) => [share, near.y, 0] },
    { axis: "y", at: (share) => [near.x, share, 0] },
    {
      axis: "z",
      at: (share) => (view.at([near.x, far.y, 0])[0] < centre[0] ? [near.x, far.y, share] : [far.x, near.y, share]),
    },
  ];
  for (const { axis, at } of edges) {
    const ticks = axes[axis].ticks;
    const small = { "font-size": TICK_SIZE_PX, fill: palette.muted };
    const middle = view.at(at(0.5));
    const side = middle[0] < centre[0] ? -1 : 1;
    const widest = Math.max(0, ...ticks.map((tick) => textWidth(tick.label, TICK_SIZE_PX)));
    for (const tick of ticks) {
      const [x, y] = view.at(at(axes[axis].at(tick.value)));
      const [dx, dy] = axis === "z" ? [side * 7, 4] : [side * 6, 14];
      parts.push(text(tick.label, { ...small, x: x + dx, y: y + dy, "text-anchor": side < 0 ? "end" : "start" }));
    }
    const label = axisLabel(chart[axis], axes[axis]);
    if (axis === "z") {
      const [x, y] = view.at(at(1));
      parts.push(text(label, { ...small, x: Math.max(14, x - 7 - widest), y: y - 12 }));
    } else {
      const half = textWidth(label, TICK_SIZE_PX) / 2;
      const x = middle[0] + side * (half + widest * 0.4 + 14);
      parts.push(text(label, { ...small, x, y: middle[1] + 42, "text-anchor": "middle" }));
    }
  }
  return parts.join("");
}

function pixel(view: Projection, space: Space): string {
  const [x, y] = view.at(space);
  return `${coordinate(x)} ${coordinate(y)}`;
}
