/** Names of the AI Configurator of 2025, as Dynamo's documents use them. */
const CONFIGURATOR_NAMES: Readonly<Record<string, string>> = {
  DEEPSEEK_V3: "deepseek-ai/DeepSeek-V3",
  LLAMA2_13B: "meta-llama/Llama-2-13b-hf",
  LLAMA2_70B: "meta-llama/Llama-2-70b-hf",
  LLAMA2_7B: "meta-llama/Llama-2-7b-hf",
  "LLAMA3.1_405B": "meta-llama/Meta-Llama-3.1-405B",
  "LLAMA3.1_70B": "meta-llama/Meta-Llama-3.1-70B",
  "LLAMA3.1_8B": "meta-llama/Meta-Llama-3.1-8B",
  MOE_MIXTRAL8X22B: "mistralai/Mixtral-8x22B-v0.1",
  MOE_MIXTRAL8X7B: "mistralai/Mixtral-8x7B-v0.1",
  "QWEN2.5_0.5B": "Qwen/Qwen2.5-0.5B",
  "QWEN2.5_1.5B": "Qwen/Qwen2.5-1.5B",
  "QWEN2.5_32B": "Qwen/Qwen2.5-32B",
  "QWEN2.5_72B": "Qwen/Qwen2.5-72B",
  "QWEN2.5_7B": "Qwen/Qwen2.5-7B",
  "QWEN3_0.6B": "Qwen/Qwen3-0.6B",
  QWEN3_0_6B: "Qwen/Qwen3-0.6B",
  "QWEN3_1.7B": "Qwen/Qwen3-1.7B",
  QWEN3_235B: "Qwen/Qwen3-235B-A22B",
  QWEN3_30B_A3B: "Qwen/Qwen3-30B-A3B",
  QWEN3_32B: "Qwen/Qwen3-32B",
  QWEN3_480B: "Qwen/Qwen3-Coder-480B-A35B-Instruct",
  QWEN3_8B: "Qwen/Qwen3-8B",
};

/** Endings of checkpoints that have the sizes of the one they were tuned from. */
const TUNED = /-(Instruct|Chat|Base|it|hf)(-\d{4})?$/i;

/**
 * Ids that a model may be known by, in the order in which they count: as it stands, what the AI Configurator calls so, with the
 * other spelling of Llama's releases, and without what instruction tuning adds to a name.
 */
export function otherNames(name: string): string[] {
  const id = CONFIGURATOR_NAMES[name.toUpperCase()] ?? name;
  const spellings = [
    id,
    id.replace("meta-llama/Llama-3", "meta-llama/Meta-Llama-3"),
    id.replace("/Meta-Llama-", "/Llama-"),
  ];
  if (!id.includes("/")) spellings.push(`openai-community/${id}`);
  return [...new Set([...spellings, ...spellings.map((each) => each.replace(TUNED, ""))])];
}
