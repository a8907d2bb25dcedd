import { z } from "zod";

const text = z.string().min(1);
const count = z.int().min(1);

/** Parallelism of one engine, as a profiler's pick names it. */
const pickSchema = z.looseObject({
  tp: count.default(1).describe("Tensor parallelism"),
  pp: count.default(1).describe("Pipeline parallelism"),
  dp: count.default(1).describe("Attention data parallelism"),
  moe_tp: count.default(1).describe("Tensor parallelism of the experts"),
  moe_ep: count.default(1).describe("Expert parallelism"),
});

const engine = {
  hf_id: text.describe("Model by its Hugging Face id"),
  system: text.describe("GPU, such as `h200_sxm`"),
  backend: text.describe("Backend that is played"),
  backend_version: text.nullable().optional().describe("Its version; absent: the newest known"),
  prefill_pick: pickSchema.nullable().optional().describe("Parallelism of a prefill worker"),
  decode_pick: pickSchema.nullable().optional().describe("Parallelism of a decode or aggregated worker"),
};

/** `aic_interpolation`: points that the estimator samples in place of a measured profile. Further keys are kept. */
export const aicInterpolationSchema = z.looseObject(engine).partial();

/** `aic_perf_model`: the estimator asked for single forward passes. */
export const aicPerfModelSchema = z.strictObject({
  ...engine,
  model_arch: text.nullable().optional().describe("Architecture, where the model's own is not read"),
  weight_dtype: text.nullable().optional().describe("Number format of the weights"),
  moe_dtype: text.nullable().optional().describe("Number format of the experts"),
  activation_dtype: text.nullable().optional().describe("Number format of the activations"),
  kv_cache_dtype: text.nullable().optional().describe("Number format of the KV cache"),
});
