import type { Backend } from "#src/estimator";
import type { Dialect } from "../types.ts";

/** What is taken for a TensorRT-LLM worker whose log tells nothing, tokens; Dynamo's profiler's own value. */
const TRTLLM_FALLBACK_TOKENS = 100_000;

export interface KvCapacity {
  /** Of the whole engine, tokens; 0 where the log does not tell. */
  maxKvTokens: number;
  warnings: string[];
}

/**
 * The KV capacity that a worker wrote into its log when it started, by the expressions of Dynamo's profiler:
 * - vLLM: `Maximum concurrency for 40,960 tokens per request: 15.72x`, the product, rounded down;
 * - SGLang: `KV Cache is allocated. #tokens: 643891, …`;
 * - TensorRT-LLM: `Allocated 57.48 GiB for max tokens in paged KV cache (502272).` It allocates twice, first a little to
 *   measure with: the last line counts. Until 0.6 the first one did.
 *
 * vLLM and SGLang speak of one attention rank (vLLM's factor is newer than 0.6), TensorRT-LLM of the engine.
 */
export function kvCapacityOf(log: string, backend: Backend, attentionDp: number, dialect: Dialect): KvCapacity {
  const isOld = dialect === "0.3" || dialect === "0.6";
  switch (backend) {
    case "vllm":
      return found(vllmTokens(log) * (isOld ? 1 : attentionDp), backend);
    case "sglang":
      return found(sglangTokens(log) * attentionDp, backend);
    case "trtllm": {
      const tokens = trtllmTokens(log);
      const used = (isOld ? tokens[0] : tokens.at(-1)) ?? TRTLLM_FALLBACK_TOKENS;
      if (tokens.length > 0) return { maxKvTokens: used, warnings: [] };
      const text = `the log of the trtllm worker does not tell its KV capacity: ${used} tokens are taken for it`;
      return { maxKvTokens: used, warnings: [text] };
    }
  }
}

function found(maxKvTokens: number, backend: Backend): KvCapacity {
  if (maxKvTokens > 0) return { maxKvTokens, warnings: [] };
  return { maxKvTokens: 0, warnings: [`the log of the ${backend} worker does not tell its KV capacity`] };
}

function vllmTokens(log: string): number {
  const match = /Maximum concurrency for ([\d,]+) tokens per request: ([\d.,]+)x/.exec(log);
  if (match === null) return 0;
  const [length, times] = [match[1]!, match[2]!].map((text) => Number(text.replaceAll(",", "")));
  return Math.floor(length! * times!);
}

function sglangTokens(log: string): number {
  for (const line of log.split("\n")) {
    const match = line.includes("KV Cache is allocated") ? /#tokens:\s*(\d+)/.exec(line) : null;
    if (match !== null) return Number(match[1]);
  }
  return 0;
}

function trtllmTokens(log: string): number[] {
  return log.split("\n").flatMap((line) => {
    if (!line.includes("Allocated") || !line.includes("for max tokens in paged KV cache")) return [];
    const match = /paged KV cache \((\d+)\)/.exec(line);
    return match === null ? [] : [Number(match[1])];
  });
}
