import { expect } from "vitest";
import type { Connector, DeploymentState } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import { targetsOf } from "./stores.ts";

/** What not every platform has: a state in which it takes no changes, times in which it gives no answer. */
export type PlatformTrait = "readiness" | "outages";

/** A deployment that a connector is tried on, and the hands that play its platform. At the start one worker a role serves. */
export interface ConnectorFixture {
  roles: readonly Role[];
  /** A new connector to this deployment, not opened: a second planner's, or the same planner's after a restart. */
  connect(): Connector;
  /** Replicas that the platform has been asked for, read past the connector. */
  asked(): Promise<Partial<Targets>>;
  /** The platform carries out all it was asked for: as many workers serve. Resolves when a connector can see it. */
  settle(): Promise<void>;
  /** Somebody else changes replicas on the platform. Absent where nothing is ever changed. */
  editByHand?(targets: Partial<Targets>): Promise<void>;
  /** The deployment as a whole takes no changes, or does again. */
  setReady?(ready: boolean): Promise<void>;
  /** The platform stops answering, and answers again. */
  outage?: { begin(): Promise<void>; end(): Promise<void> };
  close(): Promise<void>;
}

/** What a connector sees, where it sees anything. */
export async function seen(connector: Connector): Promise<DeploymentState> {
  const state = await connector.state();
  if (state === null) throw new Error("the connector knows no state");
  return state;
}

function scale(connector: Connector, targets: Partial<Targets>) {
  return connector.scale({ targets, reason: "more load", decision: 1 });
}

/** It reports a deployment that takes no changes, asks it for none, and goes on when it does again. */
export async function reportsWhatTakesNoChanges(fixture: ConnectorFixture, connector: Connector): Promise<void> {
  const every = (count: number) => targetsOf(fixture.roles, count);
  await fixture.setReady!(false);
  const state = await seen(connector);
  expect(state.ready, "ready").toBe(false);
  expect(state.notReadyReason).toMatch(/\w/);
  expect(await scale(connector, every(2))).toMatchObject({ status: "not-ready", inForce: every(1) });
  expect(await fixture.asked()).toEqual(every(1));
  await fixture.setReady!(true);
  expect(await scale(connector, every(2))).toMatchObject({ status: "applied" });
}

/** It sees replicas that somebody changed by hand, and changes them back when told to. */
export async function seesEditsByHand(fixture: ConnectorFixture, connector: Connector): Promise<void> {
  const role = fixture.roles[0]!;
  await fixture.editByHand!({ [role]: 5 });
  await fixture.settle();
  expect((await seen(connector)).roles[role]!.desired, "desired").toBe(5);
  expect(await scale(connector, { [role]: 1 })).toMatchObject({ status: "applied" });
  expect(await fixture.asked()).toEqual(targetsOf(fixture.roles, 1));
}
