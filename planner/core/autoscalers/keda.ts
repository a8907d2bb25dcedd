import type { Planner, PlannerContext, Role } from "../types.ts";
import { type Activation, type AutoscalerSettings, autoscaler } from "./autoscaler.ts";
import type { HpaMetric } from "./hpa-metrics.ts";
import { KedaActivity } from "./keda-activity.ts";

/** A role's trigger: the length of its queue. */
export interface KedaTrigger {
  /** Requests per worker: waiting prompts (prefill), requests in work (decode, aggregated). */
  queueLength: number;
  /** The role is active while its queue is longer than this. */
  activation: number;
}

export interface KedaOptions extends AutoscalerSettings {
  /** Time between looks at whether a role is active, ms. */
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
  const activityOf = (role: Role) => {
    const { activation = 0 } = triggers[role] ?? {};
    return new KedaActivity(role, { pollingMs, cooldownMs, activation });
  };
  const activities = { prefill: activityOf("prefill"), decode: activityOf("decode") };

  const metricsOf = (role: Role): HpaMetric[] => {
    const trigger = triggers[role];
    if (trigger === undefined) return [];
    return [{ kind: "total", name: "queueLength", target: trigger.queueLength, total: activities[role].queue }];
  };

  const activation: Activation = {
    look: (role, observation) => activities[role].look(observation),
    replicas: (role, wanted) =>
      minWorkers[role] > 0 ? Math.max(minWorkers[role], wanted) : activities[role].replicas(wanted),
  };
  return autoscaler({ ...options, strategy: "keda", metricsOf, activation }, context);
}
