import type { EngineLoad } from "./engine-load.ts";

/** What one data-parallel rank computes in one forward pass. */
export interface RankLoad {
  /** Prompt tokens computed in the pass, without cached ones. */
  prefillTokens: number;
  /** Prompts that they belong to; absent: not known. */
  prefillRequests?: number;
  /** Tokens of those prompts from before, which are not computed in the pass; absent: not known. */
  prefillKvTokens?: number;
  decodeRequests: number;
  /** Σ context tokens of the decoding sequences. */
  decodeKvTokens: number;
}

/** How long a pass takes, given what each data-parallel rank of the engine has to do in it. */
export interface PassModel {
  /** ms; null: the model does not know yet. */
  passMs(ranks: readonly RankLoad[]): number | null;
}

/** A kind of pass with how many were seen, and how many have to be. */
export interface LackingPasses {
  kind: "prefill" | "decode" | "mixed";
  seen: number;
  needed: number;
}

/** A model that passes teach. */
export interface LearningPassModel extends PassModel {
  /** One engine's pass, one entry per rank. */
  learnPasses(engine: EngineLoad): void;
  /** Kinds of passes that it has seen too few of to speak of them. */
  lackingPasses(): readonly LackingPasses[];
}

/** What an engine takes at most; unknown limits are filled with `DEFAULT_LIMITS`. */
export interface EngineLimits {
  /** Tokens of one pass. */
  maxBatchedTokens: number;
  /** Sequences that decode at once. */
  maxSequences: number;
  maxKvTokens: number;
}

/** What Dynamo's planner of 2026 assumes of an engine that does not say. */
export const DEFAULT_LIMITS: EngineLimits = { maxBatchedTokens: 8192, maxSequences: 512, maxKvTokens: 2_000_000 };

/** Most of a prompt that a cache hit can spare: 5 % is always computed. */
const MOST_HIT = 0.95;

/** Share of prompt tokens that has to be computed at a KV hit rate; an unknown rate spares nothing. */
export function computedShare(kvHitRate: number | null): number {
  return 1 - Math.min(MOST_HIT, Math.max(0, kvHitRate ?? 0));
}

/** A load shared out among `ranks` as evenly as whole numbers allow. */
export function splitOverRanks(load: RankLoad, ranks: number): RankLoad[] {
  if (ranks === 1) return [load];
  const share = (total: number, rank: number) => Math.floor(total / ranks) + (rank < total % ranks ? 1 : 0);
  return Array.from({ length: ranks }, (_, rank) => ({
    prefillTokens: share(load.prefillTokens, rank),
    decodeRequests: share(load.decodeRequests, rank),
    decodeKvTokens: share(load.decodeKvTokens, rank),
  }));
}
