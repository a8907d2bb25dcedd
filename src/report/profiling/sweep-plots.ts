import type { Series, Size, XyChart } from "../charts/chart.ts";
import { THEMES, type Theme } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { formatPlain, formatSignificant } from "../format.ts";

/** One mapping of the prefill sweep. */
export interface PrefillPoint {
  /** `TP=4` */
  label: string;
  ttftMs: number;
  /** Prompt tokens/s/GPU. */
  throughputPerGpu: number;
}

/** One mapping under one load of the decode sweep. */
export interface DecodeLoad {
  label: string;
  /** Requests at once. */
  concurrency: number;
  itlMs: number;
  /** Output tokens/s/GPU. */
  throughputPerGpu: number;
}

/** What the pictures of a sweep are drawn from. */
export interface SweepPlotInput {
  /** Such as `Qwen/Qwen3-32B, trtllm on h200_sxm`. */
  subject: string;
  /** Tokens. */
  isl: number;
  osl: number;
  sla: { ttftMs: number; itlMs: number };
  prefill: readonly PrefillPoint[];
  decode: readonly DecodeLoad[];
  /** Rows that were chosen. */
  picked: { prefill?: number; decode?: number };
  /** What 1,000 requests cost, of the pairs of mappings that no other pair beats. */
  costs: readonly PairPrice[];
  /** Price of a GPU for an hour that the costs are made with. */
  dollarsPerGpuHour: number;
}

/** A prefill and a decode engine together. */
export interface PairPrice {
  ttftMs: number;
  itlMs: number;
  /** Of 1,000 requests. */
  dollars: number;
}

export interface SweepPlot {
  /** File name without extension. */
  name: "prefill_performance" | "decode_performance" | "cost_sla";
  title: string;
  svg: string;
}

export interface SweepPlotOptions {
  theme?: Theme;
  size?: Size;
}

/** Beyond this ratio of largest to smallest, a linear axis would hide the small ones. */
const LOG_FROM_RATIO = 12;
/** More lines than this are not told apart. */
const MOST_COST_LINES = 6;

/**
 * The pictures of a sweep: TTFT and ITL against throughput per GPU, the target as a red dashed line (what lies left of it keeps the
 * target, the highest of those is the best), and what 1,000 requests cost. Phases without a result have no picture.
 */
export function sweepPlots(input: SweepPlotInput, options: SweepPlotOptions = {}): SweepPlot[] {
  const theme = options.theme ?? THEMES.light;
  const size = options.size ?? { width: 800, height: 480 };
  const plot = (name: SweepPlot["name"], chart: XyChart): SweepPlot => ({
    name,
    title: chart.title,
    svg: xyChart(chart, size, theme),
  });
  const plots: SweepPlot[] = [];
  if (input.prefill.length > 0) plots.push(plot("prefill_performance", prefillChart(input)));
  if (input.decode.length > 0) plots.push(plot("decode_performance", decodeChart(input)));
  if (input.costs.length > 0) plots.push(plot("cost_sla", costChart(input)));
  return plots;
}

function prefillChart({ subject, isl, sla, prefill, picked }: SweepPlotInput): XyChart {
  const best = picked.prefill === undefined ? undefined : prefill[picked.prefill];
  const x = prefill.map((point) => point.ttftMs);
  const y = prefill.map((point) => point.throughputPerGpu);
  return {
    title: choiceTitle(best?.label, best && byTtft(best), prefill.map(byTtft), {
      ms: sla.ttftMs,
      name: "TTFT",
      tokens: "prompt tokens",
    }),
    subtitle: `${subject}: one prompt of ${formatPlain(isl)} tokens, by mapping`,
    x: { label: "TTFT (ms)", ...range(x, sla.ttftMs) },
    y: { label: "prefill throughput (tokens/s/GPU)" },
    series: [
      ...ring(best?.ttftMs, best?.throughputPerGpu),
      {
        name: "",
        kind: "scatter",
        colour: "prefill",
        x,
        y,
        strokeWidth: 9,
        pointLabels: prefill.map((point) => point.label),
      },
    ],
    limits: [{ axis: "x", value: sla.ttftMs, label: `target TTFT ${formatPlain(sla.ttftMs)} ms` }],
  };
}

function decodeChart({ subject, isl, osl, sla, decode, picked }: SweepPlotInput): XyChart {
  const best = picked.decode === undefined ? undefined : decode[picked.decode];
  const mappings = [...new Set(decode.map((point) => point.label))];
  const lines = mappings.flatMap((label): Series[] => {
    const points = decode.filter((point) => point.label === label).toSorted((a, b) => a.concurrency - b.concurrency);
    const x = points.map((point) => point.itlMs);
    const y = points.map((point) => point.throughputPerGpu);
    const chosen = label === best?.label;
    const opacity = chosen ? 1 : 0.55;
    return [
      { name: "", kind: "line", colour: "decode", x, y, opacity, strokeWidth: chosen ? 2.25 : 1.5 },
      { name: "", kind: "scatter", colour: "decode", x, y, opacity, strokeWidth: 6 },
      // The name stands at the heaviest load, where the lines lie apart.
      { name: "", kind: "scatter", colour: "decode", x: x.slice(-1), y: y.slice(-1), opacity: 0, pointLabels: [label] },
    ];
  });
  const load = best === undefined ? "" : ` with ${formatPlain(best.concurrency)} requests at once`;
  return {
    title: choiceTitle(best && `${best.label}${load}`, best && byItl(best), decode.map(byItl), {
      ms: sla.itlMs,
      name: "ITL",
      tokens: "output tokens",
    }),
    subtitle: `${subject}: ISL ${formatPlain(isl)}, OSL ${formatPlain(osl)}, one line a mapping, its points from few requests at once to many`,
    x: {
      label: "ITL (ms)",
      ...range(
        decode.map((point) => point.itlMs),
        sla.itlMs,
      ),
    },
    y: { label: "decode throughput (tokens/s/GPU)" },
    series: [...ring(best?.itlMs, best?.throughputPerGpu), ...lines],
    limits: [{ axis: "x", value: sla.itlMs, label: `target ITL ${formatPlain(sla.itlMs)} ms` }],
  };
}

function costChart({ subject, isl, osl, sla, costs, dollarsPerGpuHour, ...input }: SweepPlotInput): XyChart {
  const ttfts = [...new Set(costs.map(({ ttftMs }) => ttftMs))].sort((a, b) => a - b).slice(-MOST_COST_LINES);
  const series = ttfts.map((ttftMs): Series => {
    const points = costs.filter((pair) => pair.ttftMs === ttftMs).toSorted((a, b) => a.itlMs - b.itlMs);
    return {
      name: `TTFT ${formatSignificant(ttftMs)} ms`,
      kind: "line",
      colour: ttftMs <= sla.ttftMs ? "prefill" : "muted",
      dashed: ttftMs > sla.ttftMs,
      x: points.map(({ itlMs }) => itlMs),
      y: points.map(({ dollars }) => dollars),
    };
  });
  const allowed = costs.filter(({ ttftMs, itlMs }) => ttftMs <= sla.ttftMs && itlMs <= sla.itlMs);
  const title =
    allowed.length === 0
      ? "No pair of mappings keeps both targets"
      : `Within both targets 1,000 requests cost $${formatSignificant(Math.min(...allowed.map(({ dollars }) => dollars)))} at best`;
  const [prefill, decode] = [input.prefill[input.picked.prefill ?? -1], input.decode[input.picked.decode ?? -1]];
  const chosen = costs.find(({ ttftMs, itlMs }) => ttftMs === prefill?.ttftMs && itlMs === decode?.itlMs);
  const itls = costs.map(({ itlMs }) => itlMs);
  return {
    title,
    subtitle: `${subject}: ISL ${formatPlain(isl)}, OSL ${formatPlain(osl)}, $${formatPlain(dollarsPerGpuHour)} per GPU-hour; a line a prefill mapping, dashed: TTFT missed`,
    x: { label: "ITL (ms)", ...range(itls, sla.itlMs) },
    y: { label: "cost of 1,000 requests ($)", ...(spread(series) > LOG_FROM_RATIO ? { scale: "log" as const } : {}) },
    series: [...ring(chosen?.itlMs, chosen?.dollars), ...series],
    limits: [{ axis: "x", value: sla.itlMs, label: `target ITL ${formatPlain(sla.itlMs)} ms` }],
  };
}

/** What the chosen point is: the best within the target, the closest to it, or simply what somebody picked. */
function choiceTitle(
  label: string | undefined,
  chosen: Measured | undefined,
  all: readonly Measured[],
  target: { ms: number; name: string; tokens: string },
): string {
  const { ms, name, tokens } = target;
  if (label === undefined || chosen === undefined) return `${name} and throughput by mapping`;
  const limit = `${article(name)} of ${formatPlain(ms)} ms`;
  const keeping = all.filter(({ latencyMs }) => latencyMs <= ms);
  if (keeping.length === 0) {
    const closest = all.every(({ latencyMs }) => latencyMs >= chosen.latencyMs) ? "comes closest" : "was picked";
    return `No mapping keeps ${limit}; ${label} ${closest}`;
  }
  if (chosen.latencyMs > ms) return `${label} was picked: it misses ${limit}`;
  if (keeping.some(({ throughputPerGpu }) => throughputPerGpu > chosen.throughputPerGpu)) {
    return `${label} was picked: it keeps ${limit}`;
  }
  return `${label} gives the most ${tokens} per GPU within ${limit}`;
}

interface Measured {
  latencyMs: number;
  throughputPerGpu: number;
}

function byTtft({ ttftMs, throughputPerGpu }: PrefillPoint): Measured {
  return { latencyMs: ttftMs, throughputPerGpu };
}

function byItl({ itlMs, throughputPerGpu }: DecodeLoad): Measured {
  return { latencyMs: itlMs, throughputPerGpu };
}

function article(name: string): string {
  return name === "ITL" ? `an ${name}` : `a ${name}`;
}

/** A ring around what was chosen. */
function ring(x: number | undefined, y: number | undefined): Series[] {
  if (x === undefined || y === undefined) return [];
  return [{ name: "", kind: "scatter", colour: "good", x: [x], y: [y], strokeWidth: 20, opacity: 0.35 }];
}

/** Largest over smallest value of all lines. */
function spread(series: readonly Series[]): number {
  const values = series.flatMap(({ y }) => Array.from(y));
  return Math.max(...values) / Math.min(...values);
}

function range(values: readonly number[], target: number): { scale?: "log"; min?: number; max?: number } {
  const all = [...values, target].filter((value) => value > 0);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (high / low <= LOG_FROM_RATIO) return { min: 0, max: high * 1.12 };
  return { scale: "log", min: low / 1.25, max: high * 1.35 };
}
