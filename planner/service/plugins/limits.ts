import {
  type Clamp,
  type Decision,
  type Reason,
  type ResourceLimit,
  type Role,
  type Targets,
  withinBudget,
} from "#planner/core";

export interface OutcomeLimits {
  roles: readonly Role[];
  minWorkers: Targets;
  limits: readonly ResourceLimit[];
}

/** What plugins made of a decision, held to what always holds: minimum and GPU budget. */
export function withinLimits(
  wanted: Targets,
  { workers }: Pick<Decision, "workers">,
  { roles, minWorkers, limits }: OutcomeLimits,
): { targets: Targets; clamps: Clamp[]; reasons: Reason[] } {
  const clamps: Clamp[] = [];
  const raised = { ...wanted };
  for (const role of roles) {
    if (wanted[role] >= minWorkers[role]) continue;
    raised[role] = minWorkers[role];
    clamps.push({ name: "minWorkers", role, from: wanted[role], to: raised[role] });
  }
  const limited = withinBudget({
    wanted: raised,
    minimum: minWorkers,
    workers,
    limits,
    roles,
  });
  clamps.push(...limited.clamps);
  const reasons = clamps.map(({ name, role, from, to }) => ({
    code: name === "minWorkers" ? "minimum" : "budget",
    role,
    text: `${name} makes ${to} of the ${from} that plugins want`,
  }));
  return { targets: limited.targets, clamps, reasons };
}
