import { newPassCounters } from "#mocker/engine";
import {
  type RequestBlock,
  type RequestTable,
  type RunRecord,
  rowsOfTable,
  StoredRows,
  type StoredRun,
  type Timeline,
  TimelineRecorder,
  tenantsOfRows,
} from "#src/record";
import type { LoadBlock, LoadFacts, LoadResult, LoadTimes, StoredLoad } from "./types.ts";

/** What a load run cannot know of itself; everything but name and SLA has a default. */
export type LoadRecordOptions = Pick<RunRecord, "name" | "sla"> &
  Partial<Omit<RunRecord, "requests" | "gaps" | "feasible" | "durationMs">> & {
    /** By request of the workload; default: all are. */
    feasible?: Uint8Array;
  };

/** Rows of the requests that count: those that were sent, without those that the client cancelled on purpose. */
export function judgedRows({ requests, details }: Pick<LoadResult, "requests" | "details">): Int32Array {
  const rows = new Int32Array(requests.count);
  let count = 0;
  for (let i = 0; i < requests.count; i++) {
    if (!Number.isNaN(requests.arrivalMs[i]!) && details.cancelled[i] === 0) rows[count++] = i;
  }
  return rows.slice(0, count);
}

/**
 * A load run as a record, for reports. Row `i` is request `judgedRows(result)[i]`. Without `workers` nothing is known of the
 * deployment: no GPU time, no goodput per GPU.
 */
export function loadRecord(result: LoadResult, options: LoadRecordOptions): RunRecord {
  const rows = judgedRows(result);
  const requests = onlyKnownReasoning(rowsOfTable(result.requests, rows));
  const { feasible, ...given } = options;
  const { tenants } = result.workload;
  const { durationMs, ...facts } = factsOf(result, [{ requests }]);
  return {
    ...facts,
    ...given,
    requests,
    ...(tenants === undefined ? {} : { tenants: tenantsOfRows(tenants, rows) }),
    gaps: result.gaps,
    durationMs,
    feasible:
      feasible === undefined ? new Uint8Array(rows.length).fill(1) : Uint8Array.from(rows, (row) => feasible[row]!),
  };
}

/** The same of a run whose rows are in a file. */
export function storedLoadRecord(result: StoredLoad, options: LoadRecordOptions): StoredRun {
  const { workload, files, pages, cancelled, reasons } = result;
  const { feasible = new Uint8Array(workload.count).fill(1), ...given } = options;
  const { tenants } = workload;
  const columns = { feasible, tenantOf: tenants?.of ?? null, routing: null, leftOut: cancelled };
  const rows = new StoredRows(files.rows, columns, pages, reasons);
  const { durationMs, ...facts } = factsOf(result, rows);
  return {
    ...facts,
    ...given,
    ...(tenants === undefined ? {} : { tenants: { names: tenants.names } }),
    gaps: result.gaps,
    durationMs,
    rows,
  };
}

/** All rows of a load run, sent or not; from files in pieces. */
export function* loadBlocks(result: LoadResult | StoredLoad): Generator<LoadBlock> {
  if (!("files" in result)) {
    yield { first: 0, requests: result.requests, details: result.details };
    return;
  }
  const { files, pages, workload } = result;
  if (files.details === null) throw new RangeError("the details of requests were not kept");
  for (const page of pages) {
    const first = page * files.rows.pageRows;
    const count = Math.min(files.rows.pageRows, workload.count - first);
    yield { first, requests: files.rows.read(page, count), details: files.details.read(page, count) };
  }
}

/** What a load run knows of itself beside its rows. */
function factsOf(result: LoadFacts & LoadTimes, blocks: Iterable<Pick<RequestBlock, "requests">>) {
  let durationMs = 0;
  let prefixHitTokens = 0;
  let disaggregated = false;
  for (const { requests } of blocks) {
    for (let i = 0; i < requests.count; i++) {
      if (requests.lastTokenMs[i]! > durationMs) durationMs = requests.lastTokenMs[i]!;
      prefixHitTokens += requests.cachedTokens[i]!;
      if (requests.prefillWorker[i]! >= 0) disaggregated = true;
    }
  }
  const { prefillMs: _prefillMs, hostLoadMs: _hostLoadMs, ...counters } = newPassCounters();
  return {
    mode: disaggregated ? ("disagg" as const) : ("agg" as const),
    endMs: result.endMs,
    gpusPerWorker: { prefill: 0, decode: 0 },
    workers: [],
    scalingEvents: [],
    decisions: [],
    timeline: timelineOf(result),
    engine: { ...counters, prefixHitTokens, extrapolations: 0 },
    durationMs,
  };
}

/** Without the columns of reasoning where the server has not reasoned. */
function onlyKnownReasoning(requests: RequestTable): RequestTable {
  const reasons = requests.reasoningTokens?.some((tokens) => tokens > 0) === true;
  return reasons ? requests : { ...requests, firstOutputTokenMs: null, reasoningTokens: null };
}

/** Those of both that there are (not NaN). */
function inOrder(times: Float64Array, more: Float64Array): Float64Array {
  const all = new Float64Array(times.length + more.length);
  all.set(times);
  all.set(more, times.length);
  return all.filter((atMs) => !Number.isNaN(atMs)).sort();
}

/** When attempts were sent, the first of each request and the others, in order of time. */
export function sendTimes({ requests, retries }: Pick<LoadFacts & LoadTimes, "requests" | "retries">): Float64Array {
  return inOrder(requests.arrivalMs, retries.sentMs);
}

/** Arrivals (of every attempt) and requests under way over time; workers are not seen from here. */
function timelineOf({ requests, details, retries, workload, endMs }: LoadFacts & LoadTimes): Timeline {
  const none = { active: 0, starting: 0, draining: 0 };
  const recorder = new TimelineRecorder(Math.max(1000, Math.max(workload.horizonMs, endMs) / 360));
  const arrivals = sendTimes({ requests, retries });
  const ends = inOrder(details.endedMs, retries.endedMs);
  let arrived = 0;
  let ended = 0;
  for (let fromMs = 0; fromMs < endMs; ) {
    const toMs = Math.min(endMs, fromMs + recorder.timeline.windowMs);
    while (arrived < arrivals.length && arrivals[arrived]! <= toMs) {
      recorder.arrived();
      arrived++;
    }
    while (ended < ends.length && ends[ended]! <= toMs) ended++;
    recorder.close(toMs, {
      prefill: none,
      decode: none,
      kvUsage: 0,
      prefillQueueTokens: 0,
      runningRequests: arrived - ended,
    });
    fromMs = toMs;
  }
  return recorder.timeline;
}
