import type { Registry } from "#common/prometheus";
import type { KvOffload } from "#mocker/engine";
import {
  oneTwoFive,
  VLLM_CHOICES,
  VLLM_ITERATION_TOKENS,
  VLLM_ITL_SECONDS,
  VLLM_REQUEST_SECONDS,
  VLLM_TTFT_SECONDS,
} from "#mocker/protocol";
import type { Worker } from "../types.ts";
import { GapRuns } from "./gap-runs.ts";
import type { EngineMetrics, FinishedReason, SequenceRecord } from "./types.ts";

const REASONS: readonly FinishedReason[] = ["stop", "length", "abort", "error"];
const SOURCES = ["local_compute", "local_cache_hit", "external_kv_transfer"] as const;
/** Longest length that has a bucket where the model length is unlimited. */
const LONGEST_TOKENS = 1_000_000;

/** vLLM's metrics of one worker, by its names, labels and buckets; what is a state is read at scrape. */
export function vllmMetrics(registry: Registry, worker: Worker): EngineMetrics {
  const { model, engine, dpSize } = worker.settings;
  const labels = ["model_name", "engine"];
  const ranks = Array.from({ length: dpSize }, (_, rank) => String(rank));
  const lengths = oneTwoFive(engine.maxModelLen ?? LONGEST_TOKENS);

  const gauge = (name: string, help: string) => {
    const metric = registry.gauge(name, help, labels);
    return ranks.map((rank) => metric.labels(model, rank));
  };
  const counter = (name: string, help: string) => {
    const metric = registry.counter(name, help, labels);
    return ranks.map((rank) => metric.labels(model, rank));
  };
  const histogram = (name: string, help: string, buckets: readonly number[]) => {
    const metric = registry.histogram(name, help, labels, buckets);
    return ranks.map((rank) => metric.labels(model, rank));
  };
  const seconds = (name: string, help: string) => histogram(name, help, VLLM_REQUEST_SECONDS);

  const running = gauge("vllm:num_requests_running", "Number of requests in model execution batches.");
  const waiting = gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.");
  const usage = gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.");
  const oldUsage = gauge("vllm:gpu_cache_usage_perc", "Old name of vllm:kv_cache_usage_perc.");
  const queries = counter("vllm:prefix_cache_queries_total", "Prefix cache queries, in queried tokens.");
  const hits = counter("vllm:prefix_cache_hits_total", "Prefix cache hits, in cached tokens.");
  const preemptions = counter("vllm:num_preemptions_total", "Preemptions of the engine so far.");
  const promptTokens = counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.");
  const promptTokensCached = counter("vllm:prompt_tokens_cached_total", "Prompt tokens that were cached.");
  const bySource = registry.counter("vllm:prompt_tokens_by_source_total", "Prompt tokens by source.", [
    ...labels,
    "source",
  ]);
  const sources = ranks.map((rank) => SOURCES.map((source) => bySource.labels(model, rank, source)));
  const generationTokens = counter("vllm:generation_tokens_total", "Number of generation tokens processed.");
  const success = registry.counter("vllm:request_success_total", "Requests that ended, by how they did.", [
    ...labels,
    "finished_reason",
  ]);
  const successes = ranks.map((rank) => REASONS.map((reason) => success.labels(model, rank, reason)));

  const iteration = histogram(
    "vllm:iteration_tokens_total",
    "Histogram of number of tokens per engine_step.",
    VLLM_ITERATION_TOKENS,
  );
  const promptLength = histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", lengths);
  const outputLength = histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", lengths);
  const asked = histogram(
    "vllm:request_max_num_generation_tokens",
    "Histogram of maximum number of requested generation tokens.",
    lengths,
  );
  const choicesOf = histogram("vllm:request_params_n", "Histogram of the n request parameter.", VLLM_CHOICES);
  const maxTokensOf = histogram(
    "vllm:request_params_max_tokens",
    "Histogram of the max_tokens request parameter.",
    lengths,
  );
  const computed = histogram(
    "vllm:request_prefill_kv_computed_tokens",
    "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
    lengths,
  );
  const ttft = histogram(
    "vllm:time_to_first_token_seconds",
    "Histogram of time to first token in seconds.",
    VLLM_TTFT_SECONDS,
  );
  const itl = histogram(
    "vllm:inter_token_latency_seconds",
    "Histogram of inter-token latency in seconds.",
    VLLM_ITL_SECONDS,
  );
  const oldItl = histogram(
    "vllm:time_per_output_token_seconds",
    "Old name of vllm:inter_token_latency_seconds.",
    VLLM_ITL_SECONDS,
  );
  const meanItl = histogram(
    "vllm:request_time_per_output_token_seconds",
    "Histogram of time_per_output_token_seconds per request.",
    VLLM_ITL_SECONDS,
  );
  const latency = seconds("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.");
  const queued = seconds("vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.");
  const inference = seconds(
    "vllm:request_inference_time_seconds",
    "Histogram of time spent in RUNNING phase for request.",
  );
  const prefill = seconds("vllm:request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.");
  const decode = seconds("vllm:request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.");

  const info = registry.gauge("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", [
    "block_size",
    "cache_dtype",
    "enable_prefix_caching",
    "num_gpu_blocks",
    "engine",
  ]);
  for (const rank of ranks) {
    const prefixCaching = engine.prefixCaching ? "True" : "False";
    info.labels(String(engine.blockSize), "auto", prefixCaching, String(engine.numGpuBlocks), rank).set(1);
  }

  if (engine.speculative !== null) speculativeMetrics(registry, worker, counter);
  const hostLookups = engine.kvOffload === null ? null : offloadMetrics(registry, worker, engine.kvOffload);

  const gaps = ranks.map(
    (_, rank) =>
      new GapRuns((gapSeconds, weight) => {
        itl[rank]!.observe(gapSeconds, weight);
        oldItl[rank]!.observe(gapSeconds, weight);
      }),
  );
  /** Per rank; copied at scrape, since it changes with every token. */
  const generated = new Float64Array(dpSize);
  registry.collect(() => {
    for (const run of gaps) run.flush();
    for (const [rank, load] of worker.load().entries()) {
      running[rank]!.set(load.running);
      waiting[rank]!.set(load.waiting);
      usage[rank]!.set(load.usedBlocks / engine.numGpuBlocks);
      oldUsage[rank]!.set(load.usedBlocks / engine.numGpuBlocks);
      generationTokens[rank]!.setTotal(generated[rank]!);
    }
  });
  worker.observe({ preempted: (rank = 0) => preemptions[rank]!.inc() });

  return {
    request(rank, choices, maxTokens) {
      choicesOf[rank]!.observe(choices);
      asked[rank]!.observe(maxTokens);
    },
    admitted(rank, prompt, cached, fromHost, transferred) {
      const local = cached - fromHost;
      queries[rank]!.inc(prompt);
      hits[rank]!.inc(local);
      hostLookups?.(rank, prompt - local, fromHost);
      promptTokens[rank]!.inc(prompt);
      promptTokensCached[rank]!.inc(transferred ? prompt : cached);
      const [computedHere, cacheHit, external] = sources[rank]!;
      cacheHit!.inc(local);
      external!.inc(fromHost);
      (transferred ? external! : computedHere!).inc(prompt - cached);
    },
    firstToken(rank, ttftMs) {
      generated[rank]!++;
      ttft[rank]!.observe(ttftMs / 1000);
    },
    nextToken(rank, gapMs) {
      generated[rank]!++;
      gaps[rank]!.add(gapMs);
    },
    finished(rank, reason, record) {
      successes[rank]![REASONS.indexOf(reason)]!.inc();
      promptLength[rank]!.observe(record.promptTokens);
      outputLength[rank]!.observe(record.outputTokens);
      if (record.maxTokens !== null) maxTokensOf[rank]!.observe(record.maxTokens);
      computed[rank]!.observe(record.promptTokens - record.cachedTokens);
      const phases = phaseSeconds(record);
      latency[rank]!.observe(phases.latency);
      if (Number.isNaN(phases.queued)) return;
      queued[rank]!.observe(phases.queued);
      if (Number.isNaN(phases.prefill)) return;
      prefill[rank]!.observe(phases.prefill);
      decode[rank]!.observe(phases.decode);
      inference[rank]!.observe(phases.prefill + phases.decode);
      meanItl[rank]!.observe(record.outputTokens > 1 ? phases.decode / (record.outputTokens - 1) : 0);
    },
    passEnded(record) {
      iteration[record.dpRank]!.observe(record.scheduled.prefillTokens + record.scheduled.decodeRequests);
    },
  };
}

/** vLLM's phases: queued until first scheduled, prefill until the first token, decode until the last. */
function phaseSeconds({ arrivalMs, admittedMs, firstTokenMs, lastTokenMs }: SequenceRecord) {
  return {
    latency: (lastTokenMs - arrivalMs) / 1000,
    queued: (admittedMs - arrivalMs) / 1000,
    prefill: (firstTokenMs - admittedMs) / 1000,
    decode: (lastTokenMs - firstTokenMs) / 1000,
  };
}

/** Of each draft one token more comes out than was accepted. */
function speculativeMetrics(
  registry: Registry,
  worker: Worker,
  counter: (name: string, help: string) => { setTotal(total: number): void }[],
): void {
  const series = [
    ["drafts", counter("vllm:spec_decode_num_drafts_total", "Number of spec decoding drafts.")],
    ["draftTokens", counter("vllm:spec_decode_num_draft_tokens_total", "Number of draft tokens.")],
    ["acceptedDraftTokens", counter("vllm:spec_decode_num_accepted_tokens_total", "Number of accepted tokens.")],
  ] as const;
  registry.collect(() => {
    for (const [rank, counters] of worker.rankCounters().entries()) {
      for (const [name, metrics] of series) metrics[rank]!.setTotal(counters[name]);
    }
  });
}

/**
 * Of vLLM's offloading connector. Its prefix cache metrics tell of the GPU alone; what a connector adds is external to it.
 * @returns what counts a look-up in host memory, in tokens
 */
function offloadMetrics(
  registry: Registry,
  worker: Worker,
  { hostBlocks, bytesPerBlock, bytesPerSecond }: KvOffload,
): (rank: number, queriedTokens: number, hitTokens: number) => void {
  const { model, engine, dpSize } = worker.settings;
  const labels = ["model_name", "engine"];
  const names: [string, string][] = [
    ["vllm:external_prefix_cache_queries_total", "External prefix cache queries, in queried tokens."],
    ["vllm:external_prefix_cache_hits_total", "External prefix cache hits, in cached tokens."],
  ];
  const [queries, hits] = names.map(([name, help]) => registry.counter(name, help, labels));
  const usage = registry.gauge("vllm:kv_offload_cpu_cache_usage_perc", "Share of host memory's blocks in use.", labels);
  const directed = [...labels, "transfer_type"];
  const bytes = registry.counter("vllm:kv_offload_total_bytes_total", "Bytes moved by KV offloading.", directed);
  const seconds = registry.counter("vllm:kv_offload_total_time_total", "Seconds that moves of KV took.", directed);
  const ranks = Array.from({ length: dpSize }, (_, index) => {
    const rank = String(index);
    return {
      queries: queries!.labels(model, rank),
      hits: hits!.labels(model, rank),
      usage: usage.labels(model, rank),
      moved: ["CPU_to_GPU", "GPU_to_CPU"].map((direction) => ({
        bytes: bytes.labels(model, rank, direction),
        seconds: seconds.labels(model, rank, direction),
      })),
    };
  });
  registry.collect(() => {
    const counters = worker.rankCounters();
    for (const [rank, { inUse, stored }] of worker.rankHostBlocks().entries()) {
      const { usage: share, moved } = ranks[rank]!;
      const { hostHitTokens, hostLoadMs } = counters[rank]!;
      const [loads, stores] = moved;
      share.set(inUse / hostBlocks);
      loads!.bytes.setTotal((hostHitTokens / engine.blockSize) * bytesPerBlock);
      loads!.seconds.setTotal(hostLoadMs / 1000);
      stores!.bytes.setTotal(stored * bytesPerBlock);
      // Nobody waits for them.
      stores!.seconds.setTotal((stored * bytesPerBlock) / bytesPerSecond);
    }
  });
  return (rank, queriedTokens, hitTokens) => {
    ranks[rank]!.queries.inc(queriedTokens);
    ranks[rank]!.hits.inc(hitTokens);
  };
}
