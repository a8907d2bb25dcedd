import type { RunRecord } from "#src/record";
import { attainment } from "#src/report";

/** What a run did within a part of its time: requests that arrived in it, and the GPU-seconds it held. */
export interface Part {
  good: number;
  judged: number;
  ttftMissed: number;
  itlMissed: number;
  gpuSeconds: number;
}

export function measure(record: RunRecord, fromMs: number, toMs: number): Part {
  const { good, judged, ttftMet, itlMet } = attainment(record, { fromMs, toMs }).attainment;
  let gpuSeconds = 0;
  for (const { role, createdMs, removedMs } of record.workers) {
    const heldMs = Math.min(removedMs ?? record.endMs, toMs) - Math.max(createdMs, fromMs);
    gpuSeconds += (Math.max(0, heldMs) / 1000) * record.gpusPerWorker[role];
  }
  return { good, judged, ttftMissed: judged - ttftMet, itlMissed: judged - itlMet, gpuSeconds };
}

export function share({ good, judged }: Part): number {
  return judged === 0 ? 1 : good / judged;
}

export function perGpu({ good, gpuSeconds }: Part): number {
  return good / gpuSeconds;
}
