import type { Registry } from "#common/prometheus";
import {
  SGLANG_ITL_SECONDS,
  SGLANG_QUEUE_SECONDS,
  SGLANG_REQUEST_SECONDS,
  SGLANG_TTFT_SECONDS,
} from "#mocker/protocol";
import type { Worker } from "../types.ts";
import { GapRuns } from "./gap-runs.ts";
import { sglangSpeculation } from "./sglang-speculation.ts";
import type { EngineMetrics } from "./types.ts";

/** Label values of SGLang's parallel ranks, of which a mock engine has one. */
const ONLY_RANK = "0";

/** SGLang's metrics of one worker, by its names, labels and buckets; what is a state is read at scrape. */
export function sglangMetrics(registry: Registry, worker: Worker): EngineMetrics {
  const { model, engine, dpSize } = worker.settings;
  const capacityTokens = engine.numGpuBlocks * engine.blockSize;
  const engineType = engine.role === "aggregated" ? "unified" : engine.role;
  const schedulerLabels = ["model_name", "engine_type", "tp_rank", "pp_rank", "dp_rank"];
  const ranks = Array.from({ length: dpSize }, (_, rank) => String(rank));

  const gauge = (name: string, help: string) => {
    const metric = registry.gauge(name, help, schedulerLabels);
    return ranks.map((rank) => metric.labels(model, engineType, ONLY_RANK, ONLY_RANK, rank));
  };
  const counter = (name: string, help: string) => registry.counter(name, help, ["model_name"]).labels(model);
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    registry.histogram(name, help, ["model_name"], buckets).labels(model);

  const running = gauge("sglang:num_running_reqs", "The number of running requests.");
  const queue = gauge("sglang:num_queue_reqs", "The number of requests in the waiting queue.");
  const usedTokens = gauge("sglang:num_used_tokens", "The number of used tokens.");
  const usage = gauge("sglang:token_usage", "The token usage.");
  const throughput = gauge("sglang:gen_throughput", "The generation throughput (token/s).");
  const hitRate = gauge("sglang:cache_hit_rate", "The prefix cache hit rate.");
  const capacity = gauge("sglang:max_total_num_tokens", "Maximum total number of tokens in the KV cache pool.");
  const retracted = registry.counter(
    "sglang:num_retracted_requests_total",
    "Total number of retracted requests.",
    schedulerLabels,
  );
  const retractions = ranks.map((rank) => retracted.labels(model, engineType, ONLY_RANK, ONLY_RANK, rank));
  const queued = registry.histogram(
    "sglang:queue_time_seconds",
    "Histogram of queueing time in seconds.",
    schedulerLabels,
    SGLANG_QUEUE_SECONDS,
  );
  const queueTimes = ranks.map((rank) => queued.labels(model, engineType, ONLY_RANK, ONLY_RANK, rank));
  const promptTokens = counter("sglang:prompt_tokens_total", "Number of prefill tokens processed.");
  const generationTokens = counter("sglang:generation_tokens_total", "Number of generation tokens processed.");
  const cachedTokens = registry
    .counter("sglang:cached_tokens_total", "Number of cached prompt tokens.", ["model_name", "cache_source"])
    .labels(model, "device");
  const requests = counter("sglang:num_requests_total", "Number of requests processed.");
  const aborted = counter("sglang:num_aborted_requests_total", "Number of requests aborted.");
  const ttft = histogram(
    "sglang:time_to_first_token_seconds",
    "Histogram of time to first token in seconds.",
    SGLANG_TTFT_SECONDS,
  );
  const itl = histogram(
    "sglang:inter_token_latency_seconds",
    "Histogram of inter-token latency in seconds.",
    SGLANG_ITL_SECONDS,
  );
  const latency = histogram(
    "sglang:e2e_request_latency_seconds",
    "Histogram of End-to-end request latency in seconds",
    SGLANG_REQUEST_SECONDS,
  );

  const passEnded = engine.speculative === null ? () => {} : sglangSpeculation(worker, gauge);

  const gaps = new GapRuns((gapSeconds, weight) => itl.observe(gapSeconds, weight));
  let generated = 0;
  const hits = new Float64Array(dpSize);
  const queries = new Float64Array(dpSize);
  registry.collect(() => {
    gaps.flush();
    generationTokens.setTotal(generated);
    for (const [rank, load] of worker.load().entries()) {
      running[rank]!.set(load.running);
      queue[rank]!.set(load.waiting);
      usedTokens[rank]!.set(load.usedBlocks * engine.blockSize);
      usage[rank]!.set((load.usedBlocks * engine.blockSize) / capacityTokens);
      // SGLang's own gauge is the rate of the last decode batches, too.
      const decodes = load.lastDecodeBatch > 0 && load.lastPassMs > 0;
      throughput[rank]!.set(decodes ? (load.lastDecodeBatch / load.lastPassMs) * 1000 : 0);
      hitRate[rank]!.set(queries[rank] === 0 ? 0 : hits[rank]! / queries[rank]!);
      capacity[rank]!.set(capacityTokens);
    }
  });
  worker.observe({ preempted: (rank = 0) => retractions[rank]!.inc() });

  return {
    request() {},
    admitted(rank, prompt, cached) {
      queries[rank]! += prompt;
      hits[rank]! += cached;
    },
    firstToken(_rank, ttftMs) {
      generated++;
      ttft.observe(ttftMs / 1000);
    },
    nextToken(_rank, gapMs) {
      generated++;
      gaps.add(gapMs);
    },
    finished(rank, reason, record) {
      requests.inc();
      if (reason === "abort") aborted.inc();
      promptTokens.inc(record.promptTokens);
      cachedTokens.inc(record.cachedTokens);
      latency.observe((record.lastTokenMs - record.arrivalMs) / 1000);
      if (!Number.isNaN(record.admittedMs)) {
        queueTimes[rank]!.observe((record.admittedMs - record.arrivalMs) / 1000);
      }
    },
    passEnded,
  };
}
