import { registry } from "#common/prometheus";
import type { Worker } from "../types.ts";
import { type DynamoPlace, dynamoMetrics } from "./dynamo.ts";
import { processMetrics } from "./process.ts";
import { sglangMetrics } from "./sglang.ts";
import type { WorkerMetrics } from "./types.ts";
import { understudyMetrics } from "./understudy.ts";
import { vllmMetrics } from "./vllm.ts";

export type MetricNames = "vllm" | "sglang";

/** Begins to observe the worker. */
export function workerMetrics(worker: Worker, names: MetricNames, place: DynamoPlace): WorkerMetrics {
  const all = registry();
  const engine = names === "vllm" ? vllmMetrics(all, worker) : sglangMetrics(all, worker);
  const dynamo = dynamoMetrics(all, worker, place);
  const own = understudyMetrics(all, worker);
  processMetrics(all);
  const metrics: WorkerMetrics = {
    registry: all,
    request: engine.request,
    admitted(rank, promptTokens, cachedTokens, hostTokens, transferred) {
      engine.admitted(rank, promptTokens, cachedTokens, hostTokens, transferred);
      dynamo.admitted(promptTokens, cachedTokens);
    },
    firstToken: engine.firstToken,
    nextToken: engine.nextToken,
    finished: engine.finished,
    passEnded(record) {
      engine.passEnded(record);
      own.passEnded(record);
    },
  };
  worker.observe({ passEnded: metrics.passEnded });
  return metrics;
}
