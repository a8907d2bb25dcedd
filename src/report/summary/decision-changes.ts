import type { Decision, Reason, Role } from "#planner/core";
import type { RunFacts } from "#src/record";

export interface RoleChange {
  role: Role;
  from: number;
  to: number;
}

/** A decision that changed something, with the quiet ticks that came before it. */
export interface DecisionChange {
  decision: Decision;
  changes: RoleChange[];
  /** Ticks since the change before this one that left everything as it was. */
  quietBefore: Decision[];
}

export interface DecisionTimeline {
  ticks: number;
  changes: DecisionChange[];
  /** Quiet ticks after the last change. */
  quietAfter: Decision[];
}

/** The roles that a mode has workers of. */
export function rolesOf(mode: RunFacts["mode"]): Role[] {
  return mode === "disagg" ? ["prefill", "decode"] : ["decode"];
}

/** What a decision changes: its targets against the workers that are there or starting. */
export function roleChanges(decision: Decision, roles: Role[]): RoleChange[] {
  const targets = decision.targets;
  if (targets === null) return [];
  return roles.flatMap((role) => {
    const from = decision.workers[role].active + decision.workers[role].starting;
    return from === targets[role] ? [] : [{ role, from, to: targets[role] }];
  });
}

/** Sorts the ticks of a run into those that changed something and the quiet ones between them. */
export function decisionTimeline({ decisions, mode }: Pick<RunFacts, "decisions" | "mode">): DecisionTimeline {
  const roles = rolesOf(mode);
  const changes: DecisionChange[] = [];
  let quiet: Decision[] = [];
  for (const decision of decisions) {
    const changed = roleChanges(decision, roles);
    if (changed.length === 0) {
      quiet.push(decision);
      continue;
    }
    changes.push({ decision, changes: changed, quietBefore: quiet });
    quiet = [];
  }
  return { ticks: decisions.length, changes, quietAfter: quiet };
}

/** Why a change was made, in a line: the different reasons of the roles it changed, with the role where they are several. */
export function changeText({ decision, changes }: Omit<DecisionChange, "quietBefore">): string {
  const changed = changes.map((change) => change.role);
  const own = decision.reasons.filter((reason) => reason.role !== null && changed.includes(reason.role));
  const telling = own.length > 0 ? own : decision.reasons;
  const said = saidOnce(telling);
  return said.length === 1 ? said[0]!.text : said.map(withRoles).join("; ");
}

/** A reason, with all roles that it holds for; none: it speaks of no role. */
export interface SaidReason {
  roles: Role[];
  code: string;
  text: string;
}

/** Each reason once: what is said of a role needs not be said again of all. */
export function saidOnce(reasons: readonly Reason[]): SaidReason[] {
  const said = new Map<string, SaidReason>();
  for (const { code, role, text } of reasons) {
    const key = `${code}\n${text}`;
    const known = said.get(key) ?? { roles: [], code, text };
    said.set(key, known);
    if (role !== null && !known.roles.includes(role)) known.roles.push(role);
  }
  return [...said.values()];
}

/** Why a tick left all as it was, in a line. */
export function reasonsText({ reasons, loops }: Decision): string {
  if (reasons.length === 0) return loops === undefined ? "no reason was given" : "no loop was due";
  return saidOnce(reasons).map(withRoles).join("; ");
}

function withRoles({ roles, text }: SaidReason): string {
  return roles.length === 0 ? text : `${roles.join(" and ")}: ${text}`;
}

/** The reasons of a change, those of the roles it changed first. */
export function leadingReasons({ decision, changes }: Omit<DecisionChange, "quietBefore">): Reason[] {
  const changed = new Set<Role | null>(changes.map((change) => change.role));
  const rank = (reason: Reason) => (changed.has(reason.role) ? 0 : reason.role === null ? 1 : 2);
  return decision.reasons.toSorted((a, b) => rank(a) - rank(b));
}
