import { leastSquares, type Profile, type Surface } from "#profiles";
import type { Series, Size, XyChart } from "../charts/chart.ts";
import { type SurfaceChart, surfaceChart } from "../charts/surface-chart.ts";
import { THEMES, type Theme } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { formatPlain, formatShare, formatSignificant } from "../format.ts";
import { prefillThroughputChart, sampleGrid, ttftChart } from "./profile-plots.ts";

export interface InterpolationPlot {
  /** File name without extension, and the folder where Dynamo's profiler puts it. */
  name:
    | "prefill_ttft_interpolation"
    | "prefill_throughput_interpolation"
    | "decode_itl_interpolation"
    | "decode_throughput_interpolation";
  phase: "prefill" | "decode";
  title: string;
  svg: string;
}

export interface InterpolationPlotOptions {
  /** Targets to draw, ms. */
  sla?: { ttftMs?: number; itlMs?: number };
  theme?: Theme;
  size?: Size;
}

const COLUMNS = 33;
const ROWS = 25;
const CURVE_POINTS = 120;

/** What was sampled of the picked engines, and the surfaces through it: the four pictures of an interpolation. */
export function interpolationPlots(
  profile: Profile,
  surface: Surface,
  options: InterpolationPlotOptions = {},
): InterpolationPlot[] {
  return [
    ...prefillInterpolationPlots(profile, surface, options),
    ...decodeInterpolationPlots(profile, surface, options),
  ];
}

/** The two of prefill alone, for a profile of which only that was measured. */
export function prefillInterpolationPlots(
  profile: Profile,
  surface: Surface,
  { sla, theme = THEMES.light, size = { width: 800, height: 480 } }: InterpolationPlotOptions = {},
): InterpolationPlot[] {
  const make = (name: InterpolationPlot["name"], chart: XyChart): InterpolationPlot => ({
    name,
    phase: "prefill",
    title: chart.title,
    svg: xyChart(chart, size, theme),
  });
  const ttft = ttftChart(profile, surface);
  const target = sla?.ttftMs;
  const highest = Math.max(...profile.prefill.ttftMs);
  return [
    make("prefill_ttft_interpolation", {
      ...ttft,
      series: [...quadraticFit(profile), ...ttft.series],
      // A target far above all that was measured would only flatten the curve.
      ...(target === undefined || target > highest * 1.5
        ? {}
        : { limits: [{ value: target, label: `target TTFT ${formatPlain(target)} ms` }] }),
    }),
    make("prefill_throughput_interpolation", prefillThroughputChart(profile, surface)),
  ];
}

/** The two of decode alone. */
export function decodeInterpolationPlots(
  profile: Profile,
  surface: Surface,
  { sla, theme = THEMES.light, size = { width: 800, height: 560 } }: InterpolationPlotOptions = {},
): InterpolationPlot[] {
  const make = (name: InterpolationPlot["name"], chart: SurfaceChart): InterpolationPlot => ({
    name,
    phase: "decode",
    title: chart.title,
    svg: surfaceChart(chart, size, theme),
  });
  const { decode } = profile;
  const itl = frame(profile, decode.itlMs, "ITL (ms)", (kv, context) => surface.itlMs(kv, context));
  const throughput = frame(profile, decode.throughputPerGpu, "tokens/s/GPU", (kv, context) =>
    surface.decodeThroughputPerGpu(kv, context),
  );
  const best = decode.throughputPerGpu.indexOf(Math.max(...decode.throughputPerGpu));
  const target = sla?.itlMs;
  return [
    make("decode_itl_interpolation", {
      ...itl,
      title: `ITL goes from ${formatSignificant(Math.min(...decode.itlMs))} to ${formatSignificant(Math.max(...decode.itlMs))} ms over KV cache in use and context length`,
      subtitle: `${profile.name}: ${surface.family} surface through its samples`,
      ...(target === undefined ? {} : { limit: { value: target, label: `target ITL ${formatPlain(target)} ms` } }),
    }),
    make("decode_throughput_interpolation", {
      ...throughput,
      title: `Decode does up to ${formatSignificant(decode.throughputPerGpu[best]!)} tokens/s per GPU, at ${formatShare(decode.kvUsage[best]!, 0)} KV cache and ${formatSignificant(decode.contextLength[best]!)} tokens of context`,
      subtitle: `${profile.name}: output tokens per second and GPU, ${surface.family} surface through its samples`,
    }),
  ];
}

function frame(
  profile: Profile,
  measured: readonly number[],
  label: string,
  at: (kvUsage: number, contextLength: number) => number,
): Omit<SurfaceChart, "title"> {
  const { kvUsage, contextLength } = profile.decode;
  const shortest = Math.min(...contextLength);
  const longest = Math.max(...contextLength);
  // What lies beyond the samples' own heights is extrapolated; it is cut rather than shown as if it were known.
  const highest = Math.max(...measured) * 1.08;
  const grid = sampleGrid({ min: shortest, max: longest, columns: COLUMNS, rows: ROWS }, (kv, context) =>
    Math.min(highest, Math.max(0, at(kv, context))),
  );
  return {
    x: { label: "KV cache in use", scale: "share", min: 0, max: 1 },
    y: { label: "mean context length (tokens)", min: shortest, max: longest },
    z: { label, min: 0, max: highest },
    grid,
    samples: { x: kvUsage, y: contextLength, z: measured },
  };
}

/** Least squares of TTFT on 1, ISL and ISL²; none where three points don't determine it. */
function quadraticFit({ prefill: { isl, ttftMs } }: Profile): Series[] {
  if (new Set(isl).size < 4) return [];
  const [a, b, c] = leastSquares(
    isl.map((n) => [1, n, n * n]),
    ttftMs,
  ) as [number, number, number];
  const [low, high] = [Math.min(...isl), Math.max(...isl)];
  const x = Array.from({ length: CURVE_POINTS }, (_, i) => low + ((high - low) * i) / (CURVE_POINTS - 1));
  return [
    { name: "quadratic fit", kind: "line", colour: "muted", dashed: true, x, y: x.map((n) => a + b * n + c * n * n) },
  ];
}
