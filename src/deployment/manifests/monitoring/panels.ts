/** One query of a panel. */
export interface Query {
  expr: string;
  legend: string;
}

export interface Panel {
  title: string;
  /** What one reads off it, in a sentence. */
  what: string;
  /** A number, lines, or stacked bars. */
  kind: "stat" | "lines" | "bars";
  /** Of Grafana's: `s`, `ms`, `reqps`, `percentunit`, `short`, `bytes` … */
  unit: string;
  queries: readonly Query[];
  max?: number;
  decimals?: number;
}

export interface Row {
  title: string;
  panels: readonly Panel[];
}

/** Narrowed down to what the dashboard's variables name. */
const HERE = 'namespace=~"$namespace",deployment=~"$deployment"';
const WINDOW = "[$__rate_interval]";

const series = (name: string, labels = "") => `${name}{${HERE}${labels === "" ? "" : `,${labels}`}}`;
const rate = (name: string, labels = "") => `rate(${series(name, labels)}${WINDOW})`;
const sum = (name: string, by = "", labels = "") => `sum${by === "" ? "" : ` by (${by})`} (${series(name, labels)})`;
const sumRate = (name: string, by = "", labels = "") => `sum${by === "" ? "" : ` by (${by})`} (${rate(name, labels)})`;
const max = (name: string) => `max(${series(name)})`;
const query = (legend: string, expr: string): Query => ({ legend, expr });

const quantile = (q: number, histogram: string) =>
  `histogram_quantile(${q}, sum by (le) (${rate(`${histogram}_bucket`)}))`;
const quantiles = (histogram: string): Query[] =>
  [0.5, 0.9, 0.99].map((q) => query(`p${q * 100}`, quantile(q, histogram)));

const TTFT = "dynamo_frontend_time_to_first_token_seconds";
const ITL = "dynamo_frontend_inter_token_latency_seconds";
const ATTAINMENT = `${sumRate("understudy_frontend_sla_met_total")} / ${sumRate("dynamo_frontend_requests_total")}`;

const ANSWER: Row = {
  title: "Are the targets kept, and what does it cost?",
  panels: [
    {
      title: "SLA attainment",
      what: "Share of all requests that ended, failed ones included, whose TTFT and mean ITL were within the targets",
      kind: "stat",
      unit: "percentunit",
      max: 1,
      decimals: 1,
      queries: [query("attainment", ATTAINMENT)],
    },
    {
      title: "TTFT, p95",
      what: "Time to first token that 95 % of requests stay below, as the frontend sees it",
      kind: "stat",
      unit: "s",
      queries: [query("TTFT", quantile(0.95, TTFT))],
    },
    {
      title: "ITL, p95",
      what: "Inter-token latency that 95 % of tokens stay below",
      kind: "stat",
      unit: "s",
      queries: [query("ITL", quantile(0.95, ITL))],
    },
    {
      title: "Requests",
      what: "Requests that arrive",
      kind: "stat",
      unit: "reqps",
      queries: [query("requests", sumRate("dynamo_frontend_requests_started_total"))],
    },
    {
      title: "Workers ready",
      what: "Replicas that serve, as the planner counts them",
      kind: "stat",
      unit: "short",
      decimals: 0,
      queries: [
        query("prefill", max("dynamo_planner_num_prefill_replicas")),
        query("decode", max("dynamo_planner_num_decode_replicas")),
      ],
    },
    {
      title: "GPU-hours",
      what: "Of ready workers since the planner began",
      kind: "stat",
      unit: "short",
      decimals: 2,
      queries: [query("GPU-hours", max("dynamo_planner_gpu_hours"))],
    },
  ],
};

const LATENCY: Row = {
  title: "Latency, as clients see it",
  panels: [
    {
      title: "Time to first token",
      what: "Quantiles at the frontend; dashed: the planner's target",
      kind: "lines",
      unit: "s",
      queries: [...quantiles(TTFT), query("target", `${max("dynamo_planner_sla_target_ttft_ms")} / 1000`)],
    },
    {
      title: "Inter-token latency",
      what: "Quantiles over all gaps between tokens; dashed: the planner's target",
      kind: "lines",
      unit: "s",
      queries: [...quantiles(ITL), query("target", `${max("dynamo_planner_sla_target_itl_ms")} / 1000`)],
    },
    {
      title: "SLA attainment",
      what: "Share of requests within both targets, within each alone",
      kind: "lines",
      unit: "percentunit",
      max: 1,
      queries: [
        query("both", ATTAINMENT),
        query("TTFT alone", ATTAINMENT.replace("sla_met", "sla_ttft_met")),
        query("ITL alone", ATTAINMENT.replace("sla_met", "sla_itl_met")),
      ],
    },
  ],
};

const TRAFFIC: Row = {
  title: "Traffic",
  panels: [
    {
      title: "Requests, started and ended",
      what: "Arrivals against ends, by how they ended: where these part, a queue grows",
      kind: "lines",
      unit: "reqps",
      queries: [
        query("started", sumRate("dynamo_frontend_requests_started_total")),
        query("{{status}}", sumRate("dynamo_frontend_requests_total", "status")),
      ],
    },
    {
      title: "Requests under way",
      what: "In flight, without a first token, and without a worker",
      kind: "lines",
      unit: "short",
      queries: [
        query("in flight", sum("dynamo_frontend_inflight_requests")),
        query("without a first token", sum("dynamo_frontend_queued_requests")),
        query("without a worker", sum("understudy_frontend_waiting_requests")),
      ],
    },
    {
      title: "Tokens",
      what: "Prompt tokens of requests that ended, output tokens as they come",
      kind: "lines",
      unit: "short",
      queries: [
        query("input/s", sumRate("dynamo_frontend_input_sequence_tokens_sum")),
        query("output/s", sumRate("dynamo_frontend_output_tokens_total")),
      ],
    },
    {
      title: "Turned away or tried again",
      what: "Requests refused (429), given to another worker, left by their client; failures of workers",
      kind: "bars",
      unit: "reqps",
      queries: [
        query("refused", sumRate("dynamo_frontend_model_rejection_total")),
        query("given to another worker", sumRate("dynamo_frontend_model_migration_total")),
        query("left by the client", sumRate("dynamo_frontend_model_cancellation_total")),
        query("worker failures", sumRate("understudy_frontend_worker_failures_total")),
      ],
    },
  ],
};

const WORKERS: Row = {
  title: "Workers",
  panels: [
    {
      title: "KV cache in use",
      what: "Mean and highest share of the blocks, by component",
      kind: "lines",
      unit: "percentunit",
      max: 1,
      queries: [
        query("{{component}}, mean", `avg by (component) (${series("vllm:kv_cache_usage_perc")})`),
        query("{{component}}, highest", `max by (component) (${series("vllm:kv_cache_usage_perc")})`),
      ],
    },
    {
      title: "Sequences running and waiting",
      what: "In the batches, and in front of them: a queue in front of prefill is TTFT to come",
      kind: "lines",
      unit: "short",
      queries: [
        query("{{component}} running", sum("vllm:num_requests_running", "component")),
        query("{{component}} waiting", sum("vllm:num_requests_waiting", "component")),
      ],
    },
    {
      title: "Time in forward passes",
      what: "Share of its time that a worker computes, mean by component",
      kind: "lines",
      unit: "percentunit",
      max: 1,
      queries: [query("{{component}}", `avg by (component) (${rate("understudy_worker_pass_seconds_total")})`)],
    },
    {
      title: "Prompt tokens that wait",
      what: "Not yet computed, of the fullest worker and of all",
      kind: "lines",
      unit: "short",
      queries: [
        query("{{component}}, all", sum("understudy_worker_queued_prefill_tokens", "component")),
        query("{{component}}, fullest", `max by (component) (${series("understudy_worker_queued_prefill_tokens")})`),
      ],
    },
    {
      title: "Prefix cache and preemptions",
      what: "Share of prompt tokens that were cached; sequences sent back for want of blocks, per second",
      kind: "lines",
      unit: "short",
      queries: [
        query(
          "{{component}} hit rate",
          `${sumRate("vllm:prefix_cache_hits_total", "component")} / ${sumRate("vllm:prefix_cache_queries_total", "component")}`,
        ),
        query("{{component}} preemptions/s", sumRate("vllm:num_preemptions_total", "component")),
      ],
    },
    {
      title: "States, as the frontend sees them",
      what: "Workers by role and state: starting ones don't serve yet, draining ones take nothing new",
      kind: "bars",
      unit: "short",
      queries: [query("{{role}} {{state}}", `${sum("understudy_frontend_workers", "role, state")} > 0`)],
    },
  ],
};

const PLANNER: Row = {
  title: "Planner",
  panels: [
    {
      title: "Replicas, ready and decided",
      what: "Solid: ready; dashed: what the planner decided. The distance between them is start-up and draining",
      kind: "lines",
      unit: "short",
      decimals: 0,
      queries: [
        query("prefill ready", max("dynamo_planner_num_prefill_replicas")),
        query("prefill decided", max("dynamo_planner_predicted_num_prefill_replicas")),
        query("decode ready", max("dynamo_planner_num_decode_replicas")),
        query("decode decided", max("dynamo_planner_predicted_num_decode_replicas")),
      ],
    },
    {
      title: "Requests, observed and forecast",
      what: "Solid: observed; dashed: expected when the decision takes effect",
      kind: "lines",
      unit: "reqps",
      queries: [
        query("observed", max("dynamo_planner_observed_requests_per_second")),
        query("forecast", max("dynamo_planner_predicted_requests_per_second")),
      ],
    },
    {
      title: "Lengths, observed and forecast",
      what: "Mean tokens of prompts and answers",
      kind: "lines",
      unit: "short",
      queries: [
        query("ISL", max("dynamo_planner_observed_input_sequence_tokens")),
        query("ISL forecast", max("dynamo_planner_predicted_input_sequence_tokens")),
        query("OSL", max("dynamo_planner_observed_output_sequence_tokens")),
        query("OSL forecast", max("dynamo_planner_predicted_output_sequence_tokens")),
      ],
    },
    {
      title: "What came of decisions",
      what: "Ticks by outcome, per second; refused, failed and state-unknown want a look into the log",
      kind: "bars",
      unit: "short",
      queries: [query("{{status}}", `${sumRate("dynamo_planner_actions_total", "status")} > 0`)],
    },
    {
      title: "TTFT and ITL, as the planner sees them",
      what: "Mean of the last tick against the target",
      kind: "lines",
      unit: "ms",
      queries: [
        query("TTFT", max("dynamo_planner_observed_ttft_ms")),
        query("TTFT target", max("dynamo_planner_sla_target_ttft_ms")),
        query("ITL", max("dynamo_planner_observed_itl_ms")),
        query("ITL target", max("dynamo_planner_sla_target_itl_ms")),
      ],
    },
    {
      title: "Is it well?",
      what: "Who leads (1: one planner acts), what could not be observed, how long ticks take (p99)",
      kind: "lines",
      unit: "short",
      queries: [
        query("leaders", sum("dynamo_planner_is_leader")),
        query("source problems", max("dynamo_planner_source_problems")),
        query("tick duration, s", quantile(0.99, "dynamo_planner_tick_duration_seconds")),
      ],
    },
  ],
};

const MACHINE: Row = {
  title: "The mock itself",
  panels: [
    {
      title: "How late it wakes",
      what: "99 % of forward passes end no later than this: where it nears the ITL, the machine is too small for the mock to be true",
      kind: "lines",
      unit: "s",
      queries: [
        query("{{component}}", `max by (component) (${series("understudy_wake_lateness_seconds", 'q="0.99"')})`),
      ],
    },
    {
      title: "CPU",
      what: "Cores of all pods of a component",
      kind: "lines",
      unit: "short",
      queries: [query("{{component}}", sumRate("process_cpu_seconds_total", "component"))],
    },
    {
      title: "Memory",
      what: "Resident memory of all pods of a component",
      kind: "lines",
      unit: "bytes",
      queries: [query("{{component}}", sum("process_resident_memory_bytes", "component"))],
    },
  ],
};

/** The answer first, then the why, then the detail. */
export const ROWS: readonly Row[] = [ANSWER, LATENCY, PLANNER, TRAFFIC, WORKERS, MACHINE];

/** When the number of wanted replicas changed. */
export const SCALED = (["prefill", "decode"] as const).map((role) => ({
  role,
  expr: `sum(changes(${series(`dynamo_planner_predicted_num_${role}_replicas`)}${WINDOW})) > 0`,
}));
