import type { Sequence } from "./sequence.ts";
import { firstOutputPlace } from "./thinking.ts";
import type { EngineConfig, EngineListener } from "./types.ts";

/** A sequence gains so many tokens at once, and the listener is told. */
export function emitTokens(
  sequence: Sequence,
  tokens: number,
  atMs: number,
  { thinkingRatio }: EngineConfig,
  listener: EngineListener,
): void {
  const firstOutput = firstOutputPlace(sequence.osl, thinkingRatio);
  for (let i = 0; i < tokens; i++) {
    const generated = ++sequence.generated;
    if (generated === 1) {
      listener.firstToken(sequence.id, atMs);
    } else {
      if (generated === 2) listener.secondToken(sequence.id, atMs);
      listener.gap(atMs - sequence.lastTokenMs, 1);
    }
    if (generated === firstOutput) listener.firstOutputToken?.(sequence.id, atMs);
    sequence.lastTokenMs = atMs;
    listener.token?.(sequence.id, atMs, generated - 1);
  }
}
