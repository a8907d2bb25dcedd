import type { PlannerConfigInput } from "#planner/core";
import type { WorkerCapacity } from "./capacity.ts";

/** A planner that comes with the product, with the settings that may be tried of it. The first one is what it has untuned. */
export interface Baseline {
  name: string;
  settings: readonly BaselineSetting[];
}

export interface BaselineSetting {
  /** For people: `70 % of a worker's capacity, 5 min`. */
  text: string;
  config(question: BaselineQuestion): PlannerConfigInput;
}

export interface BaselineQuestion {
  mode: "agg" | "disagg";
  maxGpus: number;
  capacity: WorkerCapacity;
}

const UTILIZATIONS = [0.7, 0.5, 0.6, 0.8, 0.9];
const DELAYS = ["5m", "1m"] as const;

/** All there are, by the names that `--planners` takes. */
export const BASELINES: readonly Baseline[] = [
  {
    name: "default",
    settings: [{ text: "as it is", config: ({ maxGpus }) => ({ strategy: "default", maxGpus }) }],
  },
  {
    name: "hpa",
    settings: UTILIZATIONS.flatMap((utilization) =>
      DELAYS.map((delay) => ({
        text: `${percent(utilization)} of a worker's requests/s, down after ${delay}`,
        config: ({ mode, maxGpus, capacity }: BaselineQuestion): PlannerConfigInput => ({
          strategy: "hpa",
          maxGpus,
          scaleDownStabilization: delay,
          ...(mode === "agg" ? {} : { prefill: { requestRate: utilization * capacity.prefillPerS } }),
          decode: { requestRate: utilization * capacity.decodePerS },
        }),
      })),
    ),
  },
  {
    name: "keda",
    settings: [1, 0.5, 2, 4].flatMap((queue) =>
      [0.7, 0.5, 0.9].map((utilization) => ({
        text: `${queue} waiting ${queue === 1 ? "prompt" : "prompts"} a worker, ${percent(utilization)} of a full batch`,
        config: ({ mode, maxGpus, capacity }: BaselineQuestion): PlannerConfigInput => ({
          strategy: "keda",
          maxGpus,
          ...(mode === "agg" ? {} : { prefill: { queueLength: queue } }),
          decode: { queueLength: Math.max(1, utilization * capacity.decodeBatch) },
        }),
      })),
    ),
  },
  {
    name: "load-compat",
    settings: [
      ...(["throughput", "latency"] as const).map((target) => ({
        text: `target ${target}`,
        config: ({ maxGpus }: BaselineQuestion): PlannerConfigInput => ({ strategy: "load-compat", target, maxGpus }),
      })),
      {
        text: "target sla, both loops",
        config: ({ maxGpus }) => ({
          strategy: "load-compat",
          target: "sla",
          scaling: { load: true, throughput: true },
          throughputInterval: "60s",
          predictor: "constant",
          maxGpus,
        }),
      },
      ...[0.6, 0.8].flatMap((up) =>
        [1000, 4000].map((tokens) => ({
          text: `target load, up at ${tokens} waiting tokens or ${percent(up)} of a full batch, down at half`,
          config: ({ maxGpus, capacity }: BaselineQuestion): PlannerConfigInput => ({
            strategy: "load-compat",
            target: "load",
            maxGpus,
            prefillQueueTokens: { up: tokens, down: tokens / 8 },
            decodeKvPercent: { up: up * capacity.decodeKvPercent, down: 0.5 * up * capacity.decodeKvPercent },
          }),
        })),
      ),
    ],
  },
  {
    name: "sla-compat",
    settings: (["180s", "60s", "30s"] as const).flatMap((interval) =>
      (["completed", "started"] as const).map((requestCount) => ({
        text: `${interval}, ${requestCount} requests`,
        config: ({ maxGpus }: BaselineQuestion): PlannerConfigInput => ({
          strategy: "sla-compat",
          interval,
          requestCount,
          maxGpus,
        }),
      })),
    ),
  },
];

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
