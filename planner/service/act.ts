import { type Connector, type DeploymentState, desiredOf } from "#planner/connectors";
import type { Decision, Role, Targets } from "#planner/core";
import type { TickAction } from "./types.ts";

/** Replicas that a decision wants otherwise than the platform is asked for; null where there is nothing to change. */
export function wantedChange(decision: Decision, state: DeploymentState): Partial<Targets> | null {
  if (decision.targets === null) return null;
  const change: Partial<Targets> = {};
  for (const role of ["prefill", "decode"] as const) {
    const known = state.roles[role];
    if (known !== undefined && known.desired !== decision.targets[role]) change[role] = decision.targets[role];
  }
  return Object.keys(change).length === 0 ? null : change;
}

interface ActOptions {
  advisory: boolean;
  /** Why this planner may not act; null: it may. */
  standby: string | null;
  /** Aborted when it may no longer. */
  signal: AbortSignal;
}

/** Carries a decision out, or says why not. Never throws: what a connector throws has failed. */
export async function act(
  decision: Decision,
  state: DeploymentState,
  connector: Connector,
  { advisory, standby, signal }: ActOptions,
): Promise<TickAction> {
  const wanted = wantedChange(decision, state);
  const inForce = desiredOf(state);
  if (wanted === null) return { status: "no-decision", message: "nothing is to be changed", wanted, inForce };
  const said = describeChange(wanted, inForce);
  if (standby !== null) return { status: "standby", message: `${said}: ${standby}`, wanted, inForce };
  if (advisory) return { status: "advisory", message: `${said}: only advised`, wanted, inForce };
  if (!state.ready) {
    return { status: "not-ready", message: `${said}: ${state.notReadyReason ?? "not ready"}`, wanted, inForce };
  }
  try {
    const reason = decision.reasons.map(({ text }) => text).join("; ");
    const { tick, forecast } = decision;
    const outcome = await connector.scale({ targets: wanted, reason, decision: tick, forecast, signal });
    return { ...outcome, wanted };
  } catch (error) {
    return { status: "failed", message: `${said}: ${(error as Error).message}`, wanted, inForce };
  }
}

/** `prefill 1 → 2, decode 3 → 2` */
function describeChange(wanted: Partial<Targets>, before: Partial<Targets>): string {
  return (Object.entries(wanted) as [Role, number][])
    .map(([role, count]) => `${role} ${before[role] ?? "?"} → ${count}`)
    .join(", ");
}
