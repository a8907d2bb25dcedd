import type { Decision, Role, Targets } from "#planner/core";

/** One role's workers as the platform knows them. */
export interface RoleState {
  role: Role;
  /** Name of the service, component or Deployment behind the role. */
  component: string;
  /** Replicas that are asked for. */
  desired: number;
  /** Replicas that serve. */
  ready: number;
  /** Nothing is under way: desired, updated and available agree. */
  stable: boolean;
  /** GPUs of one replica by its resources; null where they don't say. */
  gpusPerReplica: number | null;
}

/** What a connector sees of the deployment at one moment. Roles that the deployment lacks are absent. */
export interface DeploymentState {
  /** Whether the deployment as a whole takes changes. */
  ready: boolean;
  /** Why it does not; null where it does. */
  notReadyReason: string | null;
  roles: Partial<Record<Role, RoleState>>;
  /** Model that it serves; null where nobody says. */
  model: string | null;
}

/**
 * What came of a wish. `applied`: the platform has taken it over; `unchanged`: it was so already; `not-ready`: the deployment does not
 * take changes now; `pending`: an earlier decision is still under way; `refused`: the platform said no for good; `failed`: it
 * could not be asked, retries included.
 */
export type ScaleStatus = "applied" | "unchanged" | "not-ready" | "pending" | "refused" | "failed";

export interface ScaleOutcome {
  status: ScaleStatus;
  /** Replicas that the platform now has been asked for, by role; what a partly failed change left in force, too. */
  inForce: Partial<Targets>;
  /** One sentence: what was done or why not. */
  message: string;
}

/** Why a change is wanted: for events and logs. */
export interface ScaleRequest {
  targets: Partial<Targets>;
  /** One sentence. */
  reason: string;
  /** Number of the decision, ascending within a planner's life. */
  decision: number;
  /** The load that it plans for, where it forecasts one: for whoever asks why. */
  forecast?: Decision["forecast"];
  /** Aborted: this planner may act no longer. Nothing is written after that, not even to put something back. */
  signal?: AbortSignal;
}

/** What is known of a deployment from the start, and does not change while it runs. */
export interface DeploymentFacts {
  /** Model that it serves; null where nobody says. */
  model: string | null;
  /** GPUs of one replica by its resources, where they say. */
  gpusPerReplica: Partial<Targets>;
}

/** Workers that serve, by role, as somebody sees them who is not the platform; null: not known now. */
export type WorkerDiscovery = () => Promise<Partial<Targets> | null>;

/** What a connector is told of its deployment where the platform need not say it. */
export interface TargetDeployment {
  /** Roles of the deployment: `["decode"]` for an aggregated one. */
  roles: readonly Role[];
  /** Who counts the workers that serve. Without it the platform's word is taken: what was carried out is there. */
  discovery?: WorkerDiscovery;
  /** GPUs of one replica. */
  gpusPerReplica?: Partial<Targets>;
}

/**
 * Reads a deployment's state and changes its replicas. `state` and `scale` throw UserError for what the user must mend (names, rights), and `scale` says everything else
 * in its outcome; a state that cannot be had now is null: unknown is not zero.
 */
export interface Connector {
  readonly kind: string;
  /**
   * Finds the deployment and checks that it can be planned for.
   * @throws UserError for every fault found, all in one
   */
  open(signal?: AbortSignal): Promise<DeploymentFacts>;
  state(): Promise<DeploymentState | null>;
  /** All roles change, or those that have are put back or rolled forward: the outcome says what is in force. */
  scale(request: ScaleRequest): Promise<ScaleOutcome>;
  /**
   * Waits until all that was asked for serves. Absent where nothing is ever asked for.
   * @returns whether that came within `timeoutMs`
   */
  settled?(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

/** Who of several planners acts. */
export interface Leadership {
  readonly isLeader: boolean;
  /** Name of who leads, as far as known. */
  readonly holder: string | null;
  /** Why the last attempt to lead or to look failed; null where it did not. */
  readonly problem: string | null;
  /** Begins to compete; returns at once. `changed` is told of every change. */
  start(changed: (isLeader: boolean) => void): Promise<void>;
  /** Gives the lead away at once, so that another takes over without waiting for the lease to end. */
  release(): Promise<void>;
}
