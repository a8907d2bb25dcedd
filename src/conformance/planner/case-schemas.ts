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
export type CaseKind =
  | "interp"
  | "grid"
  | "replica"
  | "sequence"
  | "dryrun"
  | "predictor"
  | "budget"
  | "merge"
  | "regression"
  | "capacity"
  | "load"
  | "throughput"
  | "mocker-table"
  | "profile"
  | "other";

/** Keys that tell a file of one kind; a more special kind comes before. */
const FILE_KEYS: [CaseKind, string[]][] = [
  ["interp", ["find_best", "prefill", "decode", "profile"]],
  ["grid", ["itl_ms", "thpt_per_gpu", "x", "y", "profile"]],
  ["sequence", ["sequences"]],
  ["dryrun", ["runs", "profile"]],
  ["predictor", ["series", "predictions", "source"]],
  ["budget", ["proportional_clamp_pair"]],
  ["budget", ["proportional_clamp_single"]],
  ["budget", ["apply_power_budget"]],
  ["mocker-table", ["decode_active_kv_tokens", "decode_itl", "indices"]],
];

/** Keys of the first of its `cases`. */
const CASE_KEYS: [CaseKind, string[]][] = [
  ["replica", ["load", "correction", "expected"]],
  ["merge", ["plugins", "baseline", "set_allowed"]],
  ["regression", ["kind", "observations", "queries"]],
  ["capacity", ["worker_type", "limits", "request"]],
  ["load", ["config", "workers", "fpm"]],
  ["throughput", ["config", "predicted_traffic", "decode_caps"]],
];

export function kindOf(value: unknown): CaseKind {
  if (typeof value !== "object" || value === null) return "other";
  const whole = kindByKeys(FILE_KEYS, value);
  if (whole !== null) return whole;
  if (!("cases" in value)) return kindByKeys([["profile", ["prefill", "decode", "name"]]], value) ?? "other";
  const first: unknown = Array.isArray(value.cases) ? value.cases[0] : null;
  return typeof first === "object" && first !== null ? (kindByKeys(CASE_KEYS, first) ?? "other") : "other";
}

function kindByKeys(known: readonly [CaseKind, string[]][], value: object): CaseKind | null {
  return known.find(([, keys]) => keys.every((key) => key in value))?.[0] ?? null;
}
