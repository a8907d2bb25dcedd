import type { Registry } from "#common/prometheus";
import type { Worker } from "../types.ts";
import type { EngineMetrics } from "./types.ts";

const STATES = ["starting", "ready", "draining"] as const;

/** What only a mock engine can tell: what its passes cost, how late its process woke up for them. */
export function understudyMetrics(registry: Registry, worker: Worker): Pick<EngineMetrics, "passEnded"> {
  const { id, model, engine, dpSize } = worker.settings;
  const ranks = Array.from({ length: dpSize }, (_, rank) => String(rank));
  const gauge = (name: string, help: string) => {
    const metric = registry.gauge(`understudy_worker_${name}`, help, ["model_name", "engine"]);
    return ranks.map((rank) => metric.labels(model, rank));
  };
  const counter = (name: string, help: string) => {
    const metric = registry.counter(`understudy_worker_${name}`, help, ["model_name", "engine"]);
    return ranks.map((rank) => metric.labels(model, rank));
  };
  const info = registry.gauge("understudy_worker_info", "What this worker is; always 1.", [
    "worker_id",
    "model_name",
    "role",
    "timing",
  ]);
  info.labels(id, model, engine.role, engine.timing.kind).set(1);
  const state = registry.gauge("understudy_worker_state", "1 for the state the worker is in.", ["state"]);
  const states = STATES.map((name) => state.labels(name));
  const passes = counter("passes_total", "Forward passes so far.");
  const passSeconds = counter("pass_seconds_total", "Model time of the passes so far.");
  const prefillSeconds = counter("prefill_seconds_total", "Share of the passes' time that prompts took.");
  const scheduledTokens = counter("scheduled_prefill_tokens_total", "Prompt tokens computed so far.");
  const batch = gauge("decode_batch", "Sequences that decoded in the last pass.");
  const batchTokens = gauge("decode_kv_tokens", "Context tokens of the sequences that decoded in the last pass.");
  const kvTokens = gauge("kv_tokens", "Context tokens of all running requests.");
  const usedBlocks = gauge("used_blocks", "KV blocks in use.");
  const queuedTokens = gauge("queued_prefill_tokens", "Prompt tokens that wait or are half computed.");
  const held = registry.gauge("understudy_worker_held_requests", "Computed prompts that wait for a decode worker.");
  const extrapolations = registry.counter(
    "understudy_worker_extrapolations_total",
    "Times the timing model was asked beyond what it was made from; workers of one process may share a model.",
  );
  const late = registry.gauge(
    "understudy_wake_lateness_seconds",
    "How late the process woke up for the ends of passes, in real time, since its start.",
    ["q"],
  );
  const [median, high, most] = ["0.5", "0.99", "1"].map((quantile) => late.labels(quantile));
  const lateSum = registry.counter("understudy_wake_lateness_seconds_total", "Sum of the lateness of all wake-ups.");
  const wakes = registry.counter("understudy_wakes_total", "Ends of passes the process woke up for.");

  registry.collect(() => {
    STATES.forEach((name, i) => {
      states[i]!.set(worker.state === name ? 1 : 0);
    });
    for (const [rank, load] of worker.load().entries()) {
      batch[rank]!.set(load.lastDecodeBatch);
      batchTokens[rank]!.set(load.lastDecodeKvTokens);
      kvTokens[rank]!.set(load.kvTokens);
      usedBlocks[rank]!.set(load.usedBlocks);
      queuedTokens[rank]!.set(load.queuedPrefillTokens);
    }
    held.set(worker.handoff?.heldCount ?? 0);
    extrapolations.setTotal(engine.timing.extrapolations());
    const lag = worker.lag();
    median!.set(lag.p50Ms / 1000);
    high!.set(lag.p99Ms / 1000);
    most!.set(lag.maxMs / 1000);
    lateSum.setTotal((lag.meanMs * lag.count) / 1000);
    wakes.setTotal(lag.count);
  });
  return {
    passEnded(record) {
      const rank = record.dpRank;
      passes[rank]!.inc();
      passSeconds[rank]!.inc(record.durationMs / 1000);
      prefillSeconds[rank]!.inc(record.prefillMs / 1000);
      scheduledTokens[rank]!.inc(record.scheduled.prefillTokens);
    },
  };
}
