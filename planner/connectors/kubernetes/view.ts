import type { Role, Targets } from "#planner/core";
import type { RoleQuestion } from "../roles.ts";
import type { DeploymentFacts, DeploymentState } from "../types.ts";
import type { CallOptions } from "./client.ts";
import type { EventSubject } from "./events.ts";
import type { Right, RightsOptions } from "./rights.ts";

/** What the platform knows of one role's workers. */
export interface Part {
  role: Role;
  /** Of the service, component or Deployment. */
  name: string;
  /** Replicas that are asked for. */
  desired: number;
  /** GPUs of one replica; null where nobody says. */
  gpus: number | null;
  /** Fewest replicas but 0 that the platform takes; null: no limit. */
  minAvailable: number | null;
  /**
   * Sets its replicas, where it has an object of its own that says them: a scaling adapter, a Deployment. Fails with 409 where that has changed
   * since. Null: they are set together with others'.
   */
  scale: ((replicas: number, call: CallOptions) => Promise<void>) | null;
  /** It could have a scaling adapter, and has none. */
  lacksAdapter: boolean;
  /** What events about it are about. */
  subject: EventSubject;
}

/** A deployment at one moment, as far as the roles concern it. */
export interface View {
  /** Whether it takes changes. */
  ready: boolean;
  /** Why not; null where it does. */
  notReadyReason: string | null;
  /** In the roles' order. */
  parts: readonly Part[];
  model: string | null;
  /** What keeps it from being planned for; one sentence each. */
  problems: readonly string[];
  /** Where a watch goes on from. */
  resourceVersion: string;
  /** Parts without a scale of their own, all or none; null where every part has one. */
  together: {
    /** Fails with 422 where they have changed since. @param counts by the parts' names */
    scale(counts: ReadonlyMap<string, number>, call: CallOptions): Promise<void>;
    /** Asks whether they have: a failed test has the status of an invalid object. */
    hasChanged(): Promise<boolean>;
  } | null;
  /** Null where nobody says how many workers serve. */
  state(call: CallOptions): Promise<DeploymentState | null>;
}

/** What workers are on a cluster: components of a DynamoGraphDeployment, or Deployments. */
export interface KubernetesPlatform {
  /** Of the deployment, for messages. */
  readonly place: string;
  /** What a planner must be allowed. */
  rights(options: RightsOptions): Right[];
  /** @throws UserError where there is no such deployment; ApiFailure, ApiUnavailable */
  view(question: RoleQuestion, call: CallOptions): Promise<View>;
  /** Ends with the first change after `resourceVersion`, or when the watch breaks. */
  changed(resourceVersion: string, signal: AbortSignal): Promise<void>;
}

export function desiredOf({ parts }: View): Partial<Targets> {
  return Object.fromEntries(parts.map(({ role, desired }) => [role, desired]));
}

export function factsOf({ parts, model }: View): DeploymentFacts {
  const gpusPerReplica: Partial<Targets> = {};
  for (const { role, gpus } of parts) if (gpus !== null) gpusPerReplica[role] = gpus;
  return { model, gpusPerReplica };
}
