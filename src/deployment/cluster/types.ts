import type { DeploymentKey, EventText, LocalDeployment, LocalEvent } from "#planner/connectors";
import type { DeploymentPlan } from "../plan/types.ts";
import type { ApiObject } from "./objects.ts";

/** What the cluster's side needs of the runner that plays it. */
export interface GraphRunner {
  /** Takes over a plan: new, changed or the same. */
  apply(plan: DeploymentPlan): Promise<void>;
  /** Drains, ends and forgets; resolves when nothing is left of it. */
  remove(key: DeploymentKey): Promise<void>;
  view(key: DeploymentKey): LocalDeployment | null;
  views(): LocalDeployment[];
  /** File of what a replica writes; null where there is no such replica. */
  logOf(key: DeploymentKey, replica: string): string | null;
  subscribe(listener: (change: { deployment: LocalDeployment; event?: LocalEvent }) => void): () => void;
}

/** Makes a plan of a deployment and the objects that it refers to. @throws UserError for what can't be run */
export type GraphPlanner = (graph: ApiObject, referred: readonly ApiObject[]) => DeploymentPlan;

/** Tells events about an object of the cluster's. */
export type TellEvent = (object: ApiObject, text: EventText) => void;
