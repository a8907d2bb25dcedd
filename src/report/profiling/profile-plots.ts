import type { Profile, Surface } from "#profiles";
import type { Size, XyChart } from "../charts/chart.ts";
import type { GridValues } from "../charts/contours.ts";
import { type HeatChart, heatChart } from "../charts/heat-chart.ts";
import { THEMES, type Theme } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { formatShare, formatSignificant } from "../format.ts";

/** One picture of a profile. */
export interface ProfilePlot {
  /** File name without extension. */
  name: "ttft" | "prefill-throughput" | "itl" | "decode-throughput";
  title: string;
  svg: string;
}

export interface ProfilePlotOptions {
  theme?: Theme;
  size?: Size;
}

const CURVE_POINTS = 160;
const GRID_COLUMNS = 101;
const GRID_ROWS = 61;

/** What a profile looks like: its samples, and what the surface makes of them. SVG, fit for `svgToPng`. */
export function profilePlots(profile: Profile, surface: Surface, options: ProfilePlotOptions = {}): ProfilePlot[] {
  const theme = options.theme ?? THEMES.light;
  const size = options.size ?? { width: 800, height: 460 };
  const xy = (name: ProfilePlot["name"], chart: XyChart) => ({
    name,
    title: chart.title,
    svg: xyChart(chart, size, theme),
  });
  const heat = (name: ProfilePlot["name"], chart: HeatChart) => ({
    name,
    title: chart.title,
    svg: heatChart(chart, size, theme),
  });
  return [
    xy("ttft", ttftChart(profile, surface)),
    xy("prefill-throughput", prefillThroughputChart(profile, surface)),
    heat("itl", itlChart(profile, surface)),
    heat("decode-throughput", decodeThroughputChart(profile, surface)),
  ];
}

export function ttftChart(profile: Profile, surface: Surface): XyChart {
  const { isl, ttftMs } = profile.prefill;
  const [low, high] = [Math.min(...isl), Math.max(...isl)];
  return {
    title: `TTFT goes from ${formatSignificant(surface.ttftMs(low))} to ${formatSignificant(surface.ttftMs(high))} ms over ${formatSignificant(low)} to ${formatSignificant(high)} input tokens`,
    subtitle: `${profile.name}: one prompt on an idle engine`,
    x: { label: "input length (tokens)", min: 0 },
    y: { label: "TTFT (ms)" },
    series: prefillSeries(isl, ttftMs, surface.family, (length) => surface.ttftMs(length)),
  };
}

export function prefillThroughputChart(profile: Profile, surface: Surface): XyChart {
  const { isl, throughputPerGpu } = profile.prefill;
  const best = throughputPerGpu.indexOf(Math.max(...throughputPerGpu));
  return {
    title: `Prefill does up to ${formatSignificant(throughputPerGpu[best]!)} tokens/s per GPU, at ${formatSignificant(isl[best]!)} input tokens`,
    subtitle: `${profile.name}: prompt tokens per second and GPU`,
    x: { label: "input length (tokens)", min: 0 },
    y: { label: "throughput (tokens/s/GPU)" },
    series: prefillSeries(isl, throughputPerGpu, surface.family, (length) => surface.prefillThroughputPerGpu(length)),
  };
}

function prefillSeries(
  isl: number[],
  values: number[],
  family: string,
  curve: (isl: number) => number,
): XyChart["series"] {
  const [low, high] = [Math.min(...isl), Math.max(...isl)];
  const x = Array.from({ length: CURVE_POINTS }, (_, i) => low + ((high - low) * i) / (CURVE_POINTS - 1));
  return [
    { name: `${family} curve`, shortName: family, kind: "line", colour: "prefill", x, y: x.map(curve) },
    { name: "", kind: "scatter", colour: "prefill", x: isl, y: values, strokeWidth: 7 },
  ];
}

function itlChart(profile: Profile, surface: Surface): HeatChart {
  const grid = sampleGrid(mapRange(profile), (kvUsage, context) => surface.itlMs(kvUsage, context));
  const { itlMs } = profile.decode;
  return {
    ...heatFrame(profile, grid),
    title: `ITL goes from ${formatSignificant(Math.min(...itlMs))} to ${formatSignificant(Math.max(...itlMs))} ms over KV cache and context length`,
    subtitle: `${profile.name}: ${surface.family} surface through its samples`,
    valueLabel: "ITL (ms)",
  };
}

function decodeThroughputChart(profile: Profile, surface: Surface): HeatChart {
  const grid = sampleGrid(mapRange(profile), (kvUsage, context) => surface.decodeThroughputPerGpu(kvUsage, context));
  const { throughputPerGpu, kvUsage, contextLength } = profile.decode;
  const best = throughputPerGpu.indexOf(Math.max(...throughputPerGpu));
  return {
    ...heatFrame(profile, grid),
    title: `Decode does up to ${formatSignificant(throughputPerGpu[best]!)} tokens/s per GPU, at ${formatShare(kvUsage[best]!, 0)} KV cache and ${formatSignificant(contextLength[best]!)} tokens of context`,
    subtitle: `${profile.name}: output tokens per second and GPU, ${surface.family} surface through its samples`,
    valueLabel: "tokens/s/GPU",
  };
}

function heatFrame(profile: Profile, grid: GridValues): Omit<HeatChart, "title" | "valueLabel"> {
  const { kvUsage, contextLength } = profile.decode;
  return {
    x: { label: "KV cache in use", scale: "share", min: 0, max: 1 },
    y: { label: "mean context length (tokens)", min: 0, max: Math.max(...contextLength) },
    grid,
    levels: levels(grid.values),
    samples: { x: kvUsage, y: contextLength },
    samplesLabel: "sample",
  };
}

/** A grid over KV usage (0..1, columns) and context length (`min`..`max`, rows). */
export function sampleGrid(
  range: { min: number; max: number; columns: number; rows: number },
  at: (kvUsage: number, contextLength: number) => number,
): GridValues {
  const { min, max, columns, rows } = range;
  const values = new Float64Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = at(column / (columns - 1), min + ((max - min) * row) / (rows - 1));
    }
  }
  return { columns, rows, values };
}

/** What the heat maps cover: from no context at all to the longest one. */
function mapRange(profile: Profile): Parameters<typeof sampleGrid>[0] {
  return { min: 0, max: Math.max(...profile.decode.contextLength), columns: GRID_COLUMNS, rows: GRID_ROWS };
}

/** Six to twelve round numbers that cut the values into bands; outliers in the last 2 % do not stretch them. */
function levels(values: Float64Array): number[] {
  const ascending = values.filter((value) => Number.isFinite(value)).sort();
  if (ascending.length === 0) return [];
  const low = ascending[Math.floor(0.01 * (ascending.length - 1))]!;
  const high = ascending[Math.floor(0.98 * (ascending.length - 1))]!;
  const steps = [1, 2, 2.5, 5].flatMap((digit) => Array.from({ length: 24 }, (_, i) => Number(`${digit}e${i - 12}`)));
  const step = steps.sort((a, b) => a - b).find((candidate) => (high - low) / candidate <= 11) ?? high - low;
  const made: number[] = [];
  for (let i = Math.floor(low / step) + 1; i * step < high; i++) made.push(Number((i * step).toPrecision(12)));
  return made;
}
