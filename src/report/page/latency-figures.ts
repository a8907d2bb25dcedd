import type { ReportedRun, RunFacts } from "#src/record";
import type { ColourName } from "../charts/theme.ts";
import { formatPlain, formatShare } from "../format.ts";
import { type LatencyWindows, latencyWindows, roundWindowMs } from "../series/latency-windows.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { readoutOf, type TimeFigure, timeAxis } from "./figure.ts";
import { atClock } from "./phrases.ts";

const MOST_WINDOWS = 180;
/** From this many times the limit on, a linear axis would press the limit into the base line. */
const LOG_FROM = 8;

/** TTFT and ITL per window against the SLA. */
export function latencyFigures(record: ReportedRun, summary: RunSummary): TimeFigure[] {
  const windows = latencyWindows(record, roundWindowMs(record.endMs, MOST_WINDOWS, 5000));
  return [
    figure(record, windows, {
      id: "ttft",
      name: "TTFT",
      colour: "prefill",
      limitMs: record.sla.ttftMs,
      share: summary.attainment.ttftShare,
      p50: windows.ttftP50Ms,
      p99: windows.ttftP99Ms,
      met: windows.ttftMet,
    }),
    figure(record, windows, {
      id: "itl",
      name: "ITL",
      colour: "decode",
      limitMs: record.sla.itlMs,
      share: summary.attainment.itlShare,
      p50: windows.itlP50Ms,
      p99: windows.itlP99Ms,
      met: windows.itlMet,
    }),
  ];
}

interface LatencySpec {
  id: string;
  name: string;
  colour: ColourName;
  limitMs: number;
  share: number;
  p50: number[];
  p99: number[];
  met: number[];
}

function figure(record: RunFacts, windows: LatencyWindows, spec: LatencySpec): TimeFigure {
  const { name, colour, limitMs, share, p50, p99, met } = spec;
  const { atMs, judged, windowMs } = windows;
  const shares = judged.map((count, w) => (count === 0 ? Number.NaN : (met[w]! / count) * 100));
  const worst = worstWindow(judged, met);
  const log = Math.max(...p99.filter((value) => !Number.isNaN(value)), 0) > LOG_FROM * limitMs;
  const tail =
    worst === null
      ? ""
      : `; worst${atClock(atMs[worst]! - windowMs / 2)} with ${formatShare(met[worst]! / judged[worst]!, 0)}`;
  return {
    id: spec.id,
    height: 200,
    readouts: [
      readoutOf("p50", colour, " ms", atMs, p50),
      readoutOf("p99", colour, " ms", atMs, p99),
      readoutOf("kept", "ink", " %", atMs, shares),
    ],
    chart: {
      title: `${formatShare(share, 1)} of requests kept ${name} within ${formatPlain(limitMs)} ms${tail}`,
      subtitle: `median and 99th percentile of the requests that arrived in each window of ${formatPlain(windowMs / 1000)} s`,
      x: timeAxis(record),
      y: log ? { label: `${name} (ms)`, scale: "log" } : { label: `${name} (ms)`, min: 0 },
      series: [
        { name: "", kind: "band", colour, x: atMs, y: p99, lower: p50 },
        { name: "p99", kind: "line", colour, x: atMs, y: p99, strokeWidth: 1, opacity: 0.8 },
        { name: "p50", kind: "line", colour, x: atMs, y: p50 },
      ],
      limits: [{ value: limitMs, label: `SLA ${formatPlain(limitMs)} ms` }],
    },
  };
}

/** The window with the smallest share of kept requests; null where all were kept. */
function worstWindow(judged: number[], met: number[]): number | null {
  let worst: number | null = null;
  let least = 1;
  for (let w = 0; w < judged.length; w++) {
    if (judged[w] === 0) continue;
    const share = met[w]! / judged[w]!;
    if (share < least) {
      least = share;
      worst = w;
    }
  }
  return worst;
}
