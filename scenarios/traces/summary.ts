import { mean, quantileSorted } from "#common";
import type { Workload } from "../workload.ts";

export interface LengthSummary {
  mean: number;
  min: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/** What is in a workload, at a glance. */
export interface WorkloadSummary {
  requests: number;
  sessions: number;
  /** Requests per session. */
  meanTurns: number;
  /** From time 0 to the last first turn, ms. */
  durationMs: number;
  /** First turns per second, on average. */
  requestRate: number;
  /** First turns per second in equal parts of the duration. */
  rates: number[];
  /** Highest of the rates. */
  peakRate: number;
  isl: LengthSummary;
  osl: LengthSummary;
  /** Tokens that a hash id stands for; null where prompts share nothing. */
  blockTokens: number | null;
  distinctBlocks: number;
  /** Prompt tokens that ids stand for, as a share of all (0..1). In traces it is 1, unless the block size is wrong. */
  namedShare: number;
  /** Prompt tokens that a cache without limits would find, as a share of all (0..1): the most that prefix caching can save. */
  reusableShare: number;
}

/** @param parts number of equal parts of the time for `rates` */
export function summarizeWorkload(workload: Workload, parts = 60): WorkloadSummary {
  const heads = workload.openHeads.length + workload.closedLoops.reduce((sum, loop) => sum + loop.heads.length, 0);
  const last = workload.openHeads.at(-1);
  const durationMs = last === undefined ? 0 : workload.arrivalMs[last]!;
  const counts = new Array<number>(parts).fill(0);
  for (const head of workload.openHeads) {
    counts[Math.min(parts - 1, Math.floor((workload.arrivalMs[head]! / Math.max(durationMs, 1e-9)) * parts))]!++;
  }
  const rates = durationMs > 0 ? counts.map((count) => (count * parts * 1000) / durationMs) : [];
  return {
    requests: workload.count,
    sessions: heads,
    meanTurns: heads === 0 ? 0 : workload.count / heads,
    durationMs,
    requestRate: durationMs > 0 ? (workload.openHeads.length * 1000) / durationMs : 0,
    rates,
    peakRate: rates.length === 0 ? 0 : Math.max(...rates),
    isl: lengths(workload.isl),
    osl: lengths(workload.osl),
    ...reuse(workload),
  };
}

function lengths(values: Int32Array): LengthSummary {
  const sorted = values.toSorted();
  return {
    mean: mean(sorted),
    min: sorted[0] ?? Number.NaN,
    p50: quantileSorted(sorted, 0.5),
    p90: quantileSorted(sorted, 0.9),
    p99: quantileSorted(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** Ids are as good as prefixes here: traces number a block together with all before it. */
function reuse(
  workload: Workload,
): Pick<WorkloadSummary, "blockTokens" | "distinctBlocks" | "namedShare" | "reusableShare"> {
  const { prompts } = workload;
  if (prompts === null || workload.count === 0)
    return { blockTokens: null, distinctBlocks: 0, namedShare: 0, reusableShare: 0 };
  const seen = new Set<number>();
  let found = 0;
  let named = 0;
  let total = 0;
  for (let request = 0; request < workload.count; request++) {
    const isl = workload.isl[request]!;
    const from = prompts.offset[request]!;
    const end = prompts.offset[request + 1]!;
    const to = Math.min(end, from + Math.ceil(isl / prompts.blockTokens));
    let hits = from;
    while (hits < to && seen.has(prompts.ids[hits]!)) hits++;
    found += Math.min(isl, (hits - from) * prompts.blockTokens);
    for (let i = hits; i < end; i++) seen.add(prompts.ids[i]!);
    named += Math.min(isl, (to - from) * prompts.blockTokens);
    total += isl;
  }
  return {
    blockTokens: prompts.blockTokens,
    distinctBlocks: seen.size,
    namedShare: named / total,
    reusableShare: found / total,
  };
}
