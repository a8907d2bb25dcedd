import { WHILE_DRAINING, withinBudget } from "../budget.ts";
import { knownRate } from "../known-rate.ts";
import type { ResourceLimit } from "../limits.ts";
import { rolesOf } from "../roles.ts";
import type { Decision, Observation, Planner, PlannerContext, Reason, Role, Targets } from "../types.ts";
import { type HpaBehavior, HpaPace } from "./hpa-behavior.ts";
import { type HpaMetric, wantedByAll } from "./hpa-metrics.ts";

/** What every autoscaler is told. */
export interface AutoscalerSettings extends HpaBehavior {
  intervalMs: number;
  limits: readonly ResourceLimit[];
  minWorkers: Targets;
  /** A ratio so near to 1 is on target. */
  tolerance: number;
}

export interface AutoscalerOptions extends AutoscalerSettings {
  strategy: string;
  /** What a role is scaled by; none: it stays as it is. */
  metricsOf: (role: Role, observation: Observation) => HpaMetric[];
  /** Has the last word on a role: whether it is to go to zero, or to come back. */
  activation?: Activation;
}

export interface Activation {
  /** At each tick, before all else. */
  look(role: Role, observation: Observation): void;
  /** @param wanted of the metrics; 0 where the role has no workers */
  replicas(role: Role, wanted: number): number;
}

/**
 * A horizontal pod autoscaler for each role, apart from each other as Kubernetes has them; what they want together stays within the
 * limits.
 */
export function autoscaler(options: AutoscalerOptions, context: PlannerContext): Planner {
  const { strategy, intervalMs, limits, minWorkers, tolerance, metricsOf, activation } = options;
  const roles = rolesOf(context.mode);
  const paces = { prefill: new HpaPace(options), decode: new HpaPace(options) };
  let tick = 0;

  function wishOf(
    role: Role,
    observation: Observation,
    metrics: readonly HpaMetric[],
    current: number,
    values: Record<string, number>,
  ): number | null {
    for (const metric of metrics) noteMetric(values, role, metric);
    if (current === 0) return activation?.replicas(role, 0) ?? null;
    paces[role].found(current, observation.nowMs);
    const asked = wantedByAll(metrics, current, tolerance);
    if (asked === null) return null;
    const least = Math.max(1, minWorkers[role]);
    const paced = Math.max(least, paces[role].next(Math.max(least, asked), current, observation.nowMs));
    return activation?.replicas(role, paced) ?? paced;
  }

  return {
    strategy,
    intervalMs,
    tick(observation): Decision {
      const { nowMs, workers } = observation;
      const values: Record<string, number> = {};
      const reasons: Reason[] = [];
      const current = { prefill: 0, decode: 0 };
      const wanted = { prefill: 0, decode: 0 };
      /** Why a role is not asked for more or fewer workers. */
      const unasked = new Map<Role, { code: string; text: string }>();
      for (const role of roles) {
        current[role] = workers[role].active + workers[role].starting;
        activation?.look(role, observation);
        const metrics = metricsOf(role, observation);
        if (metrics.length === 0) {
          wanted[role] = current[role];
          unasked.set(role, { code: "no-target", text: "it has no target" });
          continue;
        }
        const wish = wishOf(role, observation, metrics, current[role], values);
        wanted[role] = wish ?? current[role];
        if (wish === null) unasked.set(role, { code: "no-data", text: "its metrics are not known" });
      }
      const isKnown = unasked.size < roles.length;
      const minimum = { prefill: 0, decode: 0 };
      // A role that nobody asks of keeps what it has, whatever the other one wants, unless that alone is too much.
      for (const role of roles)
        minimum[role] = unasked.has(role) ? wanted[role] : Math.min(minWorkers[role], wanted[role]);
      const { targets, clamps } = withinBudget({ wanted, minimum, workers, limits, roles });
      for (const role of roles) {
        paces[role].changed(current[role], targets[role], nowMs);
        const { [role]: from } = current;
        const { [role]: to } = targets;
        const why = unasked.get(role);
        if (why !== undefined) reasons.push({ ...why, role, text: to === from ? `${why.text}: it stays` : why.text });
        if (to === from) continue;
        const said = why === undefined ? `: ${saidOf(role, values)}` : "";
        reasons.push({ code: to > from ? "scale-up" : "scale-down", role, text: `${from} → ${to}${said}` });
      }
      for (const { name, role, from, to } of clamps) {
        const code = name.endsWith(WHILE_DRAINING) ? "budget-draining" : "budget";
        reasons.push({ code, role, text: `${name}: ${to} in place of ${from}` });
      }
      return {
        tick: tick++,
        atMs: nowMs,
        strategy,
        targets: isKnown ? targets : null,
        workers,
        observedRate: knownRate(observation),
        forecast: null,
        values,
        clamps,
        reasons,
      };
    },
  };
}

function noteMetric(values: Record<string, number>, role: Role, metric: HpaMetric): void {
  const { name, target } = metric;
  const title = `${role}${name[0]!.toUpperCase()}${name.slice(1)}`;
  values[`${title}Target`] = target;
  if (metric.kind === "total") {
    if (metric.total !== null) values[title] = metric.total;
    return;
  }
  const known = metric.values.filter((value) => value !== null);
  if (known.length > 0) values[title] = known.reduce((sum, value) => sum + value, 0) / known.length;
}

function saidOf(role: Role, values: Record<string, number>): string {
  const rounded = (value: number | undefined, digits: number) => Number(value?.toPrecision(digits));
  return Object.entries(values)
    .filter(([name]) => name.startsWith(role) && !name.endsWith("Target"))
    .map(([name, value]) => `${name} ${rounded(value, 3)} for a target of ${rounded(values[`${name}Target`], 6)}`)
    .join(", ");
}
