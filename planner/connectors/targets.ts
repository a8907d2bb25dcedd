import type { Role, Targets } from "#planner/core";
import type { DeploymentState } from "./types.ts";

/** The roles that a wish names. */
export function targetEntries(targets: Partial<Targets>): [Role, number][] {
  return (Object.entries(targets) as [Role, number | undefined][]).filter(
    (entry): entry is [Role, number] => entry[1] !== undefined,
  );
}

/** Why nobody can be asked for these counts, whatever the platform; null where they can be asked for. */
export function unfitTargets(targets: Partial<Targets>, roles: readonly Role[]): string | null {
  for (const [role, count] of targetEntries(targets)) {
    if (!roles.includes(role)) return `the deployment has no ${role} workers`;
    if (!Number.isSafeInteger(count) || count < 0) {
      return `found ${count} ${role} workers, expected a whole number, ≥ 0`;
    }
  }
  return null;
}

/** Replicas that are asked for, by role; none of a state that is not known. */
export function desiredOf(state: DeploymentState | null): Partial<Targets> {
  const found: Partial<Targets> = {};
  for (const { role, desired } of Object.values(state?.roles ?? {})) found[role] = desired;
  return found;
}
