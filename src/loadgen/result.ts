import type { Workload } from "#scenarios";
import { GapSketch, RequestStatus } from "#src/record";
import { copyRow, type LoadColumns, loadColumns } from "./columns.ts";
import type { DriverResult } from "./driver-result.ts";
import type { LoadCounts, LoadOptions, LoadResult, LoadWarning } from "./types.ts";

/** Lateness of the generator above which its numbers should not be trusted, real ms. */
const LATE_P99_MS = 10;
/** Wait of tokens for the event loop above which the same holds, real ms: a pass of a few hundred streams takes some. */
const BUSY_P99_MS = 25;

/** What one generator measured; generators of one workload merge. */
export interface LoadPart {
  /** Of the whole workload; requests of other generators were never sent here. */
  columns: LoadColumns;
  /** Of each thread. */
  drivers: DriverResult[];
  model: string;
  runId: string;
  /** Model time of its clock at the start, and the same as Unix ms. */
  startMs: number;
  startUnixMs: number;
  timeScale: number;
  aborted: boolean;
}

/**
 * One run of what several generators measured from a common start. Request by request: percentiles are those of all requests.
 * @param parts at least one; no request was sent by two of them
 */
export function mergeLoadParts(
  options: Pick<LoadOptions, "workload" | "target">,
  parts: readonly [LoadPart, ...LoadPart[]],
): LoadResult {
  const [first] = parts;
  const { runId, startMs, startUnixMs, timeScale } = first;
  const columns = mergedColumns(parts);
  const drivers = parts.flatMap((part) => part.drivers);
  const gaps = new GapSketch();
  const lateness = new GapSketch();
  for (const driver of drivers) {
    gaps.merge(driver.gaps);
    lateness.merge(driver.lateness);
  }
  const { count, meanMs, maxMs, quantileMs } = lateness.statistics();
  const result: Omit<LoadResult, "warnings"> = {
    workload: options.workload,
    runId,
    ...columns,
    gaps: gaps.statistics(),
    counts: counted(columns),
    failures: drivers
      .flatMap((driver) => driver.failures)
      .sort((a, b) => columns.details.endedMs[a.request]! - columns.details.endedMs[b.request]!),
    retries: {
      endedMs: Float64Array.from(drivers.flatMap(({ retries }) => retries.endedMs)).sort(),
      sentMs: Float64Array.from(drivers.flatMap(({ retries }) => retries.sentMs)).sort(),
    },
    lateness: {
      count,
      meanMs,
      p99Ms: quantileMs(0.99),
      maxMs,
      loopDelayMs: Math.max(0, ...drivers.map((driver) => driver.loopDelayMs)) * timeScale,
    },
    endMs: latest(columns.details.endedMs),
    startMs,
    startUnixMs,
    timeScale,
    connections: drivers.reduce((sum, driver) => sum + driver.connections, 0),
    aborted: parts.some((part) => part.aborted),
  };
  return { ...result, warnings: warnings(result, options) };
}

/** Each request's row from who sent it. */
function mergedColumns(parts: readonly [LoadPart, ...LoadPart[]]): LoadColumns {
  const [first, ...others] = parts;
  if (others.length === 0) return first.columns;
  const { count } = first.columns.requests;
  const merged = loadColumns(count, false);
  for (const { columns } of parts) {
    const { arrivalMs } = columns.requests;
    for (let i = 0; i < count; i++) if (!Number.isNaN(arrivalMs[i]!)) copyRow(columns, i, merged, i);
  }
  return merged;
}

function counted({ requests, details }: LoadColumns): LoadCounts {
  const counts: LoadCounts = { sent: 0, completed: 0, rejected: 0, failed: 0, unfinished: 0, cancelled: 0 };
  for (let i = 0; i < requests.count; i++) {
    if (Number.isNaN(requests.arrivalMs[i]!)) continue;
    counts.sent++;
    if (details.cancelled[i] === 1) counts.cancelled++;
    else if (requests.status[i] === RequestStatus.completed) counts.completed++;
    else if (requests.status[i] === RequestStatus.rejected) counts.rejected++;
    else if (requests.status[i] === RequestStatus.failed) counts.failed++;
    else counts.unfinished++;
  }
  return counts;
}

function latest(times: Float64Array): number {
  let last = 0;
  for (const atMs of times) if (atMs > last) last = atMs;
  return last;
}

function warnings(result: Omit<LoadResult, "warnings">, options: Pick<LoadOptions, "target">): LoadWarning[] {
  const { lateness, timeScale, requests, details, workload } = result;
  const found: LoadWarning[] = [];
  const real = (modelMs: number) => `${(modelMs / timeScale).toFixed(1)} ms`;
  const more = "use more threads (--workers), or a machine with less to do";
  if (lateness.p99Ms / timeScale > LATE_P99_MS) {
    found.push({
      code: "LATE",
      text: `the generator itself was late: requests left ${real(lateness.meanMs)} after their time on average, p99 ${real(lateness.p99Ms)}, at most ${real(lateness.maxMs)}. Their latency counts from the schedule and includes that: ${more}`,
    });
  } else if (lateness.loopDelayMs / timeScale > BUSY_P99_MS) {
    found.push({
      code: "BUSY",
      text: `the generator was busy: tokens waited up to ${real(lateness.loopDelayMs)} (p99) before they were seen: ${more}`,
    });
  }
  const share = deviations(workload, requests, details.serverIsl);
  if (share.osl.count > 0) {
    const { count, of, mean, asked } = share.osl;
    found.push({
      code: "OSL",
      text: `${count} of ${of} requests got another number of tokens than asked for (${mean.toFixed(1)} instead of ${asked.toFixed(1)} on average): where the server knows it, --extra-inputs ignore_eos:true helps`,
    });
  }
  if (share.isl.count > 0) {
    const { count, of, mean, asked } = share.isl;
    found.push({
      code: "ISL",
      text: `the server counts other prompt tokens than were made in ${count} of ${of} requests (${mean.toFixed(1)} instead of ${asked.toFixed(1)} on average): it has another tokenizer (--tokenizer), or a chat template that adds some`,
    });
  }
  if (share.untold > 0) {
    found.push({
      code: "NO_USAGE",
      text: `${share.untold} responses told no usage: their prompt tokens are the generator's count, their output tokens the pieces that came`,
    });
  }
  if ((options.target.streaming ?? true) && share.whole > 0) {
    found.push({
      code: "NOT_STREAMED",
      text: `${share.whole} responses were not streamed although that was asked for: they have no time to first token`,
    });
  }
  return found;
}

interface Deviation {
  count: number;
  of: number;
  /** Means over the requests that deviate. */
  mean: number;
  asked: number;
}

function deviations(workload: Workload, requests: LoadResult["requests"], serverIsl: Int32Array) {
  const osl: Deviation = { count: 0, of: 0, mean: 0, asked: 0 };
  const isl: Deviation = { count: 0, of: 0, mean: 0, asked: 0 };
  let untold = 0;
  let whole = 0;
  const note = (deviation: Deviation, found: number, asked: number) => {
    deviation.of++;
    if (found === asked) return;
    deviation.count++;
    deviation.mean += (found - deviation.mean) / deviation.count;
    deviation.asked += (asked - deviation.asked) / deviation.count;
  };
  for (let i = 0; i < requests.count; i++) {
    if (requests.status[i] !== RequestStatus.completed) continue;
    note(osl, requests.outputTokens[i]!, workload.osl[i]!);
    if (serverIsl[i]! >= 0) note(isl, serverIsl[i]!, workload.isl[i]!);
    else untold++;
    if (Number.isNaN(requests.firstTokenMs[i]!)) whole++;
  }
  return { osl, isl, untold, whole };
}
