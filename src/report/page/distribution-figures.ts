import { type ReportedRun, type RequestTable, requestBlocks, requestCount } from "#src/record";
import type { XyChart } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatCount, formatPlain, formatShare, formatSignificant } from "../format.ts";
import type { Distribution } from "../summary/distribution.ts";
import { isCompleted, itlMs, ttftMs } from "../summary/request-times.ts";
import type { RunSummary } from "../summary/summarize.ts";

const POINTS = 200;

/** Cumulative distributions of TTFT and ITL over completed requests, with the SLA on them. */
export function distributionFigures(record: ReportedRun, summary: RunSummary): { id: string; chart: XyChart }[] {
  const { sla } = record;
  const values = new Float64Array(requestCount(record));
  const sample = (value: (table: RequestTable, i: number) => number) => {
    let count = 0;
    for (const { requests: table } of requestBlocks(record)) {
      for (let i = 0; i < table.count; i++) {
        const found = isCompleted(table, i) ? value(table, i) : Number.NaN;
        if (!Number.isNaN(found)) values[count++] = found;
      }
    }
    return values.subarray(0, count).sort();
  };
  const { total, completed } = summary.requests;
  // They have none, or none to the end: the shares are not theirs.
  const others =
    completed === total
      ? ""
      : `; the ${formatCount(total - completed)} of ${formatCount(total)} that never completed are not in it`;
  return [
    {
      id: "ttft-distribution",
      chart: cdf("TTFT", "prefill", sample(ttftMs), summary.metrics.ttftMs, sla.ttftMs, others),
    },
    {
      id: "itl-distribution",
      chart: cdf("ITL", "decode", sample(itlMs), summary.metrics.itlMs, sla.itlMs, others),
    },
  ];
}

function cdf(
  name: string,
  colour: ColourName,
  ascending: Float64Array,
  known: Distribution,
  limitMs: number,
  others: string,
): XyChart {
  const { x, y } = cumulative(ascending);
  const within = shareWithin(ascending, limitMs);
  const title =
    known.count === 0
      ? `No request has a ${name}`
      : `${formatShare(within, 1)} of completed requests within ${formatPlain(limitMs)} ms; median\u00a0${formatSignificant(known.p50)}\u00a0ms, p99\u00a0${formatSignificant(known.p99)}\u00a0ms`;
  return {
    title: `${name}: ${title}`,
    subtitle: `share of completed requests with at most this ${name}${others}`,
    x: { label: `${name} (ms), logarithmic`, scale: "log" },
    y: { label: "share of requests", scale: "share", min: 0, max: 1 },
    series: [{ name: "", kind: "line", colour, x, y, strokeWidth: 2 }],
    limits: [{ value: limitMs, label: `SLA ${formatPlain(limitMs)} ms`, axis: "x" }],
  };
}

/** The distribution at evenly spaced ranks, its tail included. */
function cumulative(ascending: Float64Array): { x: number[]; y: number[] } {
  const n = ascending.length;
  const x: number[] = [];
  const y: number[] = [];
  if (n === 0) return { x, y };
  for (let i = 0; i <= POINTS; i++) {
    const rank = Math.min(n - 1, Math.round((i / POINTS) * (n - 1)));
    x.push(Math.max(ascending[rank]!, 1e-3));
    y.push((rank + 1) / n);
  }
  return { x, y };
}

function shareWithin(ascending: Float64Array, limit: number): number {
  const above = ascending.findIndex((value) => value > limit);
  return above < 0 ? 1 : above / ascending.length;
}
