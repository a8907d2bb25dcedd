import { z } from "zod";
import { CandidateFailed } from "../errors.ts";
import { requestCounts } from "../sampling.ts";
import type { DecodeResult, EngineSource, Mapping, OpenEngine, SkippedCandidate } from "../types.ts";
import { withCandidate } from "./candidate.ts";
import type { PipelineContext } from "./hooks.ts";

export interface DecodeSweep {
  results: DecodeResult[];
  skipped: SkippedCandidate[];
}

export interface DecodeTarget {
  isl: number;
  osl: number;
  /** Loads of each mapping. */
  granularity: number;
}

const kept = z.object({
  maxKvTokens: z.number(),
  points: z.array(
    z.object({
      concurrency: z.number(),
      itlMs: z.number(),
      throughputPerGpu: z.number(),
      origin: z.enum(["measured", "table", "scaled", "analytic"]),
    }),
  ),
});
type Kept = z.infer<typeof kept>;

/**
 * ITL and throughput of each mapping over the number of requests at once, from one an attention rank to what its KV cache holds of
 * the target ISL and OSL. A load that fails is left out; a candidate that fails is, with its reason.
 * @throws whatever the source throws that is not CandidateFailed, and the signal's reason
 */
export async function sweepDecode(
  source: EngineSource,
  mappings: readonly Mapping[],
  target: DecodeTarget,
  context: PipelineContext,
): Promise<DecodeSweep> {
  const sweep: DecodeSweep = { results: [], skipped: [] };
  const { isl, osl, granularity } = target;
  for (const [i, mapping] of mappings.entries()) {
    context.onCandidate?.("decode", mapping, i + 1, mappings.length);
    const outcome = await withCandidate(source, "decode", mapping, { isl, osl, granularity }, kept, context, (engine) =>
      measureLoads(engine, mapping, target, context),
    );
    if ("skipped" in outcome) {
      sweep.skipped.push(outcome.skipped);
      continue;
    }
    const { maxKvTokens, points } = outcome.result;
    sweep.results.push(...points.map((point) => ({ mapping, maxKvTokens, ...point })));
  }
  return sweep;
}

async function measureLoads(
  engine: OpenEngine,
  mapping: Mapping,
  { isl, osl, granularity }: DecodeTarget,
  { log, signal }: PipelineContext,
): Promise<Kept> {
  const { maxKvTokens } = engine;
  const maxConcurrency = Math.floor(maxKvTokens / (isl + osl));
  const loads = requestCounts(maxConcurrency, granularity, mapping.layout.attentionDp);
  if (loads.length === 0) {
    throw new CandidateFailed(`its KV cache of ${maxKvTokens} tokens holds no request of ISL ${isl} + OSL ${osl}`);
  }
  log.info(`Decode ${mapping.label}: KV cache of ${maxKvTokens} tokens, sweeping ${loads.join(", ")} requests`);
  const points: Kept["points"] = [];
  for (const concurrency of loads) {
    signal.throwIfAborted();
    const measured = await engine.decode(concurrency, isl, osl);
    if (measured === null) {
      log.warning(`Decode ${mapping.label}: ${concurrency} requests at once gave no result, skipping`);
      continue;
    }
    const { itlMs, throughputPerGpu, origin } = measured;
    log.detail(
      `Decode ${mapping.label}, ${concurrency} requests: ITL ${itlMs.toFixed(2)} ms, ` +
        `throughput ${throughputPerGpu.toFixed(2)} tokens/s/GPU`,
    );
    points.push({ concurrency, itlMs, throughputPerGpu, origin: origin ?? engine.origin });
  }
  if (points.length === 0) throw new CandidateFailed("no load gave a result");
  return { maxKvTokens, points };
}
