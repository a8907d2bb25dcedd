import type { LocalReplica } from "#planner/connectors";

/** What is wanted of one component. */
export interface WantedComponent {
  name: string;
  replicas: number;
  /** Replicas of another revision are rolled over. */
  revision: string;
  /**
   * How: `surge` starts new ones before it drains old ones, so that none is missing; `recreate` drains first, for what can't be there
   * twice, such as a planner or the holder of a fixed port.
   */
  rollover: "surge" | "recreate";
}

/** What is there of a replica, as far as decisions need it. */
export interface SeenReplica {
  name: string;
  component: string;
  index: number;
  revision: string;
  state: LocalReplica["state"];
}

export type RunnerAction =
  | { kind: "start"; component: string; index: number; revision: string }
  | { kind: "drain"; replica: string };

/** Kubernetes' default of a Deployment: a quarter more than wanted while revisions change. */
const SURGE = 0.25;

/**
 * What brings what is there nearer to what is wanted. Pure, and at rest where both agree: carried out again and again, with replicas
 * that become ready and drain in between, it ends at exactly the wanted replicas of the wanted revisions.
 */
export function reconcile(wanted: readonly WantedComponent[], seen: readonly SeenReplica[]): RunnerAction[] {
  const names = new Set(wanted.map(({ name }) => name));
  const strays = seen.filter(({ component, state }) => !names.has(component) && state !== "draining");
  return [
    ...strays.map(drain),
    ...wanted.flatMap((component) =>
      reconcileComponent(
        component,
        seen.filter((replica) => replica.component === component.name),
      ),
    ),
  ];
}

function reconcileComponent(wanted: WantedComponent, seen: readonly SeenReplica[]): RunnerAction[] {
  const live = seen.filter(({ state }) => state !== "draining");
  const current = live.filter(({ revision }) => revision === wanted.revision);
  const old = live.filter(({ revision }) => revision !== wanted.revision);
  if (old.length === 0) return scale(wanted, current, seen);
  if (wanted.rollover === "recreate") return old.map(drain);

  // An old replica that takes no requests is of no use; of the others as many go as there are ready ones too many.
  const idle = old.filter(({ state }) => state !== "ready");
  const serving = old.filter(({ state }) => state === "ready");
  const newlyReady = current.filter(({ state }) => state === "ready").length;
  const spare = Math.max(0, Math.min(serving.length, serving.length + newlyReady - wanted.replicas));
  const leaving = [...idle, ...lastFirst(serving).slice(0, spare)];
  const most = wanted.replicas + Math.ceil(SURGE * wanted.replicas);
  const room = most - (live.length - leaving.length);
  const missing = Math.max(0, Math.min(room, wanted.replicas - current.length));
  const tooMany = Math.max(0, current.length - wanted.replicas);
  return [
    ...leaving.map(drain),
    ...leastUsefulFirst(current).slice(0, tooMany).map(drain),
    ...starts(wanted, missing, seen),
  ];
}

function scale(wanted: WantedComponent, current: readonly SeenReplica[], seen: readonly SeenReplica[]): RunnerAction[] {
  // What can't be there twice waits until the one before it is gone.
  const leaving = wanted.rollover === "recreate" ? seen.length - current.length : 0;
  const missing = wanted.replicas - current.length - leaving;
  if (missing > 0) return starts(wanted, missing, seen);
  const tooMany = Math.max(0, current.length - wanted.replicas);
  return leastUsefulFirst(current).slice(0, tooMany).map(drain);
}

/** Those that serve nothing, then the last that came. */
function leastUsefulFirst(replicas: readonly SeenReplica[]): SeenReplica[] {
  const idle = replicas.filter(({ state }) => state !== "ready");
  const serving = replicas.filter(({ state }) => state === "ready");
  return [...lastFirst(idle), ...lastFirst(serving)];
}

function starts(wanted: WantedComponent, count: number, seen: readonly SeenReplica[]): RunnerAction[] {
  const taken = new Set(seen.map(({ index }) => index));
  const actions: RunnerAction[] = [];
  for (let index = 0; actions.length < count; index++) {
    if (!taken.has(index)) actions.push({ kind: "start", component: wanted.name, index, revision: wanted.revision });
  }
  return actions;
}

function drain({ name }: SeenReplica): RunnerAction {
  return { kind: "drain", replica: name };
}

function lastFirst(replicas: readonly SeenReplica[]): SeenReplica[] {
  return replicas.toSorted((a, b) => b.index - a.index);
}
