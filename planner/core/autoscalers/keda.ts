import type { Observation, Planner, PlannerContext, Role } from "../types.ts";
import { type AutoscalerSettings, autoscaler } from "./autoscaler.ts";
import type { HpaMetric } from "./hpa-metrics.ts";

/** A role's trigger: the length of its queue. */
export interface KedaTrigger {
  /** Requests per worker: waiting prompts (prefill), requests in work (decode, aggregated). */
  queueLength: number;
  /** The role is active while its queue is longer than this. */
  activation: number;
}

export interface KedaOptions extends AutoscalerSettings {
  /** Time between looks at whether a role without workers is wanted, ms. */
  pollingMs: number;
  /** How long a role must have been inactive before its last worker goes, ms. */
  cooldownMs: number;
  triggers: Record<Role, KedaTrigger | undefined>;
}

/**
 * As KEDA scales a ScaledObject on the length of a queue (its reference, "ScaledObject specification"): between 1 and the limit
 * Kubernetes' autoscaler does it, with the queue's length as an external metric and an average value as its target; KEDA itself
 * takes the last worker away after the cooldown period, where the minimum is 0, and brings it back when it polls an active queue.
 */
export function kedaStrategy(options: KedaOptions, context: PlannerContext): Planner {
  const { triggers, minWorkers, pollingMs, cooldownMs } = options;
  const lastActiveMs: Partial<Record<Role, number>> = {};
  const lastPollMs: Partial<Record<Role, number>> = {};

  const metricsOf = (role: Role, observation: Observation): HpaMetric[] => {
    const trigger = triggers[role];
    if (trigger === undefined) return [];
    const total = queueLength(role, observation);
    return [{ kind: "total", name: "queueLength", target: trigger.queueLength, total }];
  };

  const activation = (role: Role, observation: Observation, wanted: number): number => {
    const { nowMs, startedRequests } = observation;
    const least = minWorkers[role];
    if (least > 0) return Math.max(least, wanted);
    const queue = queueLength(role, observation);
    // Where there are no workers, requests that come are the queue; what is not known is no reason to go.
    const isActive =
      queue === null || queue > (triggers[role]?.activation ?? 0) || (wanted === 0 && startedRequests !== 0);
    if (isActive || lastActiveMs[role] === undefined) lastActiveMs[role] = nowMs;
    if (wanted > 0) return nowMs - lastActiveMs[role]! >= cooldownMs ? 0 : wanted;
    if (nowMs - (lastPollMs[role] ?? Number.NEGATIVE_INFINITY) < pollingMs) return 0;
    lastPollMs[role] = nowMs;
    return isActive && startedRequests !== null ? 1 : 0;
  };
  return autoscaler({ ...options, strategy: "keda", metricsOf, activation }, context);
}

function queueLength(role: Role, { prefillLoad, decodeLoad, workers }: Observation): number | null {
  const { active } = workers[role];
  if (active === 0) return workers[role].starting === 0 ? 0 : null;
  const lengths =
    role === "prefill"
      ? prefillLoad?.map(({ queuedRequests }) => queuedRequests)
      : decodeLoad?.map(({ batch }) => batch);
  // A queue that is known in part is not known.
  if (lengths === undefined || lengths.length < active || !lengths.every(Number.isFinite)) return null;
  return lengths.reduce((sum, length) => sum + length, 0);
}
