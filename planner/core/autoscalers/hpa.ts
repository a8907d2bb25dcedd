import { knownRate } from "../known-rate.ts";
import { workerKvTokens } from "../roles.ts";
import type { Observation, Planner, PlannerContext, Role } from "../types.ts";
import { type AutoscalerSettings, autoscaler } from "./autoscaler.ts";
import type { HpaMetric, ReplicaValue } from "./hpa-metrics.ts";

/** Targets per worker; absent ones don't count. */
export interface HpaTargets {
  /** Requests per second. */
  requestRate?: number | undefined;
  /** Requests that a worker has: waiting prompts (prefill), the decoding batch (decode, aggregated). */
  concurrency?: number | undefined;
  /** Share of the KV cache in use, %; decode and aggregated workers. */
  kvPercent?: number | undefined;
}

export interface HpaOptions extends AutoscalerSettings {
  targets: Record<Role, HpaTargets>;
}

/**
 * Kubernetes' horizontal pod autoscaler (autoscaling/v2), one a role: ⌈replicas × metric ÷ target⌉ every 15 s, 10 % tolerance, the
 * largest wish of the last 300 s downwards, upwards at most 4 or 100 % in 15 s. A worker that starts has no metrics yet.
 */
export function hpaStrategy(options: HpaOptions, context: PlannerContext, profileKvTokens: number): Planner {
  const kvTokens = workerKvTokens(context, profileKvTokens);
  const metricsOf = (role: Role, observation: Observation): HpaMetric[] => {
    const { requestRate, concurrency, kvPercent } = options.targets[role];
    const metrics: HpaMetric[] = [];
    if (requestRate !== undefined) {
      metrics.push({ kind: "total", name: "requestsPerS", target: requestRate, total: knownRate(observation) });
    }
    if (concurrency !== undefined) {
      const values = role === "prefill" ? queues(observation) : batches(observation);
      metrics.push({ kind: "per-replica", name: "concurrency", target: concurrency, values });
    }
    if (kvPercent !== undefined) {
      const values = decodeValues(observation, (worker) => (100 * worker.kvTokens) / kvTokens);
      metrics.push({ kind: "per-replica", name: "kvPercent", target: kvPercent, values });
    }
    return metrics;
  };
  return autoscaler({ ...options, strategy: "hpa", metricsOf }, context);
}

function queues({ prefillLoad, workers }: Observation): ReplicaValue[] {
  return withMissing(prefillLoad?.map(({ queuedRequests }) => queuedRequests) ?? [], workers.prefill);
}

function batches(observation: Observation): ReplicaValue[] {
  return decodeValues(observation, ({ batch }) => batch);
}

function decodeValues(
  { decodeLoad, workers }: Observation,
  measure: (worker: { batch: number; kvTokens: number }) => number,
): ReplicaValue[] {
  return withMissing(decodeLoad?.map(measure) ?? [], workers.decode);
}

/** Workers without a value are those that start, and those whose metrics are lost. */
function withMissing(values: readonly number[], { active, starting }: { active: number; starting: number }) {
  const known: ReplicaValue[] = values.map((value) => (Number.isFinite(value) ? value : null));
  while (known.length < active + starting) known.push(null);
  return known;
}
