import { contextTooSmall, kvTooSmall } from "./errors.ts";

/**
 * Which points a profile is made of, as the pre-deployment profiler of NVIDIA Dynamo (ai-dynamo/dynamo, `benchmarks/profiler`)
 * chooses them: prompt lengths for TTFT, and scan lines of constant context length over load for ITL. With an equal maximum
 * context and KV capacity the points are the same, number by number.
 */

/** Shortest prompt of both sweeps, tokens. */
const FIRST_ISL = 100;
/** Room that the prefill sweep leaves below the maximum context, tokens; the first profiler (0.3) left none. */
export const PREFILL_HEADROOM = 512;
/** Output length of every decode sample, tokens. */
export const DECODE_OSL = 500;
/** More requests at once than this are never asked of one engine. */
const MAX_REQUESTS = 2000;

export const DEFAULT_PREFILL_GRANULARITY = 16;
export const DEFAULT_DECODE_GRANULARITY = 6;

/** One decode sample to take: `requests` at once, each with a prompt of `isl` tokens and an output of `osl`. */
export interface DecodePoint {
  isl: number;
  osl: number;
  requests: number;
  /** Mean context length while decoding, tokens: `isl + osl / 2`. */
  contextLength: number;
  /** Share of the KV cache that the requests hold on average. */
  kvUsage: number;
}

export interface DecodePlan {
  points: DecodePoint[];
  /** What could not be sampled and why, fit to be shown. */
  warnings: string[];
}

export interface DecodePlanOptions {
  /** Longest context the model or the user allows, tokens. */
  maxContext: number;
  /** KV capacity of the engine, tokens. */
  maxKvTokens: number;
  /** Contexts, and loads per context. */
  granularity?: number;
  /** Attention ranks; loads are multiples of it. */
  attentionDp?: number;
}

/**
 * Prompt lengths of the prefill sweep, tokens: from 100 in `granularity` equal whole steps to below `maxContext - headroom`.
 * @throws UserError where the context leaves no room
 */
export function prefillIsls(
  maxContext: number,
  granularity = DEFAULT_PREFILL_GRANULARITY,
  headroom = PREFILL_HEADROOM,
): number[] {
  const end = maxContext - headroom;
  if (end <= FIRST_ISL) throw contextTooSmall(maxContext, FIRST_ISL + headroom + 1, "prefill");
  return range(FIRST_ISL, end, Math.max(1, Math.floor((end - FIRST_ISL) / granularity)));
}

/**
 * Numbers of requests at once, from one an attention rank to `maxConcurrency` in `granularity` equal steps rounded down, all
 * multiples of the attention ranks; every multiple where there are fewer than `granularity`. Empty where nothing fits.
 */
export function requestCounts(
  maxConcurrency: number,
  granularity = DEFAULT_DECODE_GRANULARITY,
  attentionDp = 1,
): number[] {
  const perRank = Math.floor(Math.min(maxConcurrency, MAX_REQUESTS) / attentionDp);
  if (perRank < granularity) return Array.from({ length: perRank }, (_, i) => (i + 1) * attentionDp);
  if (granularity === 1) return [attentionDp];
  const step = (perRank - 1) / (granularity - 1);
  return Array.from({ length: granularity }, (_, i) => attentionDp + Math.floor(i * step) * attentionDp);
}

/**
 * Points of the decode sweep: `granularity` prompt lengths from 100 tokens in equal whole steps, each at `requestCounts` of what
 * the KV cache holds of such requests. Stops with a warning at the first length of which not one request fits.
 * @throws UserError where the context leaves no room, or the KV cache holds no request at all
 */
export function decodePlan(options: DecodePlanOptions): DecodePlan {
  const { maxContext, maxKvTokens, granularity = DEFAULT_DECODE_GRANULARITY, attentionDp = 1 } = options;
  const osl = DECODE_OSL;
  const end = maxContext - osl;
  if (end <= FIRST_ISL) throw contextTooSmall(maxContext, FIRST_ISL + osl + 1, "decode");
  const points: DecodePoint[] = [];
  const warnings: string[] = [];
  for (const isl of range(FIRST_ISL, end, Math.max(1, Math.floor(end / granularity)))) {
    const counts = requestCounts(Math.floor(maxKvTokens / (isl + osl)), granularity, attentionDp);
    if (counts.length === 0) {
      warnings.push(`max_kv_tokens ${maxKvTokens} is too small for isl ${isl} + osl ${osl}, skipping.`);
      break;
    }
    const contextLength = isl + osl / 2;
    for (const requests of counts) {
      points.push({ isl, osl, requests, contextLength, kvUsage: (contextLength * requests) / maxKvTokens });
    }
  }
  if (points.length === 0) throw kvTooSmall(maxKvTokens, FIRST_ISL + osl);
  return { points, warnings };
}

/** Whole numbers from `start` below `end`. */
function range(start: number, end: number, step: number): number[] {
  return Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => start + i * step);
}
