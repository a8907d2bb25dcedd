import type { PluginCode, Reason, Role, Targets } from "#planner/core";
import type { Merged, Opinion } from "./merge.ts";
import type { PluginEvaluation, PluginStage } from "./types.ts";

/**
 * What a stage changed, and who did.
 * @param before what stood before it; in stage propose, what the strategy wants
 */
export function explain(
  stage: PluginStage,
  roles: readonly Role[],
  opinions: readonly Opinion[],
  { finalFrom, clamped, targets }: Merged,
  before: Partial<Targets>,
): Reason[] {
  const notes: Reason[] = clamped.map(({ role, by, pluginId, from, to }) =>
    pluginReason(
      stage === "constrain" ? "constrain_capped" : `reconcile_clamped_to_${by}`,
      role,
      `plugin ${pluginId} (${stage}) allows ${by === "floor" ? "no fewer" : "no more"} than ${to}: ${from} were wanted`,
    ),
  );
  const sorted = [...opinions].sort((a, b) => a.priority - b.priority);
  for (const role of roles) {
    const setter = finalFrom ?? sorted.find(({ answer }) => sets(answer, role))?.pluginId;
    if (setter === undefined || setter.startsWith("builtin_") || clamped.some((clamp) => clamp.role === role)) continue;
    if (targets[role] === before[role]) continue;
    const text = `plugin ${setter} (${stage}) wants ${targets[role]} in place of ${before[role]}`;
    notes.push(pluginReason("override_by_user_plugin", role, text));
  }
  return notes;
}

/** A reason by whose code pages and metrics know that a plugin had a hand in the decision. */
export function pluginReason(code: PluginCode, role: Role | null, text: string): Reason {
  return { code, role, text };
}

/** What plugins failed at. */
export function failuresOf(evaluations: readonly PluginEvaluation[]): Reason[] {
  return evaluations.flatMap(({ result, pluginId, reason }) => {
    if (result === "circuit_open") return [pluginReason("circuit_open", null, `plugin ${pluginId} ${reason}`)];
    if (result !== "failed") return [];
    return [pluginReason("plugin-failed", null, `plugin ${pluginId} failed: ${reason}`)];
  });
}

function sets(answer: Opinion["answer"], role: Role): boolean {
  if (answer.kind !== "override" || !("targets" in answer)) return false;
  return answer.targets.some((target) => target.role === role && target.type === "SET" && target.replicas !== null);
}
