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
    ...(result.admissions.length > 0 ? reuse(result) : {}),
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
  completed: number[];
  ttft: Float64Array;
  ttst: Float64Array;
  tpot: Float64Array;
  e2e: Float64Array;
}

function latencySamples({ requests }: SimulationResult): LatencySamples {
  const { arrivalMs, firstTokenMs, secondTokenMs, lastTokenMs, outputTokens, status } = requests;
  const completed: number[] = [];
  for (let i = 0; i < requests.count; i++) if (status[i] === RequestStatus.completed) completed.push(i);
  const several = completed.filter((i) => outputTokens[i]! >= 2);
  return {
    completed,
    ttft: Float64Array.from(completed, (i) => firstTokenMs[i]! - arrivalMs[i]!),
    ttst: Float64Array.from(several, (i) => secondTokenMs[i]! - firstTokenMs[i]!),
    tpot: Float64Array.from(several, (i) => (lastTokenMs[i]! - firstTokenMs[i]!) / (outputTokens[i]! - 1)),
    e2e: Float64Array.from(completed, (i) => lastTokenMs[i]! - arrivalMs[i]!),
  };
}

function totals({ requests, durationMs }: SimulationResult, completed: number[]): Record<string, number> {
  let input = 0;
  let output = 0;
  for (const i of completed) {
    input += requests.isl[i]!;
    output += requests.outputTokens[i]!;
  }
  const perSecond = (amount: number) => (durationMs > 0 ? amount / (durationMs / 1000) : 0);
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
  const best = new Map<number, number>();
  let first = 0;
  for (const { request, reusedTokens } of admissions) {
    const before = best.get(request);
    if (before === undefined) first += reusedTokens;
    best.set(request, Math.max(before ?? 0, reusedTokens));
  }
  let reused = 0;
  for (const tokens of best.values()) reused += tokens;
  let input = 0;
  for (let i = 0; i < requests.count; i++) {
    if (requests.status[i] === RequestStatus.completed) input += requests.isl[i]!;
  }
  return {
    prefix_cache_reused_ratio: input > 0 ? reused / input : 0,
    first_admission_prefix_cache_reused_ratio: input > 0 ? first / input : 0,
  };
}

/** Exact moments, population deviation; percentiles by rank round-half-up(q (n − 1)) without interpolation; 0 if empty. */
function distribution(name: string, sample: Float64Array): Record<string, number> {
  const ascending = sample.toSorted();
  const n = ascending.length;
  let sum = 0;
  for (const value of ascending) sum += value;
  const mean = n === 0 ? 0 : sum / n;
  let squares = 0;
  for (const value of ascending) squares += (value - mean) ** 2;
  return fields(name, {
    mean,
    min: ascending[0] ?? 0,
    max: ascending[n - 1] ?? 0,
    std: n === 0 ? 0 : Math.sqrt(squares / n),
    quantile: (q) => ascending[Math.floor(q * (n - 1) + 0.5)] ?? 0,
  });
}

/** Moments are exact, percentiles come from the logarithmic sketch. */
function gapDistribution(name: string, gaps: GapStatistics): Record<string, number> {
  return fields(name, {
    mean: gaps.meanMs,
    min: gaps.minMs,
    max: gaps.maxMs,
    std: gaps.standardDeviationMs,
    quantile: (q) => gaps.quantileMs(q),
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
  const seconds = durationMs / 1000;
  return {
    goodput_completed_requests: good,
    goodput_request_throughput_rps: seconds > 0 ? good / seconds : 0,
    goodput_output_throughput_tok_s: seconds > 0 ? tokens / seconds : 0,
  };
}
