import { measuredRange } from "../measured-range.ts";
import { mergeDecodeDuplicates, mergePrefillDuplicates } from "../samples.ts";
import type { BestThroughput, DecodeSamples, PrefillSamples, Profile, Surface } from "../types.ts";
import { type DecodeGrid, fitDecodeGrid } from "./decode-grid.ts";
import { fitPrefillCurve, type PrefillCurve } from "./prefill-curve.ts";

/** Halvings of the load interval: more than a double has digits to lose at a table's accuracy. */
const BISECTIONS = 40;

/** Fits by their samples: profiles that share one half (as when samples of the other are left out) share its fit. */
const prefillCurves = new WeakMap<PrefillSamples, PrefillCurve>();
const decodeGrids = new WeakMap<DecodeSamples, DecodeGrid>();

/**
 * The default surfaces: monotone where physics is (TTFT in ISL, ITL in load), positive and finite everywhere, sane
 * outside the measured range, and cheap to ask. Samples that are not positive numbers are ignored. How they are
 * fitted: `fitPrefillCurve`, `fitDecodeGrid`.
 * @throws UserError PROFILES_TOO_FEW_POINTS where no usable sample is left
 */
export function robustSurface(profile: Profile): Surface {
  const prefill = once(prefillCurves, profile.prefill, () =>
    fitPrefillCurve(mergePrefillDuplicates(profile.prefill), `${profile.name}: prefill`),
  );
  const decode = once(decodeGrids, profile.decode, () =>
    fitDecodeGrid(mergeDecodeDuplicates(profile.decode), `${profile.name}: decode`),
  );
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

function once<Key extends object, Value>(known: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
