import { RequestStatus, type RunRecord, requestTable, type WorkerLife } from "#src/record";

export interface RequestRow {
  arrivalMs: number;
  ttftMs: number;
  /** Time between tokens, ms. */
  itlMs: number;
  osl: number;
  isl?: number;
  status?: number;
  feasible?: boolean;
}

/** A record of the given requests and workers and nothing else; SLA 200 / 10 ms unless said otherwise. */
export function recordOf(rows: RequestRow[], extra: Partial<RunRecord> = {}): RunRecord {
  const table = requestTable(rows.length);
  const feasible = new Uint8Array(rows.length);
  let lastTokenMs = 0;
  rows.forEach((row, i) => {
    table.arrivalMs[i] = row.arrivalMs;
    table.isl[i] = row.isl ?? 100;
    table.requestedOsl[i] = row.osl;
    table.status[i] = row.status ?? RequestStatus.completed;
    feasible[i] = row.feasible === false ? 0 : 1;
    if (table.status[i] !== RequestStatus.completed) return;
    table.outputTokens[i] = row.osl;
    table.admitMs[i] = row.arrivalMs;
    table.firstTokenMs[i] = row.arrivalMs + row.ttftMs;
    if (row.osl > 1) table.secondTokenMs[i] = row.arrivalMs + row.ttftMs + row.itlMs;
    table.lastTokenMs[i] = row.arrivalMs + row.ttftMs + row.itlMs * (row.osl - 1);
    lastTokenMs = Math.max(lastTokenMs, table.lastTokenMs[i]!);
  });
  return {
    name: "test",
    mode: "disagg",
    sla: { ttftMs: 200, itlMs: 10 },
    requests: table,
    gaps: { count: 0, meanMs: 0, minMs: 0, maxMs: 0, standardDeviationMs: 0, quantileMs: () => 0 },
    durationMs: lastTokenMs,
    endMs: lastTokenMs,
    gpusPerWorker: { prefill: 1, decode: 1 },
    workers: [],
    scalingEvents: [],
    decisions: [],
    timeline: {
      windowMs: 1000,
      startMs: [],
      requestRate: [],
      prefillActive: [],
      prefillStarting: [],
      prefillDraining: [],
      decodeActive: [],
      decodeStarting: [],
      decodeDraining: [],
      kvUsage: [],
      prefillQueueTokens: [],
      runningRequests: [],
    },
    engine: {
      passes: 0,
      steadyPasses: 0,
      skippedPasses: 0,
      scheduledPrefillTokens: 0,
      preemptions: 0,
      prefixHitTokens: 0,
      hostHitTokens: 0,
      evictedBlocks: 0,
      drafts: 0,
      draftTokens: 0,
      acceptedDraftTokens: 0,
      extrapolations: 0,
    },
    feasible,
    ...extra,
  };
}

export function worker(role: "prefill" | "decode", id: number, life: Partial<WorkerLife> = {}): WorkerLife {
  return { role, id, createdMs: 0, readyMs: 0, drainingMs: null, removedMs: null, ...life };
}
