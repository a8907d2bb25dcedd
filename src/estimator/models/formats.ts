import type { Configuration } from "./fields.ts";
import type { CheckpointFormats } from "./types.ts";

/** Formats of a checkpoint whose configuration says nothing of quantisation. */
const PLAIN: CheckpointFormats = { gemm: "bfloat16", moe: "bfloat16" };

/** Experts alone are stored in it. */
const MXFP4: CheckpointFormats = { gemm: "bfloat16", moe: "w4a16_mxfp4" };

/** `quant_method` or `quant_algo` to the formats of dense layers and of experts. Those in FP8 are told apart below. */
const METHODS: Readonly<Record<string, CheckpointFormats>> = {
  nvfp4: { gemm: "nvfp4", moe: "nvfp4" },
  fp4: { gemm: "nvfp4", moe: "nvfp4" },
  mxfp4: MXFP4,
  awq: { gemm: "int4_wo", moe: "int4_wo" },
  w4a16: { gemm: "int4_wo", moe: "int4_wo" },
  w4a8_awq: { gemm: "int4_wo", moe: "w4afp8" },
};

/**
 * What a checkpoint is stored in, by its `quantization_config` (transformers, compressed-tensors, ModelOpt) and `hf_quant_config.json`
 * (ModelOpt). FP8 with blocks, with one scale a tensor, and with fixed activation scales are three formats: their kernels differ.
 */
export function formatsOf(config: Configuration): CheckpointFormats {
  const quantization = record(config.quantization_config);
  const modelOpt = record(record(config.hf_quant_config).quantization);
  const method = lower(modelOpt.quant_algo ?? quantization.quant_algo ?? quantization.quant_method);
  const found = weightFormats(method, quantization);
  const cache = cacheFormat(modelOpt, quantization);
  return { ...found, ...(cache === undefined ? {} : { kvcache: cache }) };
}

function weightFormats(method: string, quantization: Configuration): CheckpointFormats {
  const block = blockOf(quantization);
  if (method === "" || method === "none") return PLAIN;
  if (method === "fp8" || method === "fbgemm_fp8") return narrow(block, isDynamic(quantization));
  if (method === "fp8_pb_wo" || method === "fp8_block_scales") return narrow(block ?? 128, true);
  if (method === "compressed-tensors") return compressed(quantization, block);
  if (method === "gptq" || method === "autoround" || method === "auto-round" || method === "bitsandbytes") {
    return whole(quantization.bits === 8 || quantization.load_in_8bit === true ? "int8_wo" : "int4_wo");
  }
  if (method === "mixed_precision") return mixed(quantization);
  return METHODS[method] ?? PLAIN;
}

const whole = (format: string): CheckpointFormats => ({ gemm: format, moe: format });

function narrow(block: number | undefined, dynamic: boolean): CheckpointFormats {
  if (block !== undefined) return { ...whole("fp8_block"), block };
  // Who quantises activations on the fly says so.
  return { gemm: dynamic ? "fp8" : "fp8_static", moe: "fp8" };
}

function compressed(quantization: Configuration, block: number | undefined): CheckpointFormats {
  const group = Object.values(record(quantization.config_groups))
    .map(record)
    .find(({ weights }) => weights);
  const weights = record(group?.weights);
  const bits = weights.num_bits;
  const float = lower(weights.type).includes("float");
  const ignored = JSON.stringify(quantization.ignore ?? []).toLowerCase();
  let format: CheckpointFormats = PLAIN;
  if (bits === 4) format = !float ? whole("int4_wo") : weights.group_size === 32 ? MXFP4 : whole("nvfp4");
  else if (bits === 8 && !float) format = whole("int8_wo");
  else if (bits === 8) {
    const shape = weights.block_structure;
    const ofWeights = Array.isArray(shape) ? Math.max(...shape.filter((n) => typeof n === "number")) : block;
    format = narrow(lower(weights.strategy) === "block" ? (ofWeights ?? 128) : undefined, isDynamic(quantization));
  }
  // Experts alone are often all that is quantised.
  return ignored.includes("self_attn") ? { ...format, gemm: "bfloat16" } : format;
}

function mixed(quantization: Configuration): CheckpointFormats {
  const text = JSON.stringify(quantization).toLowerCase();
  const experts = text.includes("nvfp4") ? "nvfp4" : text.includes("mxfp4") ? "w4a16_mxfp4" : "fp8";
  const block = blockOf(quantization);
  return { ...narrow(block, isDynamic(quantization)), moe: experts };
}

function blockOf(quantization: Configuration): number | undefined {
  const size = quantization.weight_block_size;
  if (!Array.isArray(size)) return undefined;
  const numbers = size.filter((n): n is number => typeof n === "number");
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function isDynamic(quantization: Configuration): boolean {
  const scheme = lower(quantization.activation_scheme);
  if (scheme !== "") return scheme === "dynamic";
  return Object.values(record(quantization.config_groups)).some(
    (group) => record(record(group).input_activations).dynamic === true,
  );
}

function cacheFormat(modelOpt: Configuration, quantization: Configuration): string | undefined {
  const scheme = quantization.kv_cache_scheme;
  const named = modelOpt.kv_cache_quant_algo ?? quantization.kv_cache_quant_algo ?? quantization.kv_cache_dtype;
  if (named !== undefined && named !== null) return lower(named).startsWith("fp8") ? "fp8" : "bfloat16";
  if (typeof scheme === "string") return lower(scheme) === "fp8" ? "fp8" : "bfloat16";
  const bits = record(scheme).num_bits;
  return typeof bits === "number" ? (bits <= 8 ? "fp8" : "bfloat16") : undefined;
}

function record(value: unknown): Configuration {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Configuration) : {};
}

function lower(value: unknown): string {
  return value === undefined || value === null ? "" : String(value).trim().toLowerCase();
}
