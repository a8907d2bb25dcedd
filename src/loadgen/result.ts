import { GapSketch } from "#src/record";
import { copyRow, type LoadColumns, loadColumns } from "./columns.ts";
import type { DriverResult } from "./driver-result.ts";
import { LoadTally } from "./tally.ts";
import type { LoadFacts, LoadOptions, LoadResult, LoadWarning } from "./types.ts";

/** Lateness of the generator above which its numbers should not be trusted, real ms. */
const LATE_P99_MS = 10;
/** Wait of tokens for the event loop above which the same holds, real ms: a pass of a few hundred streams takes some. */
const BUSY_P99_MS = 25;

/** What one generator measured beside the columns. */
export interface MeasuredPart {
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

/** What one generator measured; generators of one workload merge. */
export interface LoadPart extends MeasuredPart {
  /** Of the whole workload; requests of other generators were never sent here. */
  columns: LoadColumns;
}

/**
 * One run of what several generators measured from a common start. Request by request: percentiles are those of all requests.
 * @param parts at least one; no request was sent by two of them
 */
export function mergeLoadParts(
  options: Pick<LoadOptions, "workload" | "target">,
  parts: readonly [LoadPart, ...LoadPart[]],
): LoadResult {
  const columns = mergedColumns(parts);
  const tally = new LoadTally(options.workload);
  tally.add(columns, 0);
  return { ...columns, ...loadFacts(options, parts, tally, columns.details.endedMs) };
}

/**
 * All of it but the rows of requests.
 * @param tally of all of them @param endedMs ends of them
 */
export function loadFacts(
  options: Pick<LoadOptions, "workload" | "target">,
  parts: readonly [MeasuredPart, ...MeasuredPart[]],
  tally: LoadTally,
  endedMs: Float64Array,
): LoadFacts {
  const [first] = parts;
  const { runId, startMs, startUnixMs, timeScale } = first;
  const drivers = parts.flatMap((part) => part.drivers);
  const gaps = new GapSketch();
  const lateness = new GapSketch();
  for (const driver of drivers) {
    gaps.merge(driver.gaps);
    lateness.merge(driver.lateness);
  }
  const { count, meanMs, maxMs, quantileMs } = lateness.statistics();
  const result: Omit<LoadFacts, "warnings"> = {
    workload: options.workload,
    runId,
    gaps: gaps.statistics(),
    counts: tally.counts,
    failures: drivers.flatMap((driver) => driver.failures).sort((a, b) => endedMs[a.request]! - endedMs[b.request]!),
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
    endMs: tally.endMs,
    startMs,
    startUnixMs,
    timeScale,
    connections: drivers.reduce((sum, driver) => sum + driver.connections, 0),
    aborted: parts.some((part) => part.aborted),
  };
  return { ...result, warnings: warnings(result, tally, options) };
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

function warnings(
  { lateness, timeScale }: Pick<LoadFacts, "lateness" | "timeScale">,
  share: LoadTally,
  options: Pick<LoadOptions, "target">,
): LoadWarning[] {
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
