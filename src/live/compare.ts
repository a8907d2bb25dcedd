import type { Decision } from "#planner/core";
import { type ReportedRun, RequestStatus, type RequestTable, requestBlocks, requestCount } from "#src/record";
import { type RunSummary, summarize } from "#src/report";

/** How far a live run may be from its virtual twin, relative. The project's promise, not a measured value. */
export const TOLERANCE = { centre: 0.02, tail: 0.05 } as const;

/** One measure of both runs. */
export interface ComparedValue {
  name: string;
  unit: "ms" | "requests" | "tokens" | "share" | "req/s/GPU" | "GPU-hours" | "ticks";
  live: number;
  virtual: number;
  /** (live − virtual) ÷ virtual; 0 where both are equal, NaN where one has no value. */
  deviation: number;
  /** Relative; 0: has to be exact; null: shown, not judged. */
  tolerance: number | null;
  within: boolean;
}

/** The first tick at which the planners wanted something else. */
export interface DecisionDifference {
  tick: number;
  atMs: number;
  live: Decision["targets"] | "no tick";
  virtual: Decision["targets"] | "no tick";
}

export interface Comparison {
  values: ComparedValue[];
  /** Requests whose output tokens or prefix hits differ. */
  differingRequests: number;
  /** Ticks of the two planners, and on how many both wanted the same. */
  decisions: { live: number; virtual: number; same: number; first: DecisionDifference | null };
  /** Counts, tokens and prefix hits are equal: what exit code 1 is about. */
  countsEqual: boolean;
  /** Times lie within their tolerance. */
  timesWithin: boolean;
}

/** Holds a live run against the same scenario in virtual time; times in model ms. Requests are compared row by row where both sent as many. */
export function compareRuns(live: ReportedRun, virtual: ReportedRun): Comparison {
  const a = summarize(live);
  const b = summarize(virtual);
  const values = [
    ...counts(a, b, live, virtual),
    ...times("TTFT", a.metrics.ttftMs, b.metrics.ttftMs),
    ...timesToOutput(a, b),
    ...times("ITL", a.metrics.itlMs, b.metrics.itlMs),
    ...times("request latency", a.metrics.latencyMs, b.metrics.latencyMs),
    shown("ITL of single gaps, p99", "ms", a.gapsMs.p99, b.gapsMs.p99),
    shown("SLA attainment", "share", a.attainment.share, b.attainment.share),
    shown("goodput", "req/s/GPU", a.goodput.perGpu, b.goodput.perGpu),
    shown("GPU time", "GPU-hours", a.cost.gpuHours, b.cost.gpuHours),
  ];
  const decisions = compareDecisions(live.decisions, virtual.decisions);
  const differingRequests = differing(live, virtual);
  return {
    values,
    differingRequests,
    decisions,
    countsEqual: values.every((value) => value.tolerance !== 0 || value.within) && differingRequests === 0,
    timesWithin: values.every((value) => value.tolerance === null || value.tolerance === 0 || value.within),
  };
}

type Times = RunSummary["metrics"]["ttftMs"];

function counts(a: RunSummary, b: RunSummary, live: ReportedRun, virtual: ReportedRun): ComparedValue[] {
  const names = ["completed", "rejected", "failed", "unfinished"] as const;
  return [
    ...names.map((name) => compared(`requests ${name}`, "requests", a.requests[name], b.requests[name], 0)),
    ...(a.requests.retried + b.requests.retried === 0
      ? []
      : [
          shown("requests retried", "requests", a.requests.retried, b.requests.retried),
          shown("attempts", "requests", a.requests.attempts, b.requests.attempts),
        ]),
    ...(a.metrics.reasoningTokens === undefined && b.metrics.reasoningTokens === undefined
      ? []
      : [compared("reasoning tokens", "tokens", sum(live, "reasoningTokens"), sum(virtual, "reasoningTokens"), 0)]),
    compared("output tokens", "tokens", sum(live, "outputTokens"), sum(virtual, "outputTokens"), 0),
    compared("prefix hit tokens", "tokens", sum(live, "cachedTokens"), sum(virtual, "cachedTokens"), 0),
  ];
}

function times(name: string, live: Times, virtual: Times): ComparedValue[] {
  return [
    compared(`${name}, mean`, "ms", live.mean, virtual.mean, TOLERANCE.centre),
    compared(`${name}, p50`, "ms", live.p50, virtual.p50, TOLERANCE.centre),
    compared(`${name}, p99`, "ms", live.p99, virtual.p99, TOLERANCE.tail),
  ];
}

/** Of models that reason. */
function timesToOutput({ metrics: live }: RunSummary, { metrics: virtual }: RunSummary): ComparedValue[] {
  if (live.ttfoMs === undefined && virtual.ttfoMs === undefined) return [];
  return times("TTFO", live.ttfoMs ?? live.ttftMs, virtual.ttfoMs ?? virtual.ttftMs);
}

function shown(name: string, unit: ComparedValue["unit"], live: number, virtual: number): ComparedValue {
  return compared(name, unit, live, virtual, null);
}

function compared(
  name: string,
  unit: ComparedValue["unit"],
  live: number,
  virtual: number,
  tolerance: number | null,
): ComparedValue {
  // Neither run has such a value: nothing differs.
  const equal = live === virtual || (Number.isNaN(live) && Number.isNaN(virtual));
  const deviation = equal ? 0 : (live - virtual) / virtual;
  const within = tolerance === null || equal || (tolerance > 0 && Math.abs(deviation) <= tolerance);
  return { name, unit, live, virtual, deviation, tolerance, within };
}

/** Of a request that was cut off nobody knows how far it had come. */
function differing(live: ReportedRun, virtual: ReportedRun): number {
  if (requestCount(live) !== requestCount(virtual)) return Math.max(requestCount(live), requestCount(virtual));
  let count = 0;
  const others = rowsOf(virtual);
  for (const [a, i] of rowsOf(live)) {
    const [b, j] = others.next().value!;
    const sameTokens = a.outputTokens[i] === b.outputTokens[j] && a.cachedTokens[i] === b.cachedTokens[j];
    const isWhole = a.status[i] === RequestStatus.completed;
    if (a.status[i] !== b.status[j] || (isWhole && !sameTokens)) count++;
  }
  return count;
}

function* rowsOf(run: ReportedRun): Generator<[table: RequestTable, row: number], undefined> {
  for (const { requests } of requestBlocks(run)) for (let i = 0; i < requests.count; i++) yield [requests, i];
}

function compareDecisions(live: readonly Decision[], virtual: readonly Decision[]): Comparison["decisions"] {
  let same = 0;
  let first: DecisionDifference | null = null;
  for (let i = 0; i < Math.max(live.length, virtual.length); i++) {
    const [a, b] = [live[i], virtual[i]];
    if (a !== undefined && b !== undefined && sameTargets(a.targets, b.targets)) {
      same++;
      continue;
    }
    const { tick, atMs } = (a ?? b)!;
    first ??= {
      tick,
      atMs,
      live: a === undefined ? "no tick" : a.targets,
      virtual: b === undefined ? "no tick" : b.targets,
    };
  }
  return { live: live.length, virtual: virtual.length, same, first };
}

function sameTargets(a: Decision["targets"], b: Decision["targets"]): boolean {
  if (a === null || b === null) return a === b;
  return a.prefill === b.prefill && a.decode === b.decode;
}

/** Over completed requests. */
function sum(run: ReportedRun, column: "outputTokens" | "cachedTokens" | "reasoningTokens"): number {
  let total = 0;
  for (const { requests } of requestBlocks(run)) {
    for (let i = 0; i < requests.count; i++) {
      if (requests.status[i] === RequestStatus.completed) total += requests[column]?.[i] ?? 0;
    }
  }
  return total;
}
