import { type Clock, quantileSorted } from "#common";
import {
  type Counter,
  type CounterChild,
  type Gauge,
  type GaugeChild,
  type HistogramChild,
  type Registry,
  registry,
} from "#common/prometheus";
import { oneTwoFive, VLLM_ITL_SECONDS, VLLM_REQUEST_SECONDS, VLLM_TTFT_SECONDS } from "#mocker/protocol";
import type { Backend, BackendState } from "../fleet/backend.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { IslWindow } from "./isl-window.ts";

export type EndpointName = "chat_completions" | "completions" | "responses" | "embeddings";
/** Dynamo's classes of errors. */
export type ErrorType = "" | "validation" | "not_found" | "overload" | "cancelled" | "response_timeout" | "internal";

/** Model time over which prompt lengths are sampled. */
const ISL_WINDOW_MS = 30_000;
/** Equidistant quantiles of prompt lengths: 0, 1/32, …, 1. */
const ISL_QUANTILES = 32;
/** As far as vLLM builds them up for a model of a million tokens. */
const TOKEN_BUCKETS = oneTwoFive(500_000);
const BACKEND_STATES: readonly BackendState[] = ["unknown", "starting", "ready", "draining", "ejected"];

const ENDPOINT_OF_PATH: Readonly<Record<string, EndpointName>> = {
  "/v1/chat/completions": "chat_completions",
  "/v1/completions": "completions",
  "/v1/responses": "responses",
  "/v1/embeddings": "embeddings",
};

/** The metrics of one model, looked up once. */
export interface ModelMetrics {
  started: CounterChild;
  queued: GaugeChild;
  inflight: GaugeChild;
  active: GaugeChild;
  duration: HistogramChild;
  isl: HistogramChild;
  osl: HistogramChild;
  cached: HistogramChild;
  outputTokens: CounterChild;
  ttft: HistogramChild;
  itl: HistogramChild;
  finished: CounterChild;
  ttftMet: CounterChild;
  itlMet: CounterChild;
  slaMet: CounterChild;
  retries: CounterChild;
  islWindow: IslWindow;
}

/** Dynamo's names for what a frontend sees (`dynamo_frontend_…`), and what else a planner reads (`understudy_frontend_…`). */
export class FrontendMetrics {
  readonly registry: Registry;
  readonly requests: Counter;
  readonly rejections: Counter;
  readonly cancellations: Counter;
  readonly disconnected: Gauge;
  readonly #tokenize: HistogramChild;
  readonly #refused: Counter;
  readonly waiting: Gauge;
  readonly #models = new Map<string, ModelMetrics>();
  readonly #families;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    const r = registry();
    this.registry = r;
    this.#clock = clock;
    const model = ["model"];
    const dynamo = (name: string) => `dynamo_frontend_${name}`;
    const own = (name: string) => `understudy_frontend_${name}`;
    this.requests = r.counter(dynamo("requests_total"), "Requests that have ended.", [
      "model",
      "endpoint",
      "request_type",
      "status",
      "error_type",
    ]);
    this.rejections = r.counter(dynamo("model_rejection_total"), "Requests refused for want of room.", [
      "model",
      "endpoint",
    ]);
    this.cancellations = r.counter(dynamo("model_cancellation_total"), "Requests whose client left before their end.", [
      "model",
      "endpoint",
      "request_type",
    ]);
    this.disconnected = r.gauge(
      dynamo("disconnected_clients"),
      "Clients that left before their request had ended, so far.",
    );
    this.#tokenize = r
      .histogram(
        dynamo("tokenizer_latency_ms"),
        "Time to tokenize a prompt, real ms.",
        ["operation"],
        [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      )
      .labels("tokenize");
    this.#refused = r.counter(
      own("refused_requests_total"),
      "Requests refused before it was known for which model they are.",
      ["endpoint", "status"],
    );
    this.waiting = r.gauge(own("waiting_requests"), "Requests that wait for a ready worker or a free place.");
    this.#families = {
      started: r.counter(dynamo("requests_started_total"), "Requests that have come in.", model),
      queued: r.gauge(dynamo("queued_requests"), "Requests that wait for their first token.", model),
      inflight: r.gauge(dynamo("inflight_requests"), "Requests that have not ended.", model),
      active: r.gauge(dynamo("active_requests"), "The same under Dynamo's newer name.", model),
      duration: r.histogram(
        dynamo("request_duration_seconds"),
        "From arrival to the end, model time.",
        model,
        VLLM_REQUEST_SECONDS,
      ),
      isl: r.histogram(dynamo("input_sequence_tokens"), "Prompt length.", model, TOKEN_BUCKETS),
      osl: r.histogram(dynamo("output_sequence_tokens"), "Output length.", model, TOKEN_BUCKETS),
      cached: r.histogram(
        dynamo("cached_tokens"),
        "Prompt tokens found in a worker's prefix cache.",
        model,
        TOKEN_BUCKETS,
      ),
      outputTokens: r.counter(dynamo("output_tokens_total"), "Output tokens, as they come.", model),
      ttft: r.histogram(
        dynamo("time_to_first_token_seconds"),
        "From arrival to the first token, model time.",
        model,
        VLLM_TTFT_SECONDS,
      ),
      itl: r.histogram(
        dynamo("inter_token_latency_seconds"),
        "Between two tokens of a request, model time.",
        model,
        VLLM_ITL_SECONDS,
      ),
      kvBlocks: r.gauge(dynamo("model_total_kv_blocks"), "KV blocks of a worker of the model.", model),
      maxNumSeqs: r.gauge(dynamo("model_max_num_seqs"), "Sequences that a worker runs at a time.", model),
      maxBatchedTokens: r.gauge(dynamo("model_max_num_batched_tokens"), "Tokens of a pass of a worker.", model),
      contextLength: r.gauge(dynamo("model_context_length"), "Longest prompt and output; 0: unlimited.", model),
      blockSize: r.gauge(dynamo("model_kv_cache_block_size"), "Tokens of a KV block.", model),
      migrationLimit: r.gauge(
        dynamo("model_migration_limit"),
        "Times a request may be given to another worker.",
        model,
      ),
      migrations: r.counter(
        dynamo("model_migration_total"),
        "Requests given to another worker before their first token.",
        ["model", "migration_type"],
      ),
      workers: r.gauge(own("workers"), "Workers by role and state.", ["model", "role", "state"]),
      workerUp: r.gauge(own("worker_up"), "1 where the worker takes requests.", ["worker_id", "role"]),
      workerRequests: r.gauge(own("worker_requests"), "Requests on the worker.", ["worker_id", "role"]),
      workerFailures: r.counter(own("worker_failures_total"), "Times the worker could not be reached.", [
        "worker_id",
        "role",
      ]),
      islQuantile: r.gauge(own("input_sequence_tokens_quantile"), "Quantiles of the prompt lengths of the last 30 s.", [
        "model",
        "q",
      ]),
      islSamples: r.gauge(own("input_sequence_samples"), "Prompts that the quantiles are made from.", model),
      finished: r.counter(own("requests_finished_total"), "Requests that ended well.", model),
      ttftMet: r.counter(own("sla_ttft_met_total"), "Of these, with a TTFT within the SLA.", model),
      itlMet: r.counter(own("sla_itl_met_total"), "Of these, with a mean ITL within the SLA.", model),
      slaMet: r.counter(own("sla_met_total"), "Of these, with both.", model),
    };
  }

  tokenized(durationMs: number): void {
    this.#tokenize.observe(durationMs);
  }

  /** A request that ended before its model was known. */
  refused(endpoint: string, status: number): void {
    this.#refused
      .labels(ENDPOINT_OF_PATH[endpoint] ?? (endpoint.startsWith("/") ? "other" : endpoint), String(status))
      .inc();
  }

  /** Of a model that is served; never of a name that a client made up. */
  model(name: string): ModelMetrics {
    let metrics = this.#models.get(name);
    if (metrics === undefined) {
      const f = this.#families;
      metrics = {
        started: f.started.labels(name),
        queued: f.queued.labels(name),
        inflight: f.inflight.labels(name),
        active: f.active.labels(name),
        duration: f.duration.labels(name),
        isl: f.isl.labels(name),
        osl: f.osl.labels(name),
        cached: f.cached.labels(name),
        outputTokens: f.outputTokens.labels(name),
        ttft: f.ttft.labels(name),
        itl: f.itl.labels(name),
        finished: f.finished.labels(name),
        ttftMet: f.ttftMet.labels(name),
        itlMet: f.itlMet.labels(name),
        slaMet: f.slaMet.labels(name),
        retries: f.migrations.labels(name, "new_request"),
        islWindow: new IslWindow(ISL_WINDOW_MS),
      };
      this.#models.set(name, metrics);
    }
    return metrics;
  }

  /** Values that are known elsewhere are taken at each scrape. */
  watch(fleet: Fleet, waiting: () => number, migrationLimit: number): void {
    const f = this.#families;
    this.registry.collect(() => {
      this.waiting.set(waiting());
      for (const family of [f.workers, f.workerUp, f.workerRequests, f.workerFailures]) family.clear();
      for (const backend of fleet.backends()) this.#backend(backend);
      for (const { name, pools } of fleet.models()) {
        for (const [role, pool] of pools) {
          for (const state of BACKEND_STATES) {
            let count = 0;
            for (const member of pool.members) if (member.state === state) count++;
            f.workers.labels(name, role, state).set(count);
          }
        }
        const card = (pools.get("decode") ?? pools.get("aggregated") ?? pools.get("prefill"))?.members.values().next()
          .value?.card;
        if (!card) continue;
        f.kvBlocks.labels(name).set(card.totalKvBlocks);
        f.maxNumSeqs.labels(name).set(card.maxNumSeqs);
        f.maxBatchedTokens.labels(name).set(card.maxNumBatchedTokens);
        f.contextLength.labels(name).set(card.contextLength);
        f.blockSize.labels(name).set(card.blockSize);
        f.migrationLimit.labels(name).set(migrationLimit);
      }
      for (const [name, { islWindow }] of this.#models) {
        const lengths = islWindow.sorted(this.#clock.nowMs());
        f.islSamples.labels(name).set(lengths.length);
        for (let i = 0; i <= ISL_QUANTILES && lengths.length > 0; i++) {
          const q = i / ISL_QUANTILES;
          f.islQuantile.labels(name, String(q)).set(quantileSorted(lengths, q));
        }
      }
    });
  }

  #backend(backend: Backend): void {
    const f = this.#families;
    f.workerUp.labels(backend.id, backend.role).set(backend.state === "ready" ? 1 : 0);
    f.workerRequests.labels(backend.id, backend.role).set(backend.requests);
    f.workerFailures.labels(backend.id, backend.role).setTotal(backend.failures);
  }
}
