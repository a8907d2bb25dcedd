import type { Surface } from "#profiles";
import type { TimingModel } from "../types.ts";

export interface ProfileTimingOptions {
  /** KV capacity that usage is measured against, tokens; the profile's `maxKvTokens` where it is not given. */
  capacityTokens?: number;
  /** Read TTFT at the sum of the pass's new tokens, as Dynamo's mocker does, instead of adding up the prompts' chunks. */
  prefillByBatchTotal?: boolean;
}

/**
 * Times of a profile's surfaces.
 *
 * TTFT was measured for one whole prompt. Let o be its value extrapolated to 0 tokens (≥ 0) and g(n) = ttft(n) − o what the
 * tokens themselves cost; a pass costs o + Σ (g(end) − g(start)) over its prompt chunks. So two chunks cost the prompt plus
 * one more o, a cached prefix costs nothing, and two prompts of n tokens cost 2 g(n), not g(2n).
 * Decode: ITL at (Σ context ÷ capacity, mean context).
 */
export function profileTiming(surface: Surface, options: ProfileTimingOptions = {}): TimingModel {
  const capacityTokens = options.capacityTokens ?? surface.maxKvTokens;
  const offsetMs = Math.max(0, surface.ttftMs(0));
  let extrapolations = 0;
  const workMs = (tokens: number) => (tokens <= 0 ? 0 : Math.max(0, surface.ttftMs(tokens) - offsetMs));
  return {
    kind: "profile",
    chunkWorkMs: (startTokens, endTokens) => {
      if (options.prefillByBatchTotal) return 0;
      if (surface.extrapolatesPrefill(endTokens)) extrapolations++;
      return Math.max(0, workMs(endTokens) - workMs(startTokens));
    },
    prefillMs: (batch, newTokens, _cachedTokens, chunkWorkMs) => {
      if (batch === 0 || newTokens === 0) return 0;
      if (!options.prefillByBatchTotal) return offsetMs + chunkWorkMs;
      if (surface.extrapolatesPrefill(newTokens)) extrapolations++;
      return Math.max(0, surface.ttftMs(newTokens));
    },
    decodeMs: (batch, activeKvTokens, meanContext) => {
      if (batch === 0) return 0;
      const usage = activeKvTokens / capacityTokens;
      if (surface.extrapolates(usage, meanContext)) extrapolations++;
      return surface.itlMs(usage, meanContext);
    },
    extrapolations: () => extrapolations,
  };
}
