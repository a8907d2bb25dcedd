import { z } from "zod";
import { requireCount } from "../counts.ts";
import { engineLayout } from "../layout.ts";
import type { EngineEstimator, EngineFacts, EngineLayout, EngineSpec, Quantization } from "../types.ts";

/** Sends one request to the adapter and hands back its result. */
export type Ask = (request: Record<string, unknown>, engine: string) => Promise<unknown>;

const opened = z.object({
  handle: z.int(),
  backendVersion: z.string(),
  quantization: z.record(z.string(), z.string().nullable()),
  memoryFraction: z.number(),
  kvTokensPerRank: z.int(),
  kvBytesPerToken: z.int(),
  package: z.string(),
});
const timed = z.object({ ms: z.number().positive(), cappedMs: z.number().nonnegative() });

/** Asks the adapter for an engine and wraps its answers, which are per attention rank, into those of a whole engine. */
export async function openEngine(ask: Ask, spec: EngineSpec): Promise<EngineEstimator> {
  const layout = engineLayout(spec.parallelism);
  const name = `${spec.model} on ${spec.system} with ${spec.backend} ${spec.parallelism}`;
  const { parallelism: _, ...rest } = spec;
  const { gpus: __, ...sizes } = layout;
  const result = opened.parse(await ask({ op: "open", engine: { ...rest, ...sizes } }, name));
  const facts = factsOf(result, layout);
  let answers = 0;
  let capped = 0;
  let largestShare = 0;

  const time = async (request: Record<string, unknown>): Promise<number> => {
    const answer = timed.parse(await ask({ ...request, handle: result.handle }, name));
    answers++;
    if (answer.cappedMs > 0) capped++;
    largestShare = Math.max(largestShare, answer.cappedMs / (answer.ms + answer.cappedMs));
    return answer.ms;
  };

  return {
    facts,
    maxKvTokens: facts.maxKvTokens,
    get adjustments() {
      if (capped === 0) return [];
      return [
        `in ${capped} of ${answers} passes block-quantised FP8 GEMMs of ${spec.backend}'s tables were capped at 1.2 × the ` +
          `fastest other backend's, which took at most ${(largestShare * 100).toFixed(0)} % off the pass`,
      ];
    },
    prefillMs: async (isl) => {
      requireCount("isl", isl, 1);
      return time({ op: "prefill", isl });
    },
    decode: async (batch, isl, osl) => {
      requireCount("batch", batch, layout.attentionDp, layout.attentionDp);
      requireCount("isl", isl, 1);
      requireCount("osl", osl, 2);
      const itlMs = await time({ op: "decode", batch: batch / layout.attentionDp, isl, osl });
      return { itlMs, throughputPerGpu: (batch * 1000) / itlMs / layout.gpus };
    },
  };
}

function factsOf(result: z.infer<typeof opened>, layout: EngineLayout): EngineFacts {
  const quantization: Quantization = {};
  for (const key of ["gemm", "moe", "kvcache", "fmha"] as const) {
    const mode = result.quantization[key];
    if (mode) quantization[key] = mode;
  }
  return {
    layout,
    backendVersion: result.backendVersion,
    quantization,
    memoryFraction: result.memoryFraction,
    maxKvTokens: result.kvTokensPerRank * layout.attentionDp,
    kvBytesPerToken: result.kvBytesPerToken,
    source: result.package,
  };
}
