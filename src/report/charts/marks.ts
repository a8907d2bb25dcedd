import type { Series } from "./chart.ts";
import type { Plot } from "./frame.ts";
import type { Scale } from "./scale.ts";
import { coordinate, element } from "./svg.ts";
import type { Theme } from "./theme.ts";

const STROKE_PX = 1.75;
const FILL_OPACITY = 0.28;
const LONE_DOT_PX = 4;

/** One series as SVG. */
export function mark(series: Series, x: Scale, y: Scale, plot: Plot, theme: Theme): string {
  const colour = theme.palette[series.colour];
  const opacity = series.opacity ?? 1;
  const stroke = {
    fill: "none",
    stroke: colour,
    "stroke-width": series.strokeWidth ?? STROKE_PX,
    "stroke-linejoin": "round",
    "stroke-dasharray": series.dashed ? "5 4" : undefined,
    "stroke-opacity": opacity === 1 ? undefined : opacity,
  };
  const fill = { fill: colour, "fill-opacity": FILL_OPACITY * opacity, stroke: "none" };
  const points = pixelPoints(series, x, y, plot);
  if (points.upper.length === 0) return "";
  const steps = series.kind === "step" || series.kind === "stepArea";
  switch (series.kind) {
    case "line":
    case "step":
      return linePath(points.upper, steps, stroke) + lonePoints(points.upper, stroke);
    case "area":
    case "stepArea": {
      const d = closed(points.upper, points.lower, steps);
      const outline = linePath(points.upper, steps, stroke);
      return (
        element("path", { d, ...fill }) + (series.strokeWidth === 0 ? "" : outline + lonePoints(points.upper, stroke))
      );
    }
    case "band":
      return element("path", { d: closed(points.upper, points.lower, false), ...fill });
    case "scatter": {
      const d = points.upper
        .flat()
        .map(([px, py]) => `M${coordinate(px)} ${coordinate(py)}h0`)
        .join("");
      return element("path", { d, ...stroke, "stroke-width": series.strokeWidth ?? 5, "stroke-linecap": "round" });
    }
  }
}

type Point = readonly [number, number];

/** Runs of points without a gap, in px; values beyond the plot are held at its edge. */
export function pixelPoints(series: Series, x: Scale, y: Scale, plot: Plot): { upper: Point[][]; lower: Point[][] } {
  const upper: Point[][] = [];
  const lower: Point[][] = [];
  const zero = y.kind === "log" ? plot.bottom : y.at(Math.max(y.domain[0], 0));
  const clamp = (py: number) => Math.min(plot.bottom, Math.max(plot.top, py));
  let open = false;
  for (let i = 0; i < series.x.length; i++) {
    const value = series.y[i]!;
    const low = series.lower === undefined ? Number.NaN : series.lower[i]!;
    if (Number.isNaN(value) || (series.lower !== undefined && Number.isNaN(low))) {
      open = false;
      continue;
    }
    if (!open) {
      upper.push([]);
      lower.push([]);
      open = true;
    }
    const px = x.at(series.x[i]!);
    upper.at(-1)!.push([px, clamp(y.kind === "log" && value <= 0 ? plot.bottom : y.at(value))]);
    lower
      .at(-1)!
      .push([px, series.lower === undefined ? zero : clamp(y.kind === "log" && low <= 0 ? plot.bottom : y.at(low))]);
  }
  return { upper, lower };
}

type Stroke = Record<string, string | number | undefined>;

/** A point without neighbours is no line: it is drawn as a dot. */
function lonePoints(runs: Point[][], stroke: Stroke): string {
  const lone = runs.flatMap((run) => (run.length === 1 ? run : []));
  if (lone.length === 0) return "";
  const d = lone.map(([px, py]) => `M${coordinate(px)} ${coordinate(py)}h0`).join("");
  const width = Math.max(LONE_DOT_PX, Number(stroke["stroke-width"]));
  return element("path", {
    d,
    ...stroke,
    "stroke-width": width,
    "stroke-dasharray": undefined,
    "stroke-linecap": "round",
  });
}

function linePath(runs: Point[][], steps: boolean, stroke: Stroke): string {
  const d = runs.flatMap((run) => (run.length > 1 ? [`M${trace(run, steps)}`] : [])).join("");
  return d === "" ? "" : element("path", { d, ...stroke });
}

/** Upper edge forth, lower edge back. */
function closed(upper: Point[][], lower: Point[][], steps: boolean): string {
  return upper
    .map((run, i) => {
      const back = lower[i]!.toReversed();
      if (!steps) return `M${trace(run, false)}L${trace(back, false)}Z`;
      let d = `L${coordinate(back[0]![0])} ${coordinate(back[0]![1])}`;
      for (const [px, py] of back.slice(1)) d += `V${coordinate(py)}H${coordinate(px)}`;
      return `M${trace(run, true)}${d}Z`;
    })
    .join("");
}

function trace(run: Point[], steps: boolean): string {
  let d = `${coordinate(run[0]![0])} ${coordinate(run[0]![1])}`;
  let lastY = run[0]![1];
  for (let i = 1; i < run.length; i++) {
    const [px, py] = run[i]!;
    if (!steps) d += `L${coordinate(px)} ${coordinate(py)}`;
    else if (py !== lastY) d += `H${coordinate(px)}V${coordinate(py)}`;
    else if (i === run.length - 1) d += `H${coordinate(px)}`;
    lastY = py;
  }
  return d;
}
