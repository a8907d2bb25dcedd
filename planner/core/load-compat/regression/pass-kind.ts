import type { EngineLoad } from "../engine-load.ts";
import type { RankLoad } from "../pass-model.ts";

/** What a pass does: prompts, decoding, or both at once. */
export type PassKind = "prefill" | "decode" | "mixed";

/** What each kind is told by: prompt tokens; sequences and KV tokens; prompt and KV tokens. */
export const PASS_FEATURES: Record<PassKind, (load: RankLoad) => number[]> = {
  prefill: ({ prefillTokens }) => [prefillTokens],
  decode: ({ decodeRequests, decodeKvTokens }) => [decodeRequests, decodeKvTokens],
  mixed: ({ prefillTokens, decodeKvTokens }) => [prefillTokens, decodeKvTokens],
};

export function passKind({ prefillTokens, decodeRequests, decodeKvTokens }: RankLoad): PassKind {
  if (prefillTokens <= 0) return "decode";
  return decodeRequests > 0 || decodeKvTokens > 0 ? "mixed" : "prefill";
}

/** The most that any rank has of each. */
export function mostLoaded(ranks: readonly RankLoad[]): RankLoad {
  if (ranks.length === 1) return ranks[0]!;
  return {
    prefillTokens: Math.max(0, ...ranks.map(({ prefillTokens }) => prefillTokens)),
    decodeRequests: Math.max(0, ...ranks.map(({ decodeRequests }) => decodeRequests)),
    decodeKvTokens: Math.max(0, ...ranks.map(({ decodeKvTokens }) => decodeKvTokens)),
  };
}

/** A pass that says something: with a load, and a time (a heartbeat has 0 ms). */
export function isTelling({ prefillTokens, decodeRequests }: RankLoad, wallTimeMs: number): boolean {
  return wallTimeMs > 0 && Number.isFinite(wallTimeMs) && (prefillTokens > 0 || decodeRequests > 0);
}

/** Time of an engine's pass: that of its slowest rank, ms. */
export function passTimeMs(engine: EngineLoad): number {
  return 1000 * Math.max(...engine.map(({ wallTimeS }) => wallTimeS));
}
