import { z } from "zod";

const maybe = z.number().nullable();
const pair = z.tuple([maybe, maybe]);

/** Time of a pass, ms: a + b × prompt tokens + c × sequences + d × KV tokens. */
const linearModel = z.object({ a: z.number(), b: z.number(), c: z.number(), d: z.number() });
export type RecordedLinearModel = z.output<typeof linearModel>;

const pairClampInput = z.object({
  num_p: z.number(),
  num_d: z.number(),
  p_gpu: z.number(),
  d_gpu: z.number(),
  min_gpus: z.number(),
  max_gpus: z.number(),
  prefill_min_endpoint: z.number(),
  decode_min_endpoint: maybe,
});
const singleClampInput = z.object({
  desired: z.number(),
  engine_gpu: z.number(),
  min_gpus: z.number(),
  max_gpus: z.number(),
  min_endpoint: z.number(),
});
const powerInput = z.object({
  proposed_p: maybe,
  proposed_d: maybe,
  current_p: maybe,
  current_d: maybe,
  p_watts: maybe,
  d_watts: maybe,
  total_budget: z.number(),
  prefill_min_endpoint: z.number(),
  decode_min_endpoint: maybe,
});
const refusal = z.object({ error: z.string() });

export const budgetFile = z.object({
  proportional_clamp_pair: z
    .array(z.object({ in: pairClampInput, out: z.tuple([z.number(), z.number()]) }))
    .default([]),
  proportional_clamp_single: z.array(z.object({ in: singleClampInput, out: z.number() })).default([]),
  apply_power_budget: z
    .array(
      z.union([
        z.object({ in: powerInput, out: z.tuple([maybe, maybe, z.string().nullable()]) }),
        refusal.extend({ in: powerInput }),
      ]),
    )
    .default([]),
});
export type RecordedBudgets = z.output<typeof budgetFile>;

const role = z.enum(["prefill", "decode"]);
export const mergeFile = z.object({
  cases: z.array(
    z.object({
      plugins: z.array(
        z.object({
          plugin_id: z.string(),
          priority: z.number(),
          kind: z.enum(["accept", "override", "reject"]),
          final: z.boolean(),
          targets: z
            .array(
              z.object({
                sub_component_type: role,
                replicas: maybe,
                type: z.enum(["SET", "AT_LEAST", "AT_MOST"]),
              }),
            )
            .nullable(),
        }),
      ),
      baseline: z.partialRecord(role, z.number()),
      set_allowed: z.boolean(),
      out: z.object({
        short_circuited: z.boolean(),
        targets: z.array(z.tuple([role, maybe])).nullable(),
        used_final_from: z.string(),
        set_dropped: z.array(role),
        clamped: z.array(z.tuple([role, z.enum(["floor", "ceiling"]), z.string()])),
      }),
    }),
  ),
});
export type RecordedMerge = z.output<typeof mergeFile>["cases"][number];

export const capacityFile = z.object({
  linear_model_ms: linearModel,
  cases: z.array(
    z.object({
      worker_type: z.enum(["prefill", "decode", "aggregated"]),
      limits: z.object({ max_num_batched_tokens: z.number(), max_num_seqs: z.number(), max_kv_tokens: z.number() }),
      attention_dp_size: z.number(),
      request: z.object({
        isl: z.number(),
        osl: z.number(),
        ttft_sla_s: maybe,
        itl_sla_s: maybe,
        e2e_latency_sla_s: maybe,
        accept_length: z.number(),
        kv_hit_rate: maybe,
      }),
      optimization_target: z.enum(["throughput", "latency"]),
      out: z
        .object({ rps: z.number(), ttft_s: maybe, itl_s: maybe, e2e_latency_s: maybe, eligible: z.boolean() })
        .nullable(),
    }),
  ),
});
export type RecordedCapacity = z.output<typeof capacityFile>["cases"][number];

export const regressionFile = z.object({
  cases: z.array(
    z.object({
      kind: z.enum(["prefill", "decode", "agg"]),
      max_num_fpm_samples: z.number(),
      bucket_count: z.number(),
      min_observations: z.number(),
      observations: z.array(
        z.object({
          wt: z.number(),
          pt: z.number().default(0),
          npf: z.number().default(0),
          nd: z.number().default(0),
          dk: z.number().default(0),
        }),
      ),
      out: z.object({
        num_observations: z.number(),
        sufficient: z.boolean(),
        fitted: z.boolean(),
        coef: z.array(z.number()).optional(),
        intercept: z.number().optional(),
        kept_sorted: z.array(z.array(z.number())).optional(),
      }),
      queries: z.array(
        z.object({
          fn: z.string(),
          in: z.record(z.string(), maybe),
          out: z.union([z.number(), z.array(z.number()), z.null()]),
        }),
      ),
    }),
  ),
});
export type RecordedRegression = z.output<typeof regressionFile>["cases"][number];

const capabilities = z
  .object({
    num_gpu: z.number(),
    max_num_batched_tokens: z.number(),
    max_num_seqs: z.number(),
    context_length: z.number().optional(),
    max_kv_tokens: z.number(),
  })
  .nullable();
export type RecordedCapabilities = z.output<typeof capabilities>;

const scalingConfig = z.object({
  mode: z.enum(["disagg", "prefill", "decode", "agg"]),
  optimization_target: z.enum(["throughput", "latency", "load", "sla"]),
  max_gpu_budget: z.number(),
  min_gpu_budget: z.number(),
  min_endpoint: z.number(),
  ttft_ms: z.number(),
  itl_ms: z.number(),
  load_scaling_down_sensitivity: z.number().default(80),
  enable_load_scaling: z.boolean(),
  enable_throughput_scaling: z.boolean(),
  prefill_scale_up_queue_tokens: z.number().optional(),
  prefill_scale_down_queue_tokens: z.number().optional(),
  decode_scale_up_kv_rate: z.number().optional(),
  decode_scale_down_kv_rate: z.number().optional(),
});
export type RecordedScalingConfig = z.output<typeof scalingConfig>;

const traffic = z.object({
  duration_s: z.number(),
  num_req: z.number(),
  isl: z.number(),
  osl: z.number(),
  kv_hit_rate: maybe,
});
export type RecordedTraffic = z.output<typeof traffic>;

const common = { config: scalingConfig, prefill_caps: capabilities, decode_caps: capabilities };

export const throughputFile = z.object({
  linear_model_ms: linearModel,
  cases: z.array(
    z.object({
      ...common,
      predicted_traffic: traffic,
      out: z.object({ decision: pair.nullable(), reason: z.string(), engine_rps: pair }),
    }),
  ),
});
export type RecordedThroughput = z.output<typeof throughputFile>["cases"][number];

const pass = z.object({
  wt: z.number(),
  pt: z.number(),
  npf: z.number(),
  dk: z.number(),
  nd: z.number(),
  qp: z.number(),
  nqp: z.number(),
  qd: z.number(),
  nqd: z.number(),
});
export type RecordedPasses = Record<string, z.output<typeof pass>> | null;
const passes = z.record(z.string().regex(/^.+\/\d+$/), pass).nullable();

export const loadFile = z.object({
  linear_model_ms: linearModel,
  cases: z.array(
    z.object({
      ...common,
      workers: z.object({
        ready_p: z.number(),
        ready_d: z.number(),
        expected_p: z.number(),
        expected_d: z.number(),
      }),
      fpm: z.object({ prefill: passes, decode: passes }),
      predicted_traffic: traffic.nullable(),
      out: z.object({
        throughput_decision: pair.nullable(),
        load_decision: pair.nullable(),
        lower_bounds: z.tuple([z.number(), z.number()]),
        load_reason: z.string().nullable(),
        load_reason_prefill: z.string().nullable(),
        load_reason_decode: z.string().nullable(),
        throughput_reason: z.string().nullable(),
        estimated_ttft_ms: maybe,
        estimated_itl_ms: maybe,
        engine_rps: pair,
      }),
    }),
  ),
});
export type RecordedLoad = z.output<typeof loadFile>["cases"][number];

export const mockerTableFile = z.object({
  resolution: z.int().min(2),
  prefill_isl: z.array(z.number()),
  prefill_ttft_ms: z.array(z.number()),
  decode_active_kv_tokens: z.array(z.number()),
  decode_context_length: z.array(z.number()),
  decode_itl: z.array(z.array(z.number())),
  /** Places of these values on each axis of the whole table. */
  indices: z.array(z.int().min(0)),
});
export type RecordedMockerTable = z.output<typeof mockerTableFile>;
