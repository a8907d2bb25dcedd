import type { NativeEngine } from "#src/estimator";
import { bytesInUse } from "./memory.ts";
import type { WorkerRow } from "./rows.ts";

/** What a pass in service takes longer than alone, prefill and decode (AIConfigurator's `*_latency_correction`). */
const PREFILL_CORRECTION = 1.1;
const DECODE_CORRECTION = 1.08;

const steps = (from: number, below: number, by: number) =>
  Array.from({ length: Math.ceil((below - from) / by) }, (_, i) => from + i * by);

/** Batch sizes that are tried of a decode engine's attention rank. */
export const DECODE_BATCHES: readonly number[] = [
  ...steps(1, 16, 1),
  ...steps(16, 32, 2),
  ...steps(32, 128, 4),
  ...steps(128, 512, 8),
  512,
];

export interface Workload {
  isl: number;
  osl: number;
}

/** A prefill engine, one prompt a rank and pass; null where it does not fit. */
export function prefillWorker(engine: NativeEngine, { isl }: Workload): WorkerRow | null {
  if (bytesInUse(engine, 1, isl + 1, isl) === null) return null;
  const estimate = engine.context(1, isl);
  const latencyMs = estimate.ms * PREFILL_CORRECTION;
  return workerRow(engine, 1, latencyMs, latencyMs, estimate.origin);
}

/** A decode engine at every batch size that fits. */
export function decodeWorkers(engine: NativeEngine, { isl, osl }: Workload): WorkerRow[] {
  const rows: WorkerRow[] = [];
  for (const batch of DECODE_BATCHES) {
    if (bytesInUse(engine, batch, isl + osl, batch) === null) break;
    const estimate = engine.meanGeneration(batch, isl, osl);
    const latencyMs = estimate.ms * DECODE_CORRECTION;
    rows.push(workerRow(engine, batch, latencyMs, latencyMs * Math.max(1, osl - 1), estimate.origin));
  }
  return rows;
}

function workerRow(
  { facts: { layout }, spec }: NativeEngine,
  batchSize: number,
  latencyMs: number,
  requestMs: number,
  origin: WorkerRow["origin"],
): WorkerRow {
  const globalBatchSize = batchSize * layout.attentionDp;
  return {
    parallelism: spec.parallelism,
    layout,
    gpus: layout.gpus,
    batchSize,
    globalBatchSize,
    latencyMs,
    requestsPerSecond: (globalBatchSize * layout.pp * 1000) / requestMs,
    origin,
  };
}
