import type { OwnedBlocks } from "./owned-blocks.ts";
import type { Sequence } from "./sequence.ts";
import type { EngineLoad } from "./types.ts";

/** What a stepping engine is busy with. */
interface Busy {
  running: readonly Sequence[];
  waiting: readonly Sequence[];
  /** How many want blocks here. */
  reservations: number;
  blocks: OwnedBlocks;
  lastPass: { durationMs: number; decodeCount: number; decodeContextSum: number };
}

export function sequencesLoad({ running, waiting, reservations, blocks, lastPass }: Busy): EngineLoad {
  let queuedPrefillTokens = 0;
  let kvTokens = 0;
  let computedTokens = 0;
  for (const sequence of waiting) queuedPrefillTokens += Math.max(0, sequence.isl - sequence.computed);
  for (const sequence of running) {
    queuedPrefillTokens += Math.max(0, sequence.isl - sequence.computed);
    kvTokens += sequence.isl + sequence.generated;
    computedTokens += sequence.computed;
  }
  return {
    running: running.length,
    waiting: waiting.length + reservations,
    queuedPrefillTokens,
    kvTokens,
    computedTokens,
    usedBlocks: blocks.owned,
    lastPassMs: lastPass.durationMs,
    lastDecodeBatch: lastPass.decodeCount,
    lastDecodeKvTokens: lastPass.decodeContextSum,
  };
}
