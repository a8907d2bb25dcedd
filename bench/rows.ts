import { existsSync } from "node:fs";
import { referencePath } from "../test/reference-path.ts";

/** What the benchmark runs: DynoSim calls, which both simulators can answer (arguments by their names in ai-dynamo 1.6.1). */
export interface BenchRow {
  name: string;
  /** Positional arguments of `run_synthetic_trace_replay`, by name. */
  args: { input_tokens: number; output_tokens: number; request_count: number };
  kwargs: Record<string, number>;
  /** DynoSim breaks ties of its KV router at random: its choices can only be followed, on fewer requests (`checkChoices`). */
  router?: "kv_router";
  /** A Mooncake trace in place of made requests: its path, and how many requests it has are `args`. */
  trace?: { file: string; blockTokens: number };
  /** Engine arguments by the name of their keyword; what is left out has DynoSim's default. */
  engines: Record<string, { engine: Record<string, unknown> }>;
  /** The ratio of CPU seconds, DynoSim's to ours, that the project promises. */
  promisedRatio?: number;
}

const aggregated = (engine: Record<string, unknown> = {}) => ({ extra_engine_args: { engine } });

/** `requests` scales every row alike; 100,000 is what promises are about. */
export function benchRows(requests: number): BenchRow[] {
  const synthetic = (osl = 100, isl = 1000) => ({ input_tokens: isl, output_tokens: osl, request_count: requests });
  return [
    {
      name: "1 worker, c64",
      args: synthetic(),
      kwargs: { num_workers: 1, replay_concurrency: 64 },
      engines: aggregated(),
      promisedRatio: 10,
    },
    {
      name: "8 workers, c512",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512 },
      engines: aggregated(),
      promisedRatio: 10,
    },
    {
      name: "4P4D, c512",
      args: synthetic(),
      kwargs: { num_prefill_workers: 4, num_decode_workers: 4, replay_concurrency: 512 },
      engines: {
        prefill_engine_args: { engine: { worker_type: "prefill" } },
        decode_engine_args: { engine: { worker_type: "decode" } },
      },
      promisedRatio: 10,
    },
    {
      name: "64P64D, c8192",
      args: synthetic(),
      kwargs: { num_prefill_workers: 64, num_decode_workers: 64, replay_concurrency: 8192 },
      engines: {
        prefill_engine_args: { engine: { worker_type: "prefill" } },
        decode_engine_args: { engine: { worker_type: "decode" } },
      },
      promisedRatio: 20,
    },
    {
      name: "KV router, 8 workers, c512, shared prefixes",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512, shared_prefix_ratio: 0.5, num_prefix_groups: 20 },
      router: "kv_router",
      engines: aggregated(),
      promisedRatio: 5,
    },
    ...mooncakeRows(),
    {
      name: "1024 workers, c65536",
      args: synthetic(),
      kwargs: { num_workers: 1024, replay_concurrency: 65536 },
      engines: aggregated(),
      promisedRatio: 20,
    },
    {
      name: "1 worker, c64, OSL 1000",
      args: synthetic(1000),
      kwargs: { num_workers: 1, replay_concurrency: 64 },
      engines: aggregated(),
    },
    {
      name: "8 workers, c512, shared prefixes",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512, shared_prefix_ratio: 0.5, num_prefix_groups: 20 },
      engines: aggregated(),
    },
    {
      name: "8 workers, c512, KV pressure",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512 },
      engines: aggregated({ num_gpu_blocks: 1050 }),
    },
    {
      name: "8 workers, c512, sglang",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512 },
      engines: aggregated({ backend: "sglang", block_size: 1, num_gpu_blocks: 200_000 }),
      promisedRatio: 10,
    },
    {
      // The same memory; DynoSim has far fewer pages to look after.
      name: "8 workers, c512, sglang, pages of 64",
      args: synthetic(),
      kwargs: { num_workers: 8, replay_concurrency: 512 },
      engines: aggregated({ backend: "sglang", block_size: 64, num_gpu_blocks: 3125 }),
    },
  ];
}

/** The conversation trace of Mooncake (12,031 requests of 59 minutes), where the reference data are; round robin, so that runs can be equal. */
function mooncakeRows(): BenchRow[] {
  const file = referencePath("traces", "mooncake_conversation.jsonl");
  if (!existsSync(file)) return [];
  return [
    {
      name: "Mooncake conversation, 8 workers",
      args: { input_tokens: 0, output_tokens: 0, request_count: 12_031 },
      kwargs: { num_workers: 8 },
      trace: { file, blockTokens: 512 },
      engines: aggregated(),
      promisedRatio: 5,
    },
  ];
}
