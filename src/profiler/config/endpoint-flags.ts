/** A flag of the documents' `profile_endpoint`, which writes its flags with underscores; ours has hyphens. */
export interface EndpointFlag {
  /** With underscores. */
  name: string;
  value: string;
  help: string;
  preset: string;
}

export const ENDPOINT_FLAGS: readonly EndpointFlag[] = [
  { name: "mode", value: "<prefill|decode>", help: "what to measure", preset: "required" },
  { name: "model_name", value: "<name>", help: "model that the endpoint serves", preset: "required" },
  { name: "tokenizer_path", value: "<path>", help: "its tokenizer", preset: "the model's" },
  { name: "url", value: "<url>", help: "the endpoint", preset: "required" },
  { name: "num_gpus", value: "<n>", help: "GPUs behind it, for throughput per GPU", preset: "required" },
  { name: "max_kv_tokens", value: "<n>", help: "its KV capacity; must be above 0 for decode", preset: "0" },
  { name: "work_dir", value: "<folder>", help: "where results go", preset: "`endpoint_profiling_results/`" },
  { name: "max_context_length", value: "<tokens>", help: "longest context to measure", preset: "16384" },
  { name: "interpolation_granularity", value: "<n>", help: "points of each axis", preset: "8" },
  { name: "attention_dp_size", value: "<n>", help: "its attention ranks", preset: "1" },
];
