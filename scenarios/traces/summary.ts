import { mean, quantileSorted, rankCorrelation, standardDeviation } from "#common";
import { families, type Workload } from "#scenarios/workload";
import { type Burstiness, burstiness } from "./burstiness.ts";
import { prefixReuse } from "./prefix-reuse.ts";

export interface LengthSummary {
  mean: number;
  deviation: number;
  min: number;
  p10: number;
  p25: number;
  p50: number;
  p75: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
}

/** What is in a workload, at a glance. */
export interface WorkloadSummary {
  requests: number;
  sessions: number;
  /** Requests per session. */
  meanTurns: number;
  /** Requests of a session, and the waits between them, ms; null where every session is one request. */
  turns: LengthSummary | null;
  waitMs: LengthSummary | null;
  /** Requests that wait for others than the turn before them. */
  dependentRequests: number;
  /** From time 0 to the last first turn, ms. */
  durationMs: number;
  /** First turns per second, on average; NaN (JSON: null), as the highest, where all come at one instant. */
  requestRate: number;
  /** First turns per second in equal parts of the duration. */
  rates: number[];
  /** Highest of the rates. */
  peakRate: number;
  /** Of first turns. */
  burstiness: Burstiness;
  isl: LengthSummary;
  osl: LengthSummary;
  /** Spearman's rank correlation of ISL and OSL. */
  lengthCorrelation: number;
  /** Tokens that a hash id stands for; null where prompts share nothing. */
  blockTokens: number | null;
  distinctBlocks: number;
  /** Prompt tokens that ids stand for, as a share of all (0..1). In traces it is 1, unless the block size is wrong. */
  namedShare: number;
  /** Prompt tokens that a cache without limits would find, as a share of all (0..1): the most that prefix caching can save. */
  reusableShare: number;
  /** Requests that such a cache would find something of, as a share (0..1), and how many requests ago it was last used (median). */
  reusingRequests: number;
  reuseDistance: number;
}

/** @param parts number of equal parts of the time for `rates` */
export function summarizeWorkload(workload: Workload, parts = 60): WorkloadSummary {
  const family = families(workload);
  const sizes = new Map<number, number>();
  for (const first of family) sizes.set(first, (sizes.get(first) ?? 0) + 1);
  const times = Float64Array.from(workload.openHeads, (head) => workload.arrivalMs[head]!);
  const durationMs = times.at(-1) ?? 0;
  const inParts = new Array<number>(parts).fill(0);
  for (const atMs of times) {
    inParts[Math.min(parts - 1, Math.floor((atMs / Math.max(durationMs, 1e-9)) * parts))]!++;
  }
  const rates = durationMs > 0 ? inParts.map((count) => (count * parts * 1000) / durationMs) : [];
  const waits = waitsOf(workload);
  return {
    requests: workload.count,
    sessions: sizes.size,
    meanTurns: sizes.size === 0 ? 0 : workload.count / sizes.size,
    turns: sizes.size === workload.count ? null : summarize(Float64Array.from(sizes.values())),
    waitMs: waits.length === 0 ? null : summarize(waits),
    dependentRequests: dependents(workload),
    durationMs,
    requestRate: durationMs > 0 ? (times.length * 1000) / durationMs : Number.NaN,
    rates,
    peakRate: rates.length === 0 ? Number.NaN : Math.max(...rates),
    burstiness: burstiness(times),
    isl: summarize(workload.isl),
    osl: summarize(workload.osl),
    lengthCorrelation: rankCorrelation(workload.isl, workload.osl),
    ...reuse(workload),
  };
}

export function summarize(values: Int32Array | Float64Array): LengthSummary {
  const sorted = values.toSorted();
  const at = (q: number) => quantileSorted(sorted, q);
  return {
    mean: mean(sorted),
    deviation: standardDeviation(sorted),
    min: sorted[0] ?? Number.NaN,
    p10: at(0.1),
    p25: at(0.25),
    p50: at(0.5),
    p75: at(0.75),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: sorted.at(-1) ?? Number.NaN,
  };
}

function dependents({ count, dependencies }: Workload): number {
  if (dependencies === undefined) return 0;
  let waiting = 0;
  for (let i = 0; i < count; i++) if (dependencies.offset[i + 1]! > dependencies.offset[i]!) waiting++;
  return waiting;
}

function waitsOf({ count, nextTurn, thinkMs, dependencies }: Workload): Float64Array {
  const waits: number[] = [];
  for (let i = 0; nextTurn !== null && i < count; i++) {
    if (nextTurn[i]! >= 0) waits.push(thinkMs?.[nextTurn[i]!] ?? 0);
  }
  for (const delayMs of dependencies?.delayMs ?? []) waits.push(delayMs);
  return Float64Array.from(waits);
}

type Reuse = Pick<
  WorkloadSummary,
  "blockTokens" | "distinctBlocks" | "namedShare" | "reusableShare" | "reusingRequests" | "reuseDistance"
>;

export function reuse(workload: Workload): Reuse {
  const { prompts } = workload;
  const found = prefixReuse(workload);
  if (prompts === null || found === null || workload.count === 0) {
    return {
      blockTokens: null,
      distinctBlocks: 0,
      namedShare: 0,
      reusableShare: 0,
      reusingRequests: 0,
      reuseDistance: 0,
    };
  }
  let hits = 0;
  let named = 0;
  let total = 0;
  const distances: number[] = [];
  for (let request = 0; request < workload.count; request++) {
    const isl = workload.isl[request]!;
    hits += Math.min(isl, found.hitBlocks[request]! * prompts.blockTokens);
    named += Math.min(isl, (prompts.offset[request + 1]! - prompts.offset[request]!) * prompts.blockTokens);
    total += isl;
    if (found.distance[request]! > 0) distances.push(found.distance[request]!);
  }
  return {
    blockTokens: prompts.blockTokens,
    distinctBlocks: found.distinctBlocks,
    namedShare: named / total,
    reusableShare: hits / total,
    reusingRequests: distances.length / workload.count,
    reuseDistance: distances.length === 0 ? 0 : quantileSorted(Float64Array.from(distances).sort(), 0.5),
  };
}
