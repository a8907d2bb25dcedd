import { z } from "zod";
import type { EngineSource, Mapping, PrefillResult, SkippedCandidate } from "../types.ts";
import { withCandidate } from "./candidate.ts";
import type { PipelineContext } from "./hooks.ts";
import { prefillThroughputPerGpu } from "./throughput.ts";

export interface PrefillSweep {
  results: PrefillResult[];
  skipped: SkippedCandidate[];
}

const kept = z.object({
  ttftMs: z.number(),
  throughputPerGpu: z.number(),
  origin: z.enum(["measured", "table", "scaled", "analytic"]),
});

/**
 * TTFT at the target ISL of each mapping: one prompt on an idle engine without KV reuse (a burst over all ranks with attention DP).
 * A candidate that fails is left out with its reason; each is closed before the next is opened.
 * @throws whatever the source throws that is not CandidateFailed, and the signal's reason
 */
export async function sweepPrefill(
  source: EngineSource,
  mappings: readonly Mapping[],
  isl: number,
  context: PipelineContext,
): Promise<PrefillSweep> {
  const sweep: PrefillSweep = { results: [], skipped: [] };
  for (const [i, mapping] of mappings.entries()) {
    context.onCandidate?.("prefill", mapping, i + 1, mappings.length);
    const outcome = await withCandidate(source, "prefill", mapping, { isl }, kept, context, async (engine) => {
      const { ttftMs, origin } = await engine.prefill(isl);
      return {
        ttftMs,
        throughputPerGpu: prefillThroughputPerGpu(isl, ttftMs, mapping.layout),
        origin: origin ?? engine.origin,
      };
    });
    if ("skipped" in outcome) {
      sweep.skipped.push(outcome.skipped);
      continue;
    }
    const { ttftMs, throughputPerGpu } = outcome.result;
    context.log.info(
      `Prefill ${mapping.label}: TTFT ${ttftMs.toFixed(2)} ms, throughput ${throughputPerGpu.toFixed(2)} tokens/s/GPU`,
    );
    sweep.results.push({ mapping, ...outcome.result });
  }
  return sweep;
}
