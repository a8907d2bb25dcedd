import { computedShare } from "../pass-model.ts";
import { evaluate, fitOrdinary, type LinearFit } from "./linear-fit.ts";
import { MovingAverage } from "./moving-average.ts";
import { type Sample, SpreadSamples } from "./retention.ts";

export type LegacyKind = "prefill" | "decode" | "agg";

/** What a pass computed and how long it took; 0 s: a heartbeat of an idle engine. */
export interface MeasuredPass {
  wallTimeS: number;
  prefillTokens: number;
  prefillRequests: number;
  decodeRequests: number;
  decodeKvTokens: number;
}

/** A rate and the latency that goes with it, both 0 where the regression has no fit. */
export interface LegacyCapacity {
  requestsPerS: number;
  ttftMs: number;
  itlMs: number;
}

export interface LegacyCapacityRequest {
  isl: number;
  osl: number;
  /** Tokens of a sequence as it decodes. */
  contextLength: number;
  itlMs: number;
  /** Of one pass; null: no bound. */
  maxBatchedTokens: number | null;
  /** Null: the most KV tokens that were ever seen (decode), or no bound (agg). */
  maxKvTokens: number | null;
  maxSequences: number | null;
  acceptLength: number;
  kvHitRate: number | null;
}

/**
 * The regressions of Dynamo's planner in Python, from before its estimator was written in Rust: ordinary least squares of a pass's
 * time over prompt tokens (prefill), over sequences and KV tokens (decode), or over prompt and KV tokens (agg).
 */
export class LegacyRegression {
  readonly #kind: LegacyKind;
  readonly #minSamples: number;
  readonly #samples: SpreadSamples;
  readonly #promptTokens: MovingAverage;
  readonly #sequences: MovingAverage;
  readonly #sequenceTokens: MovingAverage;
  #fit: LinearFit | null | undefined;

  constructor(kind: LegacyKind, options: { maxSamples: number; buckets: number; minSamples: number }) {
    this.#kind = kind;
    this.#minSamples = options.minSamples;
    this.#samples = new SpreadSamples(kind === "prefill" ? 1 : 2, options.buckets, options.maxSamples);
    this.#promptTokens = new MovingAverage(options.maxSamples);
    this.#sequences = new MovingAverage(options.maxSamples);
    this.#sequenceTokens = new MovingAverage(options.maxSamples);
  }

  get samples(): readonly Sample[] {
    return [...this.#samples];
  }

  get isSufficient(): boolean {
    return this.#samples.count >= this.#minSamples;
  }

  observe(pass: MeasuredPass): void {
    const { prefillTokens, prefillRequests, decodeRequests, decodeKvTokens } = pass;
    if (prefillRequests > 0) this.#promptTokens.add(prefillTokens / prefillRequests);
    else if (this.#kind === "prefill") this.#promptTokens.add(0);
    this.#sequences.add(decodeRequests);
    if (decodeRequests > 0) this.#sequenceTokens.add(decodeKvTokens / decodeRequests);
    const features = {
      prefill: prefillTokens > 0 ? [prefillTokens] : null,
      decode: decodeRequests > 0 ? [decodeRequests, decodeKvTokens] : null,
      agg: [prefillTokens, decodeKvTokens],
    }[this.#kind];
    if (pass.wallTimeS <= 0 || features === null) return;
    this.#samples.add({ x: features, y: pass.wallTimeS });
    this.#fit = undefined;
  }

  /** Seconds over features; null with too few samples, or where more work would take less time. */
  line(): LinearFit | null {
    if (this.#fit !== undefined) return this.#fit;
    this.#fit = this.isSufficient ? fitOrdinary(this.samples) : null;
    if (this.#fit === null) return null;
    const { intercept, slopes } = this.#fit;
    // More sequences at the same KV tokens may seem cheaper by chance: that slope alone is cut, not the model.
    const cut = this.#kind === "decode" ? [Math.max(0, slopes[0]!), slopes[1]!] : slopes;
    this.#fit = cut.some((slope) => slope < 0) ? null : { intercept, slopes: cut };
    return this.#fit;
  }

  /** Time until the queue and one more request are computed, s; null without a fit. */
  nextTtftS(queuedTokens: number, maxBatchedTokens: number | null, decodeKvTokens: number, kvHitRate: number | null) {
    const fit = this.line();
    if (fit === null) return null;
    const tokens = (queuedTokens + this.#promptTokens.mean) * computedShare(kvHitRate);
    return this.#chunkedS(fit, tokens, maxBatchedTokens, decodeKvTokens);
  }

  /** Time of a pass with one more sequence, s; null without a fit. */
  nextItlS(decodeKvTokens: number): number | null {
    const fit = this.line();
    if (fit === null) return null;
    const kvTokens = decodeKvTokens + this.#sequenceTokens.mean;
    return evaluate(
      fit,
      this.#kind === "decode" ? [this.#sequences.mean + 1, kvTokens] : [this.#promptTokens.mean, kvTokens],
    );
  }

  /** Prompts one after the other. */
  prefillCapacity(isl: number, maxBatchedTokens: number | null): LegacyCapacity {
    const fit = this.line();
    const ttftS = fit === null ? 0 : this.#chunkedS(fit, isl, maxBatchedTokens, 0);
    return ttftS <= 0 ? NONE : { requestsPerS: 1 / ttftS, ttftMs: ttftS * 1000, itlMs: 0 };
  }

  /** The largest batch within the ITL, the cache and the engine's limit; one sequence where none keeps the ITL. */
  decodeCapacity(request: LegacyCapacityRequest): LegacyCapacity {
    const fit = this.line();
    if (fit === null) return NONE;
    const { osl, contextLength, acceptLength } = request;
    const maxKvTokens = request.maxKvTokens ?? this.#samples.greatest(1);
    const most = Math.min(request.maxSequences ?? Number.POSITIVE_INFINITY, Math.floor(maxKvTokens / contextLength));
    const itlMs = (batch: number) => (evaluate(fit, [batch, batch * contextLength]) / acceptLength) * 1000;
    const batch = largestWithin(most, (candidate) => itlMs(candidate) <= request.itlMs);
    return { requestsPerS: (batch / (osl * itlMs(batch))) * 1000, ttftMs: 0, itlMs: itlMs(batch) };
  }

  /** As decode, with the prompts that keep the batch full in the same passes. */
  aggregatedCapacity(request: LegacyCapacityRequest): LegacyCapacity {
    const fit = this.line();
    if (fit === null) return NONE;
    const { isl, osl, contextLength, acceptLength, maxBatchedTokens } = request;
    const share = computedShare(request.kvHitRate);
    // Prompt tokens that arrive while one pass makes `acceptLength` tokens for each sequence.
    const arriving = (batch: number) => (batch * acceptLength * isl) / osl;
    const itlMs = (batch: number) =>
      (evaluate(fit, [arriving(batch) * share, batch * contextLength]) / acceptLength) * 1000;
    const most = Math.min(
      request.maxSequences ?? Number.POSITIVE_INFINITY,
      Math.floor((request.maxKvTokens ?? Number.POSITIVE_INFINITY) / contextLength),
      maxBatchedTokens ?? Number.POSITIVE_INFINITY,
    );
    const batch = largestWithin(most, (candidate) => itlMs(candidate) <= request.itlMs);
    const nextTokens = (Math.floor(arriving(batch)) + this.#promptTokens.mean) * share;
    const ttftS = this.#chunkedS(fit, nextTokens, maxBatchedTokens, Math.floor(batch * contextLength));
    return { requestsPerS: (batch / (osl * itlMs(batch))) * 1000, ttftMs: ttftS * 1000, itlMs: itlMs(batch) };
  }

  /** As many full passes as fit and one with the rest, each with `decodeKvTokens` beside it. */
  #chunkedS(fit: LinearFit, tokens: number, maxBatchedTokens: number | null, decodeKvTokens: number): number {
    const passes = maxBatchedTokens === null ? 1 : Math.ceil(tokens / maxBatchedTokens);
    const pass = (prompt: number) => evaluate(fit, this.#kind === "prefill" ? [prompt] : [prompt, decodeKvTokens]);
    if (passes <= 1) return tokens > 0 ? pass(tokens) : 0;
    return (passes - 1) * pass(maxBatchedTokens!) + pass(tokens - (passes - 1) * maxBatchedTokens!);
  }
}

const NONE: LegacyCapacity = { requestsPerS: 0, ttftMs: 0, itlMs: 0 };

/** The largest batch up to `most` that `keeps` holds for; `keeps` never comes true again. At least 1. */
function largestWithin(most: number, keeps: (batch: number) => boolean): number {
  let low = 1;
  let high = 1;
  while (high * 2 <= most && keeps(high * 2)) high *= 2;
  low = high;
  high = Math.max(low, Math.min(most, low * 2));
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (keeps(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
