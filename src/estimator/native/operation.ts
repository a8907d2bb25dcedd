import type { EstimateOrigin } from "../types.ts";

/** Origins from the most to the least trustworthy. */
export const ORIGINS: readonly EstimateOrigin[] = ["table", "scaled", "analytic"];

/**
 * One forward pass on one attention rank. `batch` sequences compute `tokens` new tokens each; `prefix` more lie in the cache
 * (context passes), or `context` tokens in all (generation).
 */
export interface Pass {
  batch: number;
  tokens: number;
  prefix: number;
  context: number;
}

/** What a timer said of the point that was asked last. */
export interface Verdict {
  /** Index in ORIGINS. */
  rank: number;
  adjusted: boolean;
}

/** Microseconds of one call of an operation, by one size or by two; `verdict` tells of the last answer. */
export interface Timer {
  readonly verdict: Verdict;
  micros(x: number, y: number): number;
}

/** An operation of a pass: `count` calls (one a layer for most) of what `timer` times. */
export interface Operation {
  name: string;
  count: number;
  verdict: Verdict;
  micros(pass: Pass): number;
}

/** Either one operation or two branches on parallel streams, of which the longer counts. */
export type Step = Operation | { name: string; branches: readonly [readonly Operation[], readonly Operation[]] };

/** A bandwidth formula with the figures of the data sheet; no table could say it better. */
export const EXACT: Verdict = { rank: 0, adjusted: false };
