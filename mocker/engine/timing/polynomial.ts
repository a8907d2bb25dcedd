import type { TimingModel } from "../types.ts";

/** No decode step is faster than this, ms. */
const MIN_DECODE_MS = 1;

/**
 * The default timing of Dynamo's mocker (ai-dynamo 1.6.1): quadratics fitted to an 8B model on one H100; prefill in new
 * tokens, decode in the share of the KV cache that is active. The order of operations decides single nanoseconds.
 * @param capacityTokens KV capacity of the engine, tokens
 */
export function polynomialTiming({ capacityTokens }: { capacityTokens: number }): TimingModel {
  return {
    kind: "polynomial",
    chunkWorkMs: () => 0,
    prefillMs: (batch, newTokens) => {
      if (batch === 0 || newTokens === 0) return 0;
      return 4.209989e-7 * (newTokens * newTokens) + 1.518344e-2 * newTokens + 16.50142;
    },
    decodeMs: (batch, activeKvTokens) => {
      if (batch === 0) return 0;
      const usage = Math.min(1, activeKvTokens / capacityTokens);
      return Math.max(MIN_DECODE_MS, -25.74 * (usage * usage) + 54.01 * usage + 5.74);
    },
    extrapolations: () => 0,
  };
}
