import type { Backend } from "#src/estimator";

export interface LoggedCapacity {
  backend: Backend;
  /** Of one attention rank, tokens. */
  tokens: number;
  /** KV bytes of a token on one rank; 0 where unknown. */
  bytesPerToken: number;
  /** Longest prompt + output, tokens. */
  contextLength: number;
}

/** What a backend writes about its KV cache when it starts, in its own words. */
export function capacityLines({ backend, tokens, bytesPerToken, contextLength }: LoggedCapacity, at: Date): string[] {
  const bytes = tokens * bytesPerToken;
  const gib = (value: number) => (value / 2 ** 30).toFixed(2);
  const [day, time] = at.toISOString().slice(0, 19).split("T") as [string, string];
  switch (backend) {
    case "vllm": {
      const head = `INFO ${day.slice(5)} ${time}`;
      const times = (tokens / contextLength).toFixed(2);
      return [
        `${head} [gpu_worker.py:298] Available KV cache memory: ${gib(bytes)} GiB`,
        `${head} [kv_cache_utils.py:1087] GPU KV cache size: ${thousands(tokens)} tokens`,
        `${head} [kv_cache_utils.py:1091] Maximum concurrency for ${thousands(contextLength)} tokens per request: ${times}x`,
      ];
    }
    case "sglang":
      return [
        `[${day} ${time} TP0] KV Cache is allocated. #tokens: ${tokens}, K size: ${gib(bytes / 2)} GB, V size: ${gib(bytes / 2)} GB`,
      ];
    case "trtllm": {
      // It first allocates a little, to see what the model takes.
      const little = Math.min(tokens, 8224);
      return [little, tokens].map(
        (count) =>
          `[TensorRT-LLM][INFO] [MemUsageChange] Allocated ${gib(count * bytesPerToken)} GiB for max tokens in paged KV cache (${count}).`,
      );
    }
  }
}

/** What a backend's last words are where the model leaves no room for a KV cache. */
export function outOfMemoryLine(backend: Backend): string {
  switch (backend) {
    case "vllm":
      return "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.";
    case "sglang":
      return "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.";
    case "trtllm":
      return "torch.OutOfMemoryError: CUDA out of memory.";
  }
}

function thousands(count: number): string {
  return count.toLocaleString("en-US");
}
