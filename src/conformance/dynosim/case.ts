import { readFileSync } from "node:fs";
import { z } from "zod";
import { ENGINE_FAMILIES, MOST_DRAFT_TOKENS } from "#mocker/engine";
import { QUEUE_POLICIES } from "#mocker/router";
import { conformanceUnreadable, dynosimBadCase } from "./errors.ts";

const KNOWN_TIMINGS = ["polynomial", "fixed", "external"];

/** Models that are not known here are kept by name, for the reason why the case is skipped. */
const timingModel = z.union([
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("polynomial") }),
    z.object({ type: z.literal("fixed"), prefill_ms: z.number(), decode_ms: z.number() }),
    z.object({ type: z.literal("external"), provider: z.string(), config: z.record(z.string(), z.unknown()) }),
  ]),
  z
    .object({ type: z.string().refine((type) => !KNOWN_TIMINGS.includes(type)) })
    .transform(({ type }) => ({ type: "other" as const, name: type })),
]);

/** One engine's arguments as DynoSim 1.6.1 normalises them; names are the file's. */
const engineArguments = z.object({
  backend: z.enum(ENGINE_FAMILIES).default("vllm"),
  num_gpu_blocks: z.number().int().positive().default(16384),
  block_size: z.number().int().positive().default(64),
  max_model_len: z.number().int().positive().nullable().default(null),
  max_num_seqs: z.number().int().positive().default(256),
  max_num_batched_tokens: z.number().int().positive().default(8192),
  prefill_schedule_interval: z.number().int().positive().default(1),
  prefill_decode_interval: z.number().int().min(0).default(0),
  enable_prefix_caching: z.boolean().default(true),
  enable_chunked_prefill: z.boolean().default(true),
  speedup_ratio: z.number().default(1),
  decode_speedup_ratio: z.number().default(1),
  aic_nextn: z.number().int().min(1).max(MOST_DRAFT_TOKENS).nullable().default(null),
  /** Comma-separated. */
  aic_nextn_accept_rates: z.string().nullable().default(null),
  aic_mtp_seed: z.number().int().min(0).default(42),
  worker_type: z.enum(["aggregated", "prefill", "decode"]).default("aggregated"),
  preemption_mode: z.enum(["lifo", "fifo"]).default("lifo"),
  kv_transfer_bytes_per_token: z.number().nullable().default(null),
  kv_transfer_bandwidth: z.number().nullable().default(null),
  kv_transfer_timing_mode: z.enum(["full_prompt", "destination_missing"]).default("full_prompt"),
  timing_model: timingModel.default({ type: "polynomial" }),
  sglang: z
    .object({
      schedule_policy: z.enum(["fifo", "lpm"]).default("fifo"),
      max_prefill_tokens: z.number().int().positive().default(16384),
      chunked_prefill_size: z.number().int().positive().default(8192),
      clip_max_new_tokens: z.number().int().positive().default(4096),
      schedule_conservativeness: z.number().positive().default(1),
    })
    .nullish(),
});

const workerArguments = z.object({
  engine: engineArguments.default(() => engineArguments.parse({})),
  dp_size: z.number().int().positive().default(1),
  tensor_parallel_size: z.number().int().positive().default(1),
  /** s */
  startup_time: z.number().min(0).nullish(),
});

const admission = z.object({
  pool: z.enum(["agg", "prefill", "decode"]),
  at_ms: z.number(),
  reused_input_tokens: z.number(),
  is_readmission: z.boolean(),
});

/** Blocks of the prompt that a KV router found cached; null: another router. */
const routed = z.object({
  pool: z.enum(["agg", "prefill", "decode"]),
  selected_overlap_blocks: z.number().nullable(),
  best_available_overlap_blocks: z.number().nullable(),
  /** Of a request that waited in the router. */
  released_at_ms: z.number().nullable().default(null),
});

const time = z.number().nullable();
const requestRecord = z.object({
  session_id: z.string().nullable(),
  turn_index: z.number().nullable(),
  uuid: z.string(),
  arrival_time_ms: z.number(),
  first_admit_ms: time,
  terminal_time_ms: time,
  first_token_ms: time,
  last_token_ms: time,
  ttft_ms: time,
  ttst_ms: time,
  e2e_latency_ms: time,
  itl_ms: time,
  input_length: z.number(),
  requested_output_length: z.number(),
  output_length: z.number(),
  reused_input_tokens: z.number(),
  prefill_worker_idx: z.number().nullable(),
  decode_worker_idx: z.number().nullable(),
  prefill_admit_ms: time,
  source_held_ms: time,
  destination_reserved_ms: time,
  destination_activated_ms: time,
  decode_admit_ms: time,
  source_released_ms: time,
  decode_reused_input_tokens: z.number().nullable(),
  routing_history: z.array(routed).default([]),
  admission_history: z.array(admission),
  admission_count: z.number(),
  readmission_count: z.number(),
  terminal_status: z.string(),
});

/** Of the KV router, as the arguments of DynoSim's `KvRouterConfig` name it; what is left out has its default. */
const routerConfig = z.looseObject({
  overlap_score_credit: z.number().nullish(),
  overlap_score_credit_decay: z.number().nullish(),
  prefill_load_scale: z.number().nullish(),
  router_track_active_blocks: z.boolean().nullish(),
  router_track_prefill_tokens: z.boolean().nullish(),
  router_assume_kv_reuse: z.boolean().nullish(),
  decode_active_request_weight: z.number().nullish(),
  router_queue_threshold: z.number().nullish(),
  router_queue_policy: z.enum(QUEUE_POLICIES).nullish(),
});

/** Arguments by position and by keyword, in one map. */
const callArguments = z.looseObject({
  trace_files: z.union([z.string(), z.tuple([z.string()]).transform(([file]) => file)]).optional(),
  input_tokens: z.number().int().positive().optional(),
  output_tokens: z.number().int().positive().optional(),
  request_count: z.number().int().positive().optional(),
  num_workers: z.number().int().positive().nullish(),
  num_prefill_workers: z.number().int().positive().nullish(),
  num_decode_workers: z.number().int().positive().nullish(),
  router_mode: z.string().nullish(),
  router_config: routerConfig.nullish(),
  replay_mode: z.string().nullish(),
  trace_format: z.string().nullish(),
  trace_block_size: z.number().int().positive().nullish(),
  replay_concurrency: z.number().int().positive().nullish(),
  arrival_speedup_ratio: z.number().positive().nullish(),
  arrival_interval_ms: z.number().nonnegative().nullish(),
  request_rate: z.number().positive().nullish(),
  arrival_seed: z.number().int().nonnegative().nullish(),
  turns_per_session: z.number().int().positive().nullish(),
  inter_turn_delay_ms: z.number().nonnegative().nullish(),
  shared_prefix_ratio: z.number().min(0).max(1).nullish(),
  num_prefix_groups: z.number().int().nonnegative().nullish(),
  kv_event_lag_ms: z.number().nonnegative().nullish(),
  max_sim_time_ms: z.number().nullish(),
  agentic_lanes: z.number().int().nullish(),
  planner_config: z.unknown().optional(),
  sla_ttft_ms: z.number().nullish(),
  sla_itl_ms: z.number().nullish(),
  sla_e2e_ms: z.number().nullish(),
});

const passMetrics = z.object({
  scheduled_requests: z.object({
    num_prefill_requests: z.number(),
    sum_prefill_tokens: z.number(),
    sum_prefill_kv_tokens: z.number(),
    num_decode_requests: z.number(),
    sum_decode_kv_tokens: z.number(),
  }),
  queued_requests: z.object({
    num_prefill_requests: z.number(),
    sum_prefill_tokens: z.number(),
    num_decode_requests: z.number(),
    sum_decode_kv_tokens: z.number(),
  }),
});
const passes = z.array(z.object({ worker_id: z.string(), metrics: passMetrics })).nullable();
const plannerTick = z.object({
  at_ms: z.number(),
  input: z.object({
    fpm_observations: z.object({ prefill: passes.default(null), decode: passes.default(null) }).nullable(),
  }),
  effects: z.object({
    scale_to: z.object({ num_prefill: z.number().nullable(), num_decode: z.number().nullable() }).nullable(),
    diagnostics: z.object({ load_decision_reason: z.string().nullable() }),
  }),
});
export type DynosimTick = z.output<typeof plannerTick>;

const caseFile = z.object({
  name: z.string(),
  call: z.object({
    api: z.string().optional(),
    args: z.record(z.string(), z.unknown()),
    kwargs: z.record(z.string(), z.unknown()).default({}),
  }),
  normalized_engine_args: z.record(z.string(), workerArguments),
  summary: z.record(z.string(), z.unknown()),
  per_request: z.array(requestRecord),
  planner: z.object({ ticks: z.array(plannerTick) }).nullish(),
});

export type WorkerArguments = z.infer<typeof workerArguments>;
/** What DynoSim reports about one request; names are the file's, times ms from the start of the run. */
export type DynosimRecord = z.infer<typeof requestRecord>;
export type DynosimAdmission = z.infer<typeof admission>;
export type CallArguments = z.infer<typeof callArguments>;

/** One recorded run of DynoSim. */
export interface DynosimCase {
  name: string;
  file: string;
  arguments: CallArguments;
  prefill: WorkerArguments | null;
  /** The one pool of an aggregated run. */
  decode: WorkerArguments;
  summary: Record<string, unknown>;
  records: DynosimRecord[];
  /** Ticks of the planner in the loop; null without one. */
  ticks: DynosimTick[] | null;
}

/** Whether a parsed JSON value is a recorded run: judged by its content, never by its name. */
export function isDynosimCase(value: unknown): boolean {
  const shape = z.looseObject({
    call: z.looseObject({ args: z.looseObject({}) }),
    normalized_engine_args: z.looseObject({}),
    summary: z.looseObject({}),
    per_request: z.array(z.unknown()),
  });
  return shape.safeParse(value).success;
}

/** Reads a case file. @throws UserError CONFORMANCE_UNREADABLE, CONFORMANCE_DYNOSIM_BAD_CASE */
export function readDynosimCase(file: string): DynosimCase {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw conformanceUnreadable(file, error);
  }
  return parseDynosimCase(value, file);
}

/** Checks a parsed case. @throws UserError CONFORMANCE_DYNOSIM_BAD_CASE */
export function parseDynosimCase(value: unknown, file: string): DynosimCase {
  const parsed = caseFile.safeParse(value);
  if (!parsed.success) throw dynosimBadCase(file, parsed.error);
  const { name, call, normalized_engine_args: engines, summary, per_request: records, planner } = parsed.data;
  const given = callArguments.safeParse({ ...call.args, ...call.kwargs });
  if (!given.success) throw dynosimBadCase(file, given.error, "call");
  const prefill = engines.prefill_engine_args ?? null;
  const decode = engines.decode_engine_args ?? engines.extra_engine_args ?? engines.default;
  if (decode === undefined || (prefill === null) !== (engines.decode_engine_args === undefined)) {
    throw dynosimBadCase(file, "found neither one set of engine arguments nor a prefill and a decode one");
  }
  return { name, file, arguments: given.data, prefill, decode, summary, records, ticks: planner?.ticks ?? null };
}
