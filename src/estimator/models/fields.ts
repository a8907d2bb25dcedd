import { malformedConfiguration } from "../errors.ts";

/** A model's `config.json`, whatever wrote it. */
export type Configuration = Record<string, unknown>;

/**
 * Names that one fact goes by, in the order in which they count: those of transformers' configuration classes (GPT-2, OPT, Falcon,
 * Llama, Mixtral, DeepSeek, …).
 */
export const FIELDS = {
  layers: ["num_hidden_layers", "n_layer", "num_layers", "n_layers"],
  hiddenSize: ["hidden_size", "n_embd", "n_embed", "d_model"],
  heads: ["num_attention_heads", "n_head", "num_heads", "n_heads"],
  kvHeads: ["num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads"],
  headSize: ["head_dim", "attention_head_dim"],
  intermediateSize: ["intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"],
  vocabSize: ["vocab_size"],
  experts: ["n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"],
  expertsPerToken: ["num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_top_k", "moe_topk"],
  sharedExperts: ["n_shared_experts", "num_shared_experts"],
  expertSize: ["moe_intermediate_size"],
  denseLayers: ["first_k_dense_replace"],
  kvLoraRank: ["kv_lora_rank"],
  qLoraRank: ["q_lora_rank"],
  ropeHeadSize: ["qk_rope_head_dim"],
  nopeHeadSize: ["qk_nope_head_dim"],
  valueHeadSize: ["v_head_dim"],
  context: [
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "seq_length",
    "model_max_length",
    "max_seq_len",
    "max_seq_length",
    "seq_len",
    "max_target_positions",
  ],
} as const;

type Field = keyof typeof FIELDS;

/** All names that are read, for those who keep nothing else. */
export const READ_NAMES: readonly string[] = [
  "architectures",
  "multi_query",
  "new_decoder_architecture",
  "tie_word_embeddings",
  "rope_scaling",
  "rope_parameters",
  "sliding_window",
  "use_sliding_window",
  "sliding_window_pattern",
  "attention_chunk_size",
  "interleave_moe_layer_step",
  "intermediate_size_mlp",
  "torch_dtype",
  "dtype",
  "index_topk",
  "mamba_num_heads",
  "hybrid_override_pattern",
  "linear_num_key_heads",
  "block_configs",
  ...Object.values(FIELDS).flat(),
];

/** The part of a configuration that describes the language model: `text_config` of multimodal ones. */
export function languagePart(config: Configuration): Configuration {
  const text = config.text_config ?? config.llm_config ?? config.language_config;
  if (typeof text !== "object" || text === null) return config;
  const part = text as Configuration;
  return {
    ...part,
    architectures: config.architectures ?? part.architectures,
    ...(config.quantization_config === undefined ? {} : { quantization_config: config.quantization_config }),
    ...(config.hf_quant_config === undefined ? {} : { hf_quant_config: config.hf_quant_config }),
    ...(config.auto_map === undefined ? {} : { auto_map: config.auto_map }),
  };
}

/** Reads whole numbers from a configuration, with errors that name the field. */
export class Fields {
  readonly #config: Configuration;
  readonly #where: string;

  constructor(config: Configuration, where: string) {
    this.#config = config;
    this.#where = where;
  }

  get(field: Field): number | undefined {
    for (const name of FIELDS[field]) {
      const value = this.#config[name];
      if (value === undefined || value === null) continue;
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
        throw malformedConfiguration(this.#where, name, `found ${JSON.stringify(value)}, expected a whole number`);
      }
      return value;
    }
    return undefined;
  }

  /** @throws UserError where the configuration has none, or 0 */
  need(field: Field): number {
    const value = this.get(field);
    if (!value) throw malformedConfiguration(this.#where, FIELDS[field].join(", "), "found none of these fields");
    return value;
  }
}
