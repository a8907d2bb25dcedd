/**
 * Sizes of common models that the package brings no configuration of, by the names of their `config.json` on Hugging Face, so that
 * the estimator knows them without a network.
 */
export const MORE_MODELS: Readonly<Record<string, Record<string, unknown>>> = {
  "Qwen/Qwen2.5-0.5B": qwen25(24, 896, 14, 2, 4864, 151_936, 32_768, true),
  "Qwen/Qwen2.5-1.5B": qwen25(28, 1536, 12, 2, 8960, 151_936, 131_072, true),
  "Qwen/Qwen2.5-7B": qwen25(28, 3584, 28, 4, 18_944, 152_064, 131_072, false),
  "Qwen/Qwen2.5-14B": qwen25(48, 5120, 40, 8, 13_824, 152_064, 131_072, false),
  "Qwen/Qwen2.5-32B": qwen25(64, 5120, 40, 8, 27_648, 152_064, 131_072, false),
  "Qwen/Qwen2.5-72B": qwen25(80, 8192, 64, 8, 29_568, 152_064, 131_072, false),
  "Qwen/Qwen3-4B": {
    ...qwen25(36, 2560, 32, 8, 9728, 151_936, 40_960, true),
    architectures: ["Qwen3ForCausalLM"],
    head_dim: 128,
  },
  "Qwen/Qwen3-14B": {
    ...qwen25(40, 5120, 40, 8, 17_408, 151_936, 40_960, false),
    architectures: ["Qwen3ForCausalLM"],
    head_dim: 128,
  },
  "mistralai/Mistral-7B-v0.1": {
    ...qwen25(32, 4096, 32, 8, 14_336, 32_000, 32_768, false),
    architectures: ["MistralForCausalLM"],
    sliding_window: 4096,
  },
  "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": {
    ...qwen25(32, 4096, 32, 8, 14_336, 128_256, 131_072, false),
    architectures: ["LlamaForCausalLM"],
  },
  "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": {
    ...qwen25(80, 8192, 64, 8, 28_672, 128_256, 131_072, false),
    architectures: ["LlamaForCausalLM"],
  },
  "openai-community/gpt2": {
    architectures: ["GPT2LMHeadModel"],
    n_layer: 12,
    n_embd: 768,
    n_head: 12,
    n_positions: 1024,
    vocab_size: 50_257,
    tie_word_embeddings: true,
  },
  "tiiuae/falcon-7b": {
    architectures: ["FalconForCausalLM"],
    num_hidden_layers: 32,
    hidden_size: 4544,
    num_attention_heads: 71,
    multi_query: true,
    new_decoder_architecture: false,
    vocab_size: 65_024,
    max_position_embeddings: 2048,
    tie_word_embeddings: true,
  },
};

function qwen25(
  layers: number,
  hidden: number,
  heads: number,
  kvHeads: number,
  intermediate: number,
  vocabulary: number,
  context: number,
  tied: boolean,
): Record<string, unknown> {
  return {
    architectures: ["Qwen2ForCausalLM"],
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    intermediate_size: intermediate,
    vocab_size: vocabulary,
    max_position_embeddings: context,
    tie_word_embeddings: tied,
    torch_dtype: "bfloat16",
  };
}
