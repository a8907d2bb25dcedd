import { IdlePrefill } from "./idle-prefill.ts";
import { decodePassMs } from "./pass-time.ts";
import type { EngineConfig } from "./types.ts";

/** A pass that an engine was tried with: one prompt alone, or so many sequences that decode with so much context in all. */
export interface BenchmarkPass {
  prefillTokens: number;
  decodeRequests: number;
  decodeKvTokens: number;
  durationMs: number;
}

const SHORTEST_PROMPT = 32;
const PROMPTS = 16;
const SHORTEST_CONTEXT = 128;
const CONTEXTS = 4;
/** Shares of the KV cache that the decoding sequences fill. */
const KV_SHARES = [0.05, 0.15, 0.3, 0.5, 0.7, 0.9];

/**
 * What an engine tells of itself before it serves: passes with prompts of all lengths that fit into one, and with batches that fill the KV
 * cache more and more, as Dynamo's workers measure them when they start. A prefill engine has no batches, a decode engine no prompts.
 */
export function selfBenchmark(config: EngineConfig): BenchmarkPass[] {
  const kvTokens = config.numGpuBlocks * config.blockSize;
  const longest = Math.min(config.maxModelLen ?? Number.POSITIVE_INFINITY, kvTokens);
  const passes: BenchmarkPass[] = [];
  if (config.role !== "decode") {
    const idle = new IdlePrefill(config);
    for (const prefillTokens of evenRatios(SHORTEST_PROMPT, Math.min(longest, config.maxNumBatchedTokens), PROMPTS)) {
      passes.push({ prefillTokens, decodeRequests: 0, decodeKvTokens: 0, durationMs: idle.ms(prefillTokens, 0) });
    }
  }
  if (config.role === "prefill") return passes;
  for (const context of evenRatios(SHORTEST_CONTEXT, longest / 2, CONTEXTS)) {
    const batches = KV_SHARES.map((share) =>
      Math.max(1, Math.min(config.maxNumSeqs, Math.round((share * kvTokens) / context))),
    );
    for (const decodeRequests of new Set(batches)) {
      const decodeKvTokens = decodeRequests * context;
      const durationMs = decodePassMs(config, decodeRequests, decodeKvTokens);
      passes.push({ prefillTokens: 0, decodeRequests, decodeKvTokens, durationMs });
    }
  }
  return passes;
}

/** Whole numbers from `least` to `most`, each about as many times the one before; `most` alone where that is less. */
function evenRatios(least: number, most: number, count: number): number[] {
  const from = Math.min(least, most);
  const values = Array.from({ length: count }, (_, i) => Math.round(from * (most / from) ** (i / (count - 1))));
  return [...new Set(values)];
}
