import type { EngineEstimator, Estimate } from "#src/estimator";
import type { Mapping, OpenEngine } from "../types.ts";

/** An engine that an estimator answers for; there is nothing to close. */
export function estimatedEngine(
  estimator: EngineEstimator,
  mapping: Mapping,
  origin: Estimate["origin"] = "table",
): OpenEngine {
  return {
    mapping,
    maxKvTokens: estimator.maxKvTokens,
    origin,
    facts: { backendVersion: estimator.facts.backendVersion, kvBytesPerToken: estimator.facts.kvBytesPerToken },
    prefill: async (isl) => ({ ttftMs: await estimator.prefillMs(isl) }),
    decode: (requests, isl, osl) => estimator.decode(requests, isl, osl),
    close: async () => {},
  };
}
