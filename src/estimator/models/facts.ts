import { type Configuration, Fields, languagePart } from "./fields.ts";
import { formatsOf } from "./formats.ts";
import { countParameters, weightBytesOf } from "./parameters.ts";
import type { CheckpointFormats, MlaFacts, ModelFacts, ModelFamily, MoeFacts } from "./types.ts";

/** Layers other than attention over the whole context, gated MLPs and routed experts: only sizes are known of these. */
const OTHER_GRAPHS =
  /^(DeepseekV32|DeepseekV4|GlmMoeDsa|KimiK3|NemotronH|DeciLM|Nemotron|Qwen3_5|Qwen3Next|Gemma4|Gemma3n|MiniMaxM1|MiniMaxM3|MiniMaxText|Step3|MiMoV2|Jamba|Mamba|FalconH1|FalconMamba|Bamba|Zamba|RecurrentGemma|Granite.*Hybrid|Lfm)/;
/** A plain MLP of two matrices after attention. */
const PLAIN_MLP =
  /^(GPT2|GPTNeo|GPTJ|GPTBigCode|OPT|Bloom|Falcon|RW|CodeGen|Phi(ForCausalLM|MoE)?$|Starcoder2|MPT|GPT)/;
/** Queries and keys are normalised head by head. */
const NORMALISED_HEADS = /^(Qwen3(Moe|VL|VLMoe)?For|MiniMaxM2|Olmo2|Gemma3)/;

const GPT_OSS_WINDOW_SHARE = 2;
const MIB = 2 ** 20;

export interface FactsInput {
  id: string;
  origin: ModelFacts["origin"];
  /** For errors: the file, or the id. */
  where: string;
  config: Configuration;
  /** Where they are known better than the configuration says. */
  formats?: CheckpointFormats;
  /** Bytes of the weights' files, or as their maker counts them. */
  weightBytes?: number;
}

/**
 * What the estimator has to know, read off a model's configuration.
 * @throws UserError where it lacks a size that nothing else tells
 */
export function factsOf(input: FactsInput): ModelFacts {
  const config = languagePart(input.config);
  const fields = new Fields(config, input.where);
  const architecture = String((config.architectures as unknown[] | undefined)?.[0] ?? "");
  const hiddenSize = fields.need("hiddenSize");
  const heads = fields.need("heads");
  const layers = fields.need("layers");
  const mla = mlaOf(fields);
  const moe = moeOf(fields, architecture, config, layers);
  const family = familyOf(architecture, config, moe, mla);
  const context = contextOf(fields, config);
  const window = windowOf(architecture, config, layers);
  const formats = input.formats ?? formatsOf(config);
  const facts: Omit<ModelFacts, "parameters" | "weightMib" | "weightSource"> = {
    id: input.id,
    origin: input.origin,
    architecture,
    family,
    layers,
    hiddenSize,
    heads,
    kvHeads: kvHeadsOf(fields, config, heads),
    headSize: fields.get("headSize") || (mla ? mla.nopeHeadSize + mla.ropeHeadSize : Math.floor(hiddenSize / heads)),
    intermediateSize: denseWidthOf(fields, config, hiddenSize),
    vocabSize: fields.need("vocabSize"),
    qkNorm: NORMALISED_HEADS.test(architecture),
    tiedEmbeddings: config.tie_word_embeddings === true || /^(GPT2|Falcon|OPT|Bloom)/.test(architecture),
    ...(moe ? { moe } : {}),
    ...(mla ? { mla } : {}),
    ...(window ? { slidingWindow: window } : {}),
    formats,
    ...(context === undefined ? {} : { maxContextLength: context }),
    needsRemoteCode: typeof input.config.auto_map === "object" && input.config.auto_map !== null,
  };
  return {
    ...facts,
    parameters: countParameters(facts),
    weightMib: (input.weightBytes ?? weightBytesOf(facts)) / MIB,
    weightSource: input.weightBytes === undefined || input.origin === "built-in" ? "sizes" : "files",
  };
}

function familyOf(
  architecture: string,
  config: Configuration,
  moe: MoeFacts | undefined,
  mla: MlaFacts | undefined,
): ModelFamily {
  const otherLayers =
    config.index_topk !== undefined ||
    config.mamba_num_heads !== undefined ||
    config.hybrid_override_pattern !== undefined ||
    config.linear_num_key_heads !== undefined ||
    config.block_configs !== undefined;
  if (OTHER_GRAPHS.test(architecture) || otherLayers) return "other";
  if (mla) return moe ? "deepseek" : "other";
  if (moe) return "moe";
  return PLAIN_MLP.test(architecture) ? "gpt" : "llama";
}

function kvHeadsOf(fields: Fields, config: Configuration, heads: number): number {
  // Falcon's first form shares one head of keys and values.
  if (config.multi_query === true && config.new_decoder_architecture !== true) return 1;
  return fields.get("kvHeads") || heads;
}

/** Width of the plain MLP; Llama 4 names that of its experts where others name this. */
function denseWidthOf(fields: Fields, config: Configuration, hiddenSize: number): number {
  const llama4 = config.intermediate_size_mlp;
  if (typeof llama4 === "number" && llama4 > 0) return llama4;
  return fields.get("intermediateSize") || 4 * hiddenSize;
}

function mlaOf(fields: Fields): MlaFacts | undefined {
  const kvLoraRank = fields.get("kvLoraRank");
  if (!kvLoraRank) return undefined;
  return {
    kvLoraRank,
    qLoraRank: fields.get("qLoraRank") ?? 0,
    ropeHeadSize: fields.get("ropeHeadSize") ?? 64,
    nopeHeadSize: fields.get("nopeHeadSize") ?? 128,
    valueHeadSize: fields.get("valueHeadSize") ?? 128,
  };
}

function moeOf(fields: Fields, architecture: string, config: Configuration, layers: number): MoeFacts | undefined {
  const experts = fields.get("experts");
  if (!experts || experts <= 1) return undefined;
  const step = config.interleave_moe_layer_step;
  const llama4 = architecture.startsWith("Llama4");
  return {
    experts,
    expertsPerToken: fields.need("expertsPerToken"),
    sharedExperts: fields.get("sharedExperts") ?? (llama4 ? 1 : 0),
    intermediateSize: fields.get("expertSize") || fields.need("intermediateSize"),
    denseLayers:
      fields.get("denseLayers") ?? (typeof step === "number" && step > 1 ? layers - Math.floor(layers / step) : 0),
  };
}

function contextOf(fields: Fields, config: Configuration): number | undefined {
  const named = fields.get("context");
  const scaling = (config.rope_scaling ?? config.rope_parameters) as Configuration | null | undefined;
  if (typeof scaling !== "object" || scaling === null) return named ?? windowTokens(config);
  const kind = scaling.rope_type ?? scaling.type;
  const { factor, original_max_position_embeddings: original } = scaling;
  // Only YaRN's factor is not already in the configured length.
  if (kind !== "yarn" || typeof factor !== "number") return named ?? windowTokens(config);
  const stretched = (typeof original === "number" ? original : (named ?? 0)) * factor;
  return Math.max(named ?? 0, Math.floor(stretched)) || undefined;
}

function windowTokens(config: Configuration): number | undefined {
  return typeof config.sliding_window === "number" ? config.sliding_window : undefined;
}

function windowOf(architecture: string, config: Configuration, layers: number): ModelFacts["slidingWindow"] {
  const tokens = config.sliding_window ?? config.attention_chunk_size;
  if (typeof tokens !== "number" || tokens <= 0 || config.use_sliding_window === false) return undefined;
  const kinds = config.layer_types;
  if (Array.isArray(kinds)) {
    const windowed = kinds.filter((kind) => kind === "sliding_attention" || kind === "chunked_attention").length;
    return windowed > 0 ? { tokens, layers: windowed } : undefined;
  }
  if (architecture.startsWith("GptOss") || architecture.startsWith("Gemma2") || architecture.startsWith("Llama4")) {
    return { tokens, layers: Math.floor(layers / GPT_OSS_WINDOW_SHARE) };
  }
  const pattern = config.sliding_window_pattern;
  if (typeof pattern === "number" && pattern > 1) return { tokens, layers: layers - Math.floor(layers / pattern) };
  const context = config.max_position_embeddings;
  // A window as long as the context is none.
  if (typeof context === "number" && tokens >= context) return undefined;
  return /^Mistral/.test(architecture) ? { tokens, layers } : undefined;
}
