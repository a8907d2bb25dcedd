import type { Role, Targets } from "#planner/core";
import type { PluginAnswer } from "./types.ts";

/** What one participant says. */
export interface Opinion {
  pluginId: string;
  /** The smallest counts first. */
  priority: number;
  answer: PluginAnswer;
}

export interface Merged {
  /** Who rejected: nothing is scaled; null: nobody. */
  rejectedBy: string | null;
  targets: Partial<Targets>;
  /** Whose final override counts alone; null: nobody's. */
  finalFrom: string | null;
  /** Who named numbers where only bounds count. */
  setDropped: { pluginId: string; role: Role }[];
  clamped: { role: Role; by: "floor" | "ceiling"; pluginId: string; from: number; to: number }[];
}

/**
 * Dynamo's merge of a stage's answers. A rejection ends it; of final overrides the one of smallest priority counts verbatim; else, by
 * role, the SET of smallest priority (or what stood before) is kept between the highest AT_LEAST and the lowest AT_MOST, of which the
 * floor wins.
 * @param baseline what stands before
 * @param allowSet false in the last stage, which may only bound
 */
export function mergeOpinions(opinions: readonly Opinion[], baseline: Partial<Targets>, allowSet: boolean): Merged {
  const merged: Merged = { rejectedBy: null, targets: { ...baseline }, finalFrom: null, setDropped: [], clamped: [] };
  const rejection = opinions.find(({ answer }) => answer.kind === "reject");
  if (rejection !== undefined) return { ...merged, rejectedBy: rejection.pluginId };
  // Equal priorities: who was named first.
  const overrides = opinions.flatMap(({ pluginId, priority, answer }) =>
    answer.kind === "override" && "targets" in answer ? [{ pluginId, priority, ...answer }] : [],
  );
  overrides.sort((a, b) => a.priority - b.priority);
  const wishes = overrides.flatMap(({ pluginId, targets }) =>
    targets.flatMap(({ role, replicas, type }) => (replicas === null ? [] : [{ pluginId, role, replicas, type }])),
  );
  const last = overrides.find(({ final }) => final === true);
  if (last !== undefined) {
    for (const { pluginId, role, replicas, type } of wishes.filter((wish) => wish.pluginId === last.pluginId)) {
      if (type === "SET" && !allowSet) merged.setDropped.push({ pluginId, role });
      else merged.targets[role] = replicas;
    }
    // Verbatim: a role that it names without a number has none, whatever stood before.
    for (const { role, replicas } of last.targets) if (replicas === null) delete merged.targets[role];
    return { ...merged, finalFrom: last.pluginId };
  }
  for (const role of new Set(wishes.map((wish) => wish.role))) {
    const own = wishes.filter((wish) => wish.role === role);
    const sets = own.filter(({ type }) => type === "SET");
    if (!allowSet) merged.setDropped.push(...sets.map(({ pluginId }) => ({ pluginId, role })));
    if (!allowSet && sets.length === own.length) continue;
    const wanted = (allowSet ? sets[0]?.replicas : undefined) ?? baseline[role] ?? 0;
    const floor = outermost(own, "AT_LEAST");
    const ceiling = outermost(own, "AT_MOST");
    const result = Math.max(floor?.replicas ?? 0, Math.min(ceiling?.replicas ?? wanted, wanted));
    merged.targets[role] = result;
    if (result === wanted) continue;
    const by = result > wanted ? "floor" : "ceiling";
    const { pluginId } = (by === "floor" ? floor : ceiling)!;
    merged.clamped.push({ role, by, pluginId, from: wanted, to: result });
  }
  return merged;
}

/** The bound that binds most; of equal ones the first. */
function outermost<Wish extends { type: string; replicas: number }>(
  wishes: readonly Wish[],
  type: "AT_LEAST" | "AT_MOST",
): Wish | undefined {
  const sign = type === "AT_LEAST" ? -1 : 1;
  return wishes.filter((wish) => wish.type === type).sort((a, b) => sign * (a.replicas - b.replicas))[0];
}
