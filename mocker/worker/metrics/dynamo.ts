import type { Registry } from "#common/prometheus";
import type { Worker } from "../types.ts";

/** Dynamo averages hit rates over so many admissions (lib/llm/src/mocker, 0.5). */
const HIT_RATE_WINDOW = 1000;

/** Where a worker stands in a Dynamo deployment. */
export interface DynamoPlace {
  namespace: string;
  component: string;
  endpoint: string;
}

/** The place of a worker of this role, as Dynamo's mocker has it: `dyn://<namespace>.<backend|prefill>.generate`. */
export function dynamoPlace(role: "aggregated" | "prefill" | "decode", namespace = "dynamo"): DynamoPlace {
  return { namespace, component: role === "prefill" ? "prefill" : "backend", endpoint: "generate" };
}

interface DynamoAdmissions {
  admitted(promptTokens: number, cachedTokens: number): void;
}

/** Dynamo's `dynamo_component_kvstats_*` of one worker, over all its ranks. */
export function dynamoMetrics(registry: Registry, worker: Worker, place: DynamoPlace): DynamoAdmissions {
  const { engine, dpSize } = worker.settings;
  const labels = ["dynamo_namespace", "dynamo_component", "dynamo_endpoint"];
  const gauge = (name: string, help: string) =>
    registry.gauge(`dynamo_component_${name}`, help, labels).labels(place.namespace, place.component, place.endpoint);
  const active = gauge("kvstats_active_blocks", "KV blocks in use.");
  const total = gauge("kvstats_total_blocks", "KV blocks there are.");
  const usage = gauge("kvstats_gpu_cache_usage_percent", "Share of the KV blocks in use, 0 to 1.");
  const hitRate = gauge(
    "kvstats_gpu_prefix_cache_hit_rate",
    "Mean prefix hit rate of the last 1000 admissions, 0 to 1.",
  );

  const rates = new Float64Array(HIT_RATE_WINDOW);
  let admissions = 0;
  let sum = 0;
  registry.collect(() => {
    const used = worker.load().reduce((blocks, load) => blocks + load.usedBlocks, 0);
    const blocks = engine.numGpuBlocks * dpSize;
    active.set(used);
    total.set(blocks);
    usage.set(used / blocks);
    hitRate.set(admissions === 0 ? 0 : Math.max(0, sum / Math.min(admissions, HIT_RATE_WINDOW)));
  });
  return {
    admitted(promptTokens, cachedTokens) {
      const place = admissions++ % HIT_RATE_WINDOW;
      const rate = promptTokens === 0 ? 0 : cachedTokens / promptTokens;
      sum += rate - rates[place]!;
      rates[place] = rate;
    },
  };
}
