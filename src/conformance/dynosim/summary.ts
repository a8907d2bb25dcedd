import { sortNumbers } from "#common";
import { type GapStatistics, RequestStatus, type WorkerLife } from "#src/record";
import type { SimulationResult } from "#src/simulator";

const QUANTILES: readonly [string, number][] = [
  ["median", 0.5],
  ["p75", 0.75],
  ["p90", 0.9],
  ["p95", 0.95],
  ["p99", 0.99],
];
const MS_PER_HOUR = 3_600_000;

export interface DynosimSummaryOptions {
  /** Adds the goodput fields: a good request keeps every limit that is given. */
  sla?: { ttftMs?: number; itlMs?: number; e2eMs?: number };
}

/**
 * The numeric fields of DynoSim's summary (ai-dynamo 1.6.1), by their names there. Fields that need the admissions are left
 * out where the result was not captured.
 */
export function dynosimSummary(result: SimulationResult, options: DynosimSummaryOptions = {}): Record<string, number> {
  const samples = latencySamples(result);
  return {
    committed_prefill_tokens: result.committedPrefillTokens,
    ...totals(result, samples.completed),
    ...workerSeconds(result),
    ...(result.ranks === null && result.admissions.length === 0 ? {} : reuse(result)),
    num_ttft_samples: samples.ttft.length,
    num_tpot_samples: samples.tpot.length,
    num_e2e_latency_samples: samples.e2e.length,
    ...distribution("ttft_ms", samples.ttft),
    ...distribution("ttst_ms", samples.ttst),
    ...distribution("tpot_ms", samples.tpot),
    ...gapDistribution("itl_ms", result.gaps),
    ...distribution("e2e_latency_ms", samples.e2e),
    ...gapDistribution("output_token_throughput_per_user", result.perUserThroughput),
    ...(options.sla === undefined ? {} : goodput(result, options.sla)),
  };
}

interface LatencySamples {
  /** Indices of the completed requests. */
  completed: Int32Array;
  ttft: Float64Array;
  ttst: Float64Array;
  tpot: Float64Array;
  e2e: Float64Array;
}

function latencySamples({ requests }: SimulationResult): LatencySamples {
  const { count, arrivalMs, firstTokenMs, secondTokenMs, lastTokenMs, outputTokens, status } = requests;
  const completed = new Int32Array(count);
  const ttft = new Float64Array(count);
  const ttst = new Float64Array(count);
  const tpot = new Float64Array(count);
  const e2e = new Float64Array(count);
  let all = 0;
  let several = 0;
  for (let i = 0; i < count; i++) {
    if (status[i] !== RequestStatus.completed) continue;
    const first = firstTokenMs[i]!;
    const last = lastTokenMs[i]!;
    const tokens = outputTokens[i]!;
    completed[all] = i;
    ttft[all] = first - arrivalMs[i]!;
    e2e[all++] = last - arrivalMs[i]!;
    if (tokens < 2) continue;
    ttst[several] = secondTokenMs[i]! - first;
    tpot[several++] = (last - first) / (tokens - 1);
  }
  return {
    completed: completed.subarray(0, all),
    ttft: ttft.subarray(0, all),
    ttst: ttst.subarray(0, several),
    tpot: tpot.subarray(0, several),
    e2e: e2e.subarray(0, all),
  };
}

function totals({ requests, durationMs }: SimulationResult, completed: Int32Array): Record<string, number> {
  let input = 0;
  let output = 0;
  for (let at = 0; at < completed.length; at++) {
    input += requests.isl[completed[at]!]!;
    output += requests.outputTokens[completed[at]!]!;
  }
  const perSecond = (amount: number) => amount / secondsOf(durationMs);
  return {
    num_requests: requests.count,
    completed_requests: completed.length,
    total_input_tokens: input,
    total_output_tokens: output,
    duration_ms: durationMs,
    request_throughput_rps: perSecond(completed.length),
    input_throughput_tok_s: perSecond(input),
    output_throughput_tok_s: perSecond(output),
    total_throughput_tok_s: perSecond(input + output),
    processed_tokens: input + output,
  };
}

/** Aggregated workers count as decode workers. */
function workerSeconds({ workers, endMs, mode, gpusPerWorker }: SimulationResult): Record<string, number> {
  const lifeMs = (worker: WorkerLife) => (worker.removedMs ?? endMs) - worker.createdMs;
  const seconds = (role: WorkerLife["role"]) =>
    workers.reduce((sum, worker) => (worker.role === role ? sum + lifeMs(worker) / 1000 : sum), 0);
  const prefill = seconds("prefill");
  const decode = seconds("decode");
  const prefillGpus = mode === "disagg" ? gpusPerWorker.prefill : 0;
  return {
    prefill_worker_seconds: prefill,
    decode_worker_seconds: decode,
    prefill_gpus_per_worker: prefillGpus,
    decode_gpus_per_worker: gpusPerWorker.decode,
    gpu_hours: (prefill * prefillGpus + decode * gpusPerWorker.decode) / (MS_PER_HOUR / 1000),
  };
}

/** Share of prompt tokens found in a prefix cache: best admission of each request (any pool), and the first one alone. */
function reuse({ requests, admissions }: SimulationResult): Record<string, number> {
  const best = new Int32Array(requests.count).fill(-1);
  let first = 0;
  let reused = 0;
  for (const { request, reusedTokens } of admissions) {
    const before = best[request]!;
    if (before < 0) first += reusedTokens;
    if (reusedTokens <= before) continue;
    reused += reusedTokens - Math.max(before, 0);
    best[request] = reusedTokens;
  }
  let input = 0;
  for (let i = 0; i < requests.count; i++) {
    if (requests.status[i] === RequestStatus.completed) input += requests.isl[i]!;
  }
  return {
    prefix_cache_reused_ratio: input > 0 ? reused / input : 0,
    first_admission_prefix_cache_reused_ratio: input > 0 ? first / input : 0,
  };
}

/**
 * Exact moments, population deviation; percentiles by rank round-half-up(q (n − 1)) without interpolation; 0 if empty.
 * Sorts the sample.
 */
function distribution(name: string, sample: Float64Array): Record<string, number> {
  const ascending = sortNumbers(sample);
  const n = ascending.length;
  const mean = n === 0 ? 0 : sumOf(ascending) / n;
  return fields(name, {
    mean,
    min: ascending[0] ?? 0,
    max: ascending[n - 1] ?? 0,
    std: n === 0 ? 0 : Math.sqrt(squaredDeviations(ascending, mean) / n),
    quantile: (q) => ascending[Math.floor(q * (n - 1) + 0.5)] ?? 0,
  });
}

/** A function of its own, as the next: long loops in a bigger one are compiled over and over. */
function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

function squaredDeviations(values: Float64Array, mean: number): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return squares;
}

/** Moments are exact, percentiles come from the logarithmic sketch where there is more than one gap. */
function gapDistribution(name: string, gaps: GapStatistics): Record<string, number> {
  return fields(name, {
    mean: gaps.meanMs,
    min: gaps.minMs,
    max: gaps.maxMs,
    std: gaps.standardDeviationMs,
    quantile: (q) => (gaps.count === 1 ? gaps.minMs : gaps.quantileMs(q)),
  });
}

interface Distribution {
  mean: number;
  min: number;
  max: number;
  std: number;
  quantile: (q: number) => number;
}

function fields(name: string, { mean, min, max, std, quantile }: Distribution): Record<string, number> {
  const percentiles = QUANTILES.map(([label, q]) => [`${label}_${name}`, quantile(q)]);
  return {
    [`mean_${name}`]: mean,
    [`min_${name}`]: min,
    [`max_${name}`]: max,
    ...Object.fromEntries(percentiles),
    [`std_${name}`]: std,
  };
}

function goodput(
  { requests, durationMs }: SimulationResult,
  sla: NonNullable<DynosimSummaryOptions["sla"]>,
): Record<string, number> {
  const { ttftMs = Infinity, itlMs = Infinity, e2eMs = Infinity } = sla;
  let good = 0;
  let tokens = 0;
  for (let i = 0; i < requests.count; i++) {
    if (requests.status[i] !== RequestStatus.completed) continue;
    const output = requests.outputTokens[i]!;
    const first = requests.firstTokenMs[i]!;
    const last = requests.lastTokenMs[i]!;
    const meanGapMs = output < 2 ? 0 : (last - first) / (output - 1);
    const arrival = requests.arrivalMs[i]!;
    if (first - arrival > ttftMs || last - arrival > e2eMs || meanGapMs > itlMs) continue;
    good++;
    tokens += output;
  }
  return {
    goodput_completed_requests: good,
    goodput_request_throughput_rps: good / secondsOf(durationMs),
    goodput_output_throughput_tok_s: tokens / secondsOf(durationMs),
  };
}

/** What rates are related to: a run that takes no time counts as 1 ns. */
function secondsOf(durationMs: number): number {
  return Math.max(durationMs / 1000, 1e-9);
}
