import type { Connector, ScaleStatus } from "#planner/connectors";
import type { BudgetBand, Intent, Leg, Role, SharedDecision, Targets } from "#planner/core";

/** Whose deployment a planner speaks of. */
export interface DeploymentAddress {
  /** Dynamo namespace of the planner. */
  callerNamespace: string;
  kubernetesNamespace: string;
  /** Name of the DynamoGraphDeployment. */
  name: string;
}

/** A deployment that there is, as a platform finds it or a planner introduces it. */
export interface KnownDeployment {
  /** Unlike all others'. */
  id: string;
  address: DeploymentAddress;
  /** Roles that can be scaled; may grow. */
  roles: readonly Role[];
  /** GPUs of what nobody scales. */
  otherGpus: number;
}

export interface AskedFor {
  replicas: Partial<Targets>;
  /** GPUs of a replica, where the platform says. */
  gpus: Partial<Targets>;
}

/** What the deployments run on. */
export interface Platform {
  readonly kind: string;
  /** Name of the deployment that an address means. */
  idOf(address: DeploymentAddress): string;
  /**
   * All deployments that are there, whether or not a planner has asked for them.
   * @throws Error where the platform can't be asked now
   */
  discover(): Promise<KnownDeployment[]>;
  /**
   * The deployment that a planner of these roles speaks of.
   * @throws UserError where there is none; another Error where the platform can't be asked now
   */
  find(address: DeploymentAddress, roles: readonly Role[]): Promise<KnownDeployment>;
  /**
   * Replicas that a deployment is asked for, where its whole state can't be had: under a budget they count all the same. Null where nobody knows.
   * @throws Error where the platform can't be asked now
   */
  asked(deployment: KnownDeployment): Promise<AskedFor | null>;
  /** Not opened; asked anew where the roles have grown. */
  connector(deployment: KnownDeployment): Connector;
  close(): Promise<void>;
}

/** A request as the global planner understands it. */
export interface GlobalRequest {
  address: DeploymentAddress;
  targets: Partial<Targets>;
  /** GPUs of a replica by the planner's word. */
  gpusPerReplica: Partial<Targets>;
  blocking: boolean;
  /** When it was asked, Unix ms; null: not told. */
  askedAtMs: number | null;
  predictedLoad: Record<string, unknown> | null;
  reason: string | null;
}

/**
 * What came of one leg. `held-back`: what was to free GPUs for it has not come about, so that it would have gone above the ceiling;
 * `aborted`: the first leg failed, so none was begun after it.
 */
export type LegStatus = ScaleStatus | "held-back" | "aborted";

export interface LegOutcome extends Leg {
  status: LegStatus;
  message: string;
  /** As far as the platform says. */
  inForce: Partial<Targets>;
}

export interface GlobalAnswer {
  status: "success" | "error" | "rejected";
  outcome: ScaleStatus;
  message: string;
  currentReplicas: Partial<Targets>;
}

/** All that is remembered of one request: what was asked, what it was judged by, and what came of it. */
export interface DecisionRecord {
  /** Ascending within this process's life. */
  number: number;
  atUnixMs: number;
  deployment: string;
  request: GlobalRequest;
  /** Null where it could not come to a decision. */
  decision: SharedDecision | null;
  /** Intents that still counted. */
  intents: readonly Intent[];
  /** Replicas that were asked for before, by pool. */
  pools: Readonly<Record<string, number>>;
  legs: readonly LegOutcome[];
  answer: GlobalAnswer;
  /** Deployments whose state was read for it. */
  reads: number;
  tookMs: number;
}

export interface GlobalPlannerSettings {
  band: BudgetBand;
  intentTtlMs: number;
  /** Dynamo namespaces whose planners may ask; null: all. */
  managedNamespaces: readonly string[] | null;
  /** Decide and say so, but change nothing. */
  noOperation: boolean;
  isStrict: boolean;
  /** GPUs of a replica where neither platform nor planner says. */
  defaultGpus: Partial<Targets>;
}
