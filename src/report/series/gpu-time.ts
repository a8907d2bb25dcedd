import type { RoleName, RunFacts } from "#src/record";

/** GPU-hours spent up to each time, index-aligned. */
export interface GpuTime {
  atMs: number[];
  prefillHours: number[];
  decodeHours: number[];
}

const POINTS = 240;

/** Cumulated GPU time over the run, at evenly spaced times. */
export function gpuTime(record: RunFacts): GpuTime {
  const atMs = Array.from({ length: POINTS + 1 }, (_, i) => (record.endMs * i) / POINTS);
  const spent = (role: RoleName) => {
    const workers = record.workers.filter((worker) => worker.role === role);
    const hoursPerMs = record.gpusPerWorker[role] / 3_600_000;
    return atMs.map((now) => {
      let heldMs = 0;
      for (const { createdMs, removedMs } of workers) {
        heldMs += Math.max(0, Math.min(removedMs ?? now, now) - createdMs);
      }
      return heldMs * hoursPerMs;
    });
  };
  return { atMs, prefillHours: spent("prefill"), decodeHours: spent("decode") };
}
