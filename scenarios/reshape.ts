import type { Workload } from "./workload.ts";

/** The same sessions, in their order, with `concurrency` of them in flight instead of at their times. */
export function asClosedLoop(workload: Workload, concurrency: number): Workload {
  const heads = sessionHeads(workload);
  return {
    ...workload,
    arrivalMs: new Float64Array(workload.count).fill(Number.NaN),
    openHeads: new Int32Array(0),
    closedLoops: [{ concurrency, heads, startMs: 0, endMs: Number.POSITIVE_INFINITY }],
    horizonMs: 0,
  };
}

/**
 * The same sessions, in their order, at other times. Sessions beyond the last time are left out.
 * @param timesMs ascending
 */
export function atTimes(workload: Workload, timesMs: Float64Array): Workload {
  const heads = sessionHeads(workload).subarray(0, timesMs.length);
  const arrivalMs = new Float64Array(workload.count).fill(Number.NaN);
  heads.forEach((head, i) => {
    arrivalMs[head] = timesMs[i]!;
  });
  return { ...workload, arrivalMs, openHeads: heads, closedLoops: [], horizonMs: timesMs[heads.length - 1] ?? 0 };
}

/** The first `count` sessions of the open loop; rows of the others stay, unsent. */
export function firstSessions(workload: Workload, count: number): Workload {
  const { openHeads, arrivalMs } = workload;
  if (openHeads.length <= count) return workload;
  const horizonMs = count === 0 ? 0 : arrivalMs[openHeads[count - 1]!]!;
  return { ...workload, openHeads: openHeads.slice(0, count), horizonMs };
}

function sessionHeads({ openHeads, closedLoops }: Workload): Int32Array {
  return Int32Array.from([...openHeads, ...closedLoops.flatMap((loop) => [...loop.heads])]);
}
