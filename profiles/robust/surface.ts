import { measuredRange } from "../measured-range.ts";
import { mergeDecodeDuplicates, mergePrefillDuplicates } from "../samples.ts";
import type { BestThroughput, Profile, Surface } from "../types.ts";
import { fitDecodeGrid } from "./decode-grid.ts";
import { fitPrefillCurve } from "./prefill-curve.ts";

/** Halvings of the load interval: more than a double has digits to lose at a table's accuracy. */
const BISECTIONS = 40;

/**
 * The default surfaces: monotone where physics is (TTFT in ISL, ITL in load), positive and finite everywhere, sane outside the measured
 * range, and cheap to ask. Samples that are not positive numbers are ignored. How they are fitted: `fitPrefillCurve`, `fitDecodeGrid`.
 * @throws UserError PROFILES_TOO_FEW_POINTS where no usable sample is left
 */
export function robustSurface(profile: Profile): Surface {
  const prefill = fitPrefillCurve(mergePrefillDuplicates(profile.prefill), `${profile.name}: prefill`);
  const decode = fitDecodeGrid(mergeDecodeDuplicates(profile.decode), `${profile.name}: decode`);
  const { maxKvTokens } = profile.decode;
  const range = measuredRange(profile);
  return {
    family: "robust",
    maxKvTokens,
    ttftMs: prefill.ttftMs,
    prefillThroughputPerGpu: prefill.throughputPerGpu,
    itlMs: decode.itlMs,
    decodeThroughputPerGpu: decode.throughputPerGpu,
    bestThroughputPerGpu: (itlMs, contextLength): BestThroughput => {
      const at = (kvUsage: number): BestThroughput => ({
        throughputPerGpu: decode.throughputPerGpu(kvUsage, contextLength),
        itlMs: decode.itlMs(kvUsage, contextLength),
        kvUsage,
      });
      let low = Math.min(1, Math.max(1, contextLength) / maxKvTokens);
      if (decode.itlMs(1, contextLength) <= itlMs) return at(1);
      if (decode.itlMs(low, contextLength) > itlMs) return at(low);
      let high = 1;
      for (let i = 0; i < BISECTIONS; i++) {
        const middle = (low + high) / 2;
        if (decode.itlMs(middle, contextLength) <= itlMs) low = middle;
        else high = middle;
      }
      return at(low);
    },
    extrapolates: range.extrapolates,
    extrapolatesPrefill: range.extrapolatesPrefill,
  };
}
