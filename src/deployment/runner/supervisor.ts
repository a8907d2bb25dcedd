import type { LocalEvent } from "#planner/connectors";
import type { ComponentPlan, DeploymentPlan } from "../plan/types.ts";
import type { Launcher } from "./launcher.ts";
import type { Replica } from "./replica.ts";

/** What those who look after replicas tell the deployment, and what they ask of it. */
export interface Supervisor {
  readonly launcher: Launcher;
  readonly timeScale: number;
  plan(): DeploymentPlan;
  /** As planned now; undefined where it is planned no more. */
  component(name: string): ComponentPlan | undefined;
  /** Something of it is other than before. */
  changed(): void;
  event(type: LocalEvent["type"], reason: string, object: string, message: string): void;
  /** Its process ended although it is wanted: it is to be started again some time. */
  crashed(replica: Replica, message: string): void;
  /** It has drained, or ended while it did. */
  gone(replica: Replica): void;
}

/** Looks after replicas of one way of running. Nothing of it throws; what goes wrong is told to the supervisor. */
export interface ReplicaKeeper {
  start(replica: Replica): void;
  drain(replica: Replica): void;
  /** All at once: the deployment ends. Resolves when their processes are gone. */
  end(replicas: readonly Replica[], graceMs: number): Promise<void>;
  /** Looks after nothing any more; the processes live on. */
  leave(): void;
}
