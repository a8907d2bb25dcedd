import type { Clock } from "#common";
import type { Workload } from "#scenarios";
import { GapSketch, RequestStatus } from "#src/record";
import type { LoadColumns } from "./columns.ts";
import type { DriverResult } from "./driver-result.ts";
import type { LoadCounts, LoadOptions, LoadResult, LoadWarning } from "./types.ts";

/** Lateness of the generator above which its numbers should not be trusted, real ms. */
const LATE_P99_MS = 10;
/** Wait of tokens for the event loop above which the same holds, real ms: a pass of a few hundred streams takes some. */
const BUSY_P99_MS = 25;

/** Puts together what the threads of a run measured. */
export function loadResult(
  options: LoadOptions,
  columns: LoadColumns,
  parts: DriverResult[],
  run: { startMs: number; clock: Clock; runId: string; aborted: boolean },
): LoadResult {
  const gaps = new GapSketch();
  const lateness = new GapSketch();
  for (const part of parts) {
    gaps.merge(part.gaps);
    lateness.merge(part.lateness);
  }
  const { count, meanMs, maxMs, quantileMs } = lateness.statistics();
  const { timeScale } = run.clock;
  const result: Omit<LoadResult, "warnings"> = {
    workload: options.workload,
    runId: run.runId,
    ...columns,
    gaps: gaps.statistics(),
    counts: counted(columns),
    failures: parts
      .flatMap((part) => part.failures)
      .sort((a, b) => columns.details.endedMs[a.request]! - columns.details.endedMs[b.request]!),
    lateness: {
      count,
      meanMs,
      p99Ms: quantileMs(0.99),
      maxMs,
      loopDelayMs: Math.max(0, ...parts.map((part) => part.loopDelayMs)) * timeScale,
    },
    endMs: latest(columns.details.endedMs),
    startMs: run.startMs,
    startUnixMs: run.clock.toUnixMs(run.startMs),
    timeScale,
    connections: parts.reduce((sum, part) => sum + part.connections, 0),
    aborted: run.aborted,
  };
  return { ...result, warnings: warnings(result, options) };
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

function warnings(result: Omit<LoadResult, "warnings">, options: LoadOptions): LoadWarning[] {
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
