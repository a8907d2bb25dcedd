import type { Clamp, Decision, Observation, Planner, Role, Targets } from "./types.ts";

/** Name of its clamps. */
export const STEP_LIMIT = "maxStep";

/**
 * A strategy whose decisions add or take at most so many workers of a role at once. What a limit on resources takes away goes at
 * once; and while workers of one role stay that were to go, no other role grows into their place.
 */
export function withStepLimit(planner: Planner, maxStep: number, roles: readonly Role[]): Planner {
  return {
    strategy: planner.strategy,
    intervalMs: planner.intervalMs,
    ...(planner.needsForwardPasses === undefined ? {} : { needsForwardPasses: planner.needsForwardPasses }),
    ...(planner.setMinimum === undefined ? {} : { setMinimum: (minimum: Targets) => planner.setMinimum!(minimum) }),
    tick: (observation: Observation) => limited(planner.tick(observation), maxStep, roles),
  };
}

function limited(decision: Decision, maxStep: number, roles: readonly Role[]): Decision {
  if (decision.targets === null) return decision;
  const { workers, clamps } = decision;
  const targets = { ...decision.targets };
  const standing = (role: Role) => workers[role].active + workers[role].starting;
  const isCutDown = (role: Role) => clamps.some((clamp) => clamp.role === role && clamp.to < clamp.from);
  let staying = false;
  for (const role of roles) {
    const least = standing(role) - maxStep;
    if (targets[role] >= least || isCutDown(role)) continue;
    targets[role] = least;
    staying = true;
  }
  for (const role of roles) targets[role] = Math.min(targets[role], standing(role) + (staying ? 0 : maxStep));
  const made: Clamp[] = roles
    .filter((role) => targets[role] !== decision.targets![role])
    .map((role) => ({ name: STEP_LIMIT, role, from: decision.targets![role], to: targets[role] }));
  if (made.length === 0) return decision;
  const reasons = made.map(({ role, from, to }) => ({
    code: "step-limit",
    role,
    text: `${to} instead of ${from}: at most ${maxStep} workers a step`,
  }));
  return { ...decision, targets, clamps: [...clamps, ...made], reasons: [...decision.reasons, ...reasons] };
}
