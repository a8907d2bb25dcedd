import { z } from "zod";

/** Recorded reals may be written as "NaN". */
const real = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);
const reals = z.array(real);

export const profileFile = z.object({
  name: z.string(),
  tp: z.number().optional(),
  prefill: z.object({ prefill_isl: reals, prefill_ttft: reals, prefill_thpt_per_gpu: reals }),
  decode: z.object({
    x_kv_usage: reals,
    y_context_length: reals,
    z_itl: reals,
    z_thpt_per_gpu: reals,
    max_kv_tokens: z.union([z.number(), z.array(z.number()).min(1)]),
  }),
});

export const interpFile = z.object({
  profile: z.string(),
  prefill: z.array(z.object({ isl: real, ttft_ms: real, thpt_per_gpu: real })),
  decode: z.array(z.object({ concurrency: real, context_length: real, itl_ms: real, thpt_per_gpu: real })),
  find_best: z.array(
    z.object({ itl_ms: real, context_length: real, thpt_per_gpu: real, actual_itl_ms: real, kv_usage: real }),
  ),
});

export const gridFile = z.object({
  profile: z.string(),
  x: reals,
  y: reals,
  itl_ms: z.array(reals),
  thpt_per_gpu: z.array(reals),
});

const plannerConfig = z.object({
  adjustment_interval: z.number(),
  prefill_engine_num_gpu: z.number(),
  decode_engine_num_gpu: z.number(),
  min_endpoint: z.number(),
  max_gpu_budget: z.number(),
  itl: z.number(),
  ttft: z.number(),
  no_correction: z.boolean().optional(),
  load_predictor: z.string().optional(),
  load_prediction_window_size: z.number().optional(),
});
export type RecordedPlannerConfig = z.output<typeof plannerConfig>;

export const replicaFile = z.object({
  cases: z.array(
    z.object({
      id: z.union([z.number(), z.string()]),
      profile: z.string(),
      config: plannerConfig,
      load: z.object({ next_num_req: real, next_isl: real, next_osl: real }),
      correction: z.object({ p_correction_factor: real, d_correction_factor: real }),
      expected: z.object({
        prefill: z.number().nullable(),
        decode: z.number().nullable(),
        error: z.string().nullable(),
      }),
    }),
  ),
});

const target = z.object({ replicas: z.number() });
export const sequenceFile = z.object({
  sequences: z.array(
    z.object({
      id: z.union([z.number(), z.string()]),
      profile: z.string(),
      config: plannerConfig,
      steps: z.array(
        z.object({
          observed: z.object({
            ttft_s: real,
            itl_s: real,
            num_req: real,
            request_duration_s: real,
            isl: real,
            osl: real,
          }),
          workers: z.object({ prefill: z.number(), decode: z.number() }),
          p_correction_factor: real,
          d_correction_factor: real,
          target: z.object({ prefill: target, decode: target }).nullable(),
          error: z.string().nullable(),
        }),
      ),
    }),
  ),
});
export type RecordedSequence = z.output<typeof sequenceFile>["sequences"][number];

export const dryRunFile = z.object({
  profile: z.string(),
  runs: z.array(
    z.object({
      dataset: z.string(),
      predictor: z.string(),
      config: plannerConfig.extend({ start_num_p: z.number(), start_num_d: z.number() }),
      metrics: z.array(
        z.object({ interval_start: z.number(), request_count: z.number(), avg_isl: z.number(), avg_osl: z.number() }),
      ),
      out: z.object({
        time: reals,
        rr: reals,
        est_rr: reals,
        isl: reals,
        est_isl: reals,
        osl: reals,
        est_osl: reals,
        num_p: reals,
        p_thpt: reals,
        safe_p_thpt: reals,
        num_d: reals,
        d_thpt: reals,
        safe_d_thpt: reals,
      }),
    }),
  ),
});
export type RecordedDryRun = z.output<typeof dryRunFile>["runs"][number];

export const predictorFile = z.object({
  source: z.string(),
  series: z.record(z.string(), reals),
  predictions: z.record(z.string(), z.record(z.string(), z.object({ predictions: reals }))),
});

/** What a file holds, told by its content. */
export type CaseKind = "interp" | "grid" | "replica" | "sequence" | "dryrun" | "predictor" | "profile" | "other";

export function kindOf(value: unknown): CaseKind {
  if (typeof value !== "object" || value === null) return "other";
  const has = (...keys: string[]) => keys.every((key) => key in value);
  if (has("find_best", "prefill", "decode", "profile")) return "interp";
  if (has("itl_ms", "thpt_per_gpu", "x", "y", "profile")) return "grid";
  if (has("sequences")) return "sequence";
  if (has("runs", "profile")) return "dryrun";
  if (has("series", "predictions", "source")) return "predictor";
  if (has("prefill", "decode", "name") && !has("cases")) return "profile";
  if ("cases" in value && Array.isArray(value.cases)) {
    const first: unknown = value.cases[0];
    const isReplica = (entry: object) => ["load", "correction", "expected"].every((key) => key in entry);
    if (typeof first === "object" && first !== null && isReplica(first)) return "replica";
  }
  return "other";
}
