import { type ReportedRun, type RunFacts, requestBlocks } from "#src/record";
import type { Series, Span, XyChart } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import { forecasts } from "../series/forecasts.ts";
import { gpuTime } from "../series/gpu-time.ts";
import { thinColumn } from "../series/timeline-windows.ts";
import { workerSteps } from "../series/worker-steps.ts";
import { rolesOf } from "../summary/decision-changes.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { type Readout, readoutOf, type TimeFigure, timeAxis } from "./figure.ts";
import { latencyFigures } from "./latency-figures.ts";
import { atClock, deploymentName, ratePhrase } from "./phrases.ts";

const MOST_POINTS = 400;
const MOST_FAULTS = 200;

/** The figures that share the time axis, in the order in which they explain each other. */
export function timeFigures(record: ReportedRun, summary: RunSummary): TimeFigure[] {
  const figures = [
    loadFigure(record),
    ...rolesOf(record.mode).map((role) => workersFigure(record, summary, role)),
    ...latencyFigures(record, summary),
    kvFigure(record),
    queueFigure(record),
    runningFigure(record),
    gpuHoursFigure(record, summary),
  ];
  const spans = faultSpans(record);
  if (spans.length === 0) return figures;
  return figures.map((figure) => ({ ...figure, chart: { ...figure.chart, spans } }));
}

/** Faults on the time axis, numbered as in their table. */
function faultSpans({ faults = [], endMs }: RunFacts): Span[] {
  return faults
    .slice(0, MOST_FAULTS)
    .map(({ atMs, untilMs }, i) => ({ from: atMs, to: Math.min(endMs, untilMs ?? endMs), label: String(i + 1) }))
    .filter(({ from }) => from <= endMs);
}

function loadFigure(record: ReportedRun): TimeFigure {
  const rate = thinColumn(record.timeline, whileArriving(record), MOST_POINTS);
  const series: Series[] = [{ name: "observed", kind: "line", colour: "ink", x: rate.atMs, y: rate.mean }];
  const readouts: Readout[] = [readoutOf("observed", "ink", " req/s", rate.atMs, rate.mean)];
  const predicted = forecasts(record.decisions);
  let title = `Load ran ${ratePhrase(rate.mean)}`;
  if (predicted.predicted.some((value) => !Number.isNaN(value))) {
    const inRun = predicted.atMs.map((at, i) => (at <= record.endMs ? predicted.predicted[i]! : Number.NaN));
    series.push({ name: "forecast", kind: "line", colour: "forecast", dashed: true, x: predicted.atMs, y: inRun });
    readouts.push(readoutOf("forecast", "forecast", " req/s", predicted.atMs, inRun));
    if (!Number.isNaN(predicted.meanRelativeError)) {
      const ahead = `${formatPlain(Math.round(predicted.horizonMs / 100) / 10)} s ahead`;
      title += `; forecasts ${ahead} were off by ${formatFixed(predicted.meanRelativeError * 100, 0)} %`;
    }
  }
  return {
    id: "load",
    height: 200,
    readouts,
    chart: {
      title,
      subtitle:
        series.length > 1
          ? "request rate, observed and as the planner had predicted it for that moment"
          : "requests that arrived per second",
      x: timeAxis(record),
      y: { label: "requests/s", min: 0 },
      series,
    },
  };
}

/** Request rates up to the last whole window with an arrival; what follows is the run coming to its end. */
function whileArriving(record: ReportedRun): number[] {
  const { timeline } = record;
  let lastArrivalMs = 0;
  for (const { requests } of requestBlocks(record)) {
    lastArrivalMs = requests.arrivalMs.findLast((at) => !Number.isNaN(at)) ?? lastArrivalMs;
  }
  const whole = timeline.startMs.filter((start) => start + timeline.windowMs <= lastArrivalMs).length;
  return timeline.requestRate.slice(0, Math.max(1, whole));
}

function workersFigure(record: RunFacts, summary: RunSummary, role: "prefill" | "decode"): TimeFigure {
  const steps = workerSteps(record.workers, role, record.endMs);
  const withStarting = steps.active.map((active, i) => active + steps.starting[i]!);
  const all = withStarting.map((count, i) => count + steps.draining[i]!);
  const ends = (column: number[]) => (column.at(-1) ?? 0) > 0;
  const layer = { kind: "stepArea", colour: role, x: steps.atMs } as const;
  const cost = summary.cost.roles[role];
  const name = record.mode === "agg" ? "" : role === "prefill" ? "Prefill: " : "Decode: ";
  const least = steps.active.length === 0 ? 0 : Math.min(...steps.active);
  const most = Math.max(0, ...steps.active);
  const events = record.scalingEvents.filter((event) => event.role === role);
  const average = `${formatFixed(cost.averageWorkers, 1)} workers on average`;
  const story =
    events.length === 0 && least === most
      ? `${plural(most, "worker")} throughout`
      : `${average}, between ${least} and ${most} ready; ${plural(events.length, "change")}`;
  return {
    id: `${role}-workers`,
    height: 140,
    readouts: [
      readoutOf("ready", role, "", steps.atMs, steps.active, "step"),
      readoutOf("starting", role, "", steps.atMs, steps.starting, "step"),
      readoutOf("draining", role, "", steps.atMs, steps.draining, "step"),
    ],
    keys: [
      { text: "ready", colour: role, look: "solid" },
      { text: "starting", colour: role, look: "light" },
      { text: "draining", colour: role, look: "pale" },
    ],
    chart: {
      title: `${name}${story}`,
      subtitle: "workers that are paid for; a mark on the axis is a decision to change their number",
      x: timeAxis(record),
      y: { label: "workers", scale: "count", min: 0, max: Math.max(1, ...all) * 1.1 },
      series: [
        { ...layer, name: "", y: all, lower: withStarting, opacity: 0.35, strokeWidth: 0 },
        {
          ...layer,
          name: ends(steps.starting) ? "starting" : "",
          y: withStarting,
          lower: steps.active,
          opacity: 0.75,
          dashed: true,
          strokeWidth: 1.25,
        },
        { ...layer, name: "ready", y: steps.active, opacity: 1 },
      ],
      events: events.map((event) => ({ x: event.atMs, colour: "ink" as const })),
    },
  };
}

function kvFigure(record: RunFacts): TimeFigure {
  const kv = thinColumn(record.timeline, record.timeline.kvUsage, MOST_POINTS);
  const peak = peakOf(kv.max);
  return {
    id: "kv-usage",
    height: 130,
    readouts: [
      readoutOf(
        "KV cache",
        "decode",
        " %",
        kv.atMs,
        kv.mean.map((share) => share * 100),
      ),
    ],
    chart: areaChart(record, {
      title: `KV cache was at most ${formatFixed(peak.value * 100, 0)} % full${atClock(kv.atMs[peak.index])}`,
      subtitle: `share of KV tokens in use, mean over ${record.mode === "agg" ? "" : "decode "}workers`,
      label: "KV cache in use",
      scale: "share",
      colour: "decode",
      column: kv,
    }),
  };
}

function queueFigure(record: RunFacts): TimeFigure {
  const queue = thinColumn(record.timeline, record.timeline.prefillQueueTokens, MOST_POINTS);
  const peak = peakOf(queue.max);
  const title =
    peak.value > 0
      ? `The prefill queue held up to ${formatSignificant(peak.value)} tokens${atClock(queue.atMs[peak.index])}`
      : "No prompt had to wait at the end of a window";
  return {
    id: "prefill-queue",
    height: 130,
    readouts: [readoutOf("queue", "prefill", " tokens", queue.atMs, queue.mean)],
    chart: areaChart(record, {
      title,
      subtitle: "prompt tokens waiting or half computed, over all workers",
      label: "tokens",
      colour: "prefill",
      column: queue,
    }),
  };
}

function runningFigure(record: RunFacts): TimeFigure {
  const running = thinColumn(record.timeline, record.timeline.runningRequests, MOST_POINTS);
  const peak = peakOf(running.max);
  return {
    id: "running",
    height: 130,
    readouts: [readoutOf("running", "decode", "", running.atMs, running.mean)],
    chart: areaChart(record, {
      title: `Up to ${plural(peak.value, "request")} ran at once${atClock(running.atMs[peak.index])}`,
      subtitle: "requests in a batch, over all workers",
      label: "requests",
      colour: "decode",
      column: running,
    }),
  };
}

interface AreaSpec {
  title: string;
  subtitle: string;
  label: string;
  scale?: "share";
  colour: ColourName;
  column: { atMs: number[]; mean: number[] };
}

function areaChart(record: RunFacts, { title, subtitle, label, scale, colour, column }: AreaSpec): XyChart {
  return {
    title,
    subtitle,
    x: timeAxis(record),
    y: { label, min: 0, ...(scale === undefined ? {} : { scale }) },
    series: [{ name: "", kind: "area", colour, x: column.atMs, y: column.mean }],
  };
}

function gpuHoursFigure(record: RunFacts, summary: RunSummary): TimeFigure {
  const { atMs, prefillHours, decodeHours } = gpuTime(record);
  const total = prefillHours.map((hours, i) => hours + decodeHours[i]!);
  const series: Series[] = [
    {
      name: record.mode === "agg" ? "this run" : "+ decode",
      shortName: record.mode === "agg" ? "run" : "+ decode",
      kind: "area",
      colour: "decode",
      x: atMs,
      y: total,
      lower: prefillHours,
    },
  ];
  const readouts = [readoutOf("GPU-hours", "ink", "", atMs, total)];
  if (record.mode === "disagg") {
    series.push({ name: "prefill", kind: "area", colour: "prefill", x: atMs, y: prefillHours });
    readouts.push(readoutOf("of which prefill", "prefill", "", atMs, prefillHours));
  }
  let title = `${formatSignificant(summary.cost.gpuHours)} GPU-hours, ${formatFixed(summary.cost.averageGpus, 1)} GPUs on average`;
  const best = summary.bestStatic?.atFloor ?? null;
  if (best !== null) {
    const name = deploymentName(record.mode, best);
    const less = 1 - summary.cost.gpuHours / best.gpuHours;
    const compared = `${formatFixed(Math.abs(less) * 100, 0)} % ${less >= 0 ? "less" : "more"} than ${name}, the best static deployment`;
    title += `: ${compared}`;
    const line = atMs.map((at) => (best.gpuHours * at) / record.endMs);
    series.push({
      name: `static ${name}`,
      shortName: name,
      kind: "line",
      colour: "muted",
      x: atMs,
      y: line,
      strokeWidth: 1.25,
    });
    readouts.push(readoutOf(`static ${name}`, "muted", "", atMs, line));
  }
  return {
    id: "gpu-hours",
    height: 200,
    readouts,
    chart: {
      title,
      subtitle: "GPU time so far, from the decision to start a worker until it is drained",
      x: timeAxis(record),
      y: { label: "GPU-hours", min: 0 },
      series,
    },
  };
}

function peakOf(values: number[]): { value: number; index: number } {
  let index = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[index]!) index = i;
  return { value: values[index] ?? 0, index };
}
