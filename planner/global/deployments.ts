import { UserError } from "#common";
import { type Connector, type DeploymentState, desiredOf, type RoleState } from "#planner/connectors";
import type { Role, SharedPool, Targets } from "#planner/core";
import { RequestRefused } from "./errors.ts";
import type { AskedFor, DeploymentAddress, KnownDeployment, Platform } from "./types.ts";
import { within } from "./within.ts";

export interface DeploymentsOptions {
  platform: Platform;
  /** Dynamo namespaces whose deployments count; null: all. */
  managedNamespaces: readonly string[] | null;
  defaultGpus: Partial<Targets>;
  /** Monotonic, ms. */
  nowMs: () => number;
  warn: (text: string) => void;
}

/** One deployment, what is known of it, and the connector that scales it. */
export interface Deployment {
  known: KnownDeployment;
  connector: Connector;
  /** Null: not opened yet, or in vain. */
  opening: Promise<void> | null;
  /** As last seen, or as it was asked for since. Null: never seen. */
  state: DeploymentState | null;
  /** What counts where there is no state. */
  asked: AskedFor | null;
  /** Whether the last attempt to see it succeeded. */
  isSeen: boolean;
  readAtMs: number;
  /** Grows with every change that was asked for: a state that was being read meanwhile is out of date. */
  changes: number;
  /** By the word of its planner. */
  gpus: Partial<Targets>;
}

/** Deployments that one process takes care of: more are refused. */
const MOST = 1_000;
/** A state that is younger need not be read again for somebody else's request, ms. */
const FRESH_MS = 10_000;
/** A state that can't be read counts for so long as it was last seen, ms. */
const LAST_KNOWN_MS = 360_000;
const READS_AT_ONCE = 8;
/** Reading one state, ms. */
const READ_MS = 15_000;
/** Finding all deployments, retries included, ms. */
const DISCOVERY_MS = 30_000;

/** The deployments under the budget: those that the platform shows, and those whose planners have asked. */
export class Deployments {
  readonly #options: DeploymentsOptions;
  readonly #all = new Map<string, Deployment>();
  /** States that were read, since the process began. */
  reads = 0;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
  }

  /** By name, so that equals have the same order after a restart. */
  get all(): readonly Deployment[] {
    return [...this.#all.values()].sort((a, b) => (a.known.id < b.known.id ? -1 : 1));
  }

  get(id: string): Deployment | undefined {
    return this.#all.get(id);
  }

  /** Takes notice of all that the platform shows. @throws Error where it can't be asked */
  async discover(): Promise<void> {
    const { platform, managedNamespaces } = this.#options;
    for (const found of await within(DISCOVERY_MS, platform.discover())) {
      if (managedNamespaces === null || managedNamespaces.includes(found.address.callerNamespace)) this.#add(found);
    }
  }

  /** From the life before this one. */
  restore(known: KnownDeployment, gpus: Partial<Targets>): void {
    this.#add(known).gpus = gpus;
  }

  /**
   * The deployment that a planner speaks of, with these roles at least.
   * @throws RequestRefused
   */
  async meet(address: DeploymentAddress, roles: readonly Role[]): Promise<Deployment> {
    const { platform } = this.#options;
    const before = this.#all.get(platform.idOf(address));
    if (before !== undefined && roles.every((role) => before.known.roles.includes(role))) return before;
    if (before === undefined && this.#all.size >= MOST) {
      throw new RequestRefused(429, `${MOST} deployments are known already, more are not taken`);
    }
    const wanted = [...new Set([...(before?.known.roles ?? []), ...roles])];
    try {
      const found = await within(READ_MS, platform.find(address, wanted));
      const lacking = roles.filter((role) => !found.roles.includes(role));
      if (lacking.length > 0) throw new RequestRefused(404, `${found.id} has no ${lacking.join(" and no ")} workers`);
      return this.#add(found);
    } catch (error) {
      if (error instanceof RequestRefused) throw error;
      if (error instanceof UserError) throw new RequestRefused(404, error.message);
      throw new RequestRefused(424, `${platform.idOf(address)} can't be looked up now: ${(error as Error).message}`);
    }
  }

  /** Reads the states of some, and of whoever was not seen lately. */
  async look(ids: ReadonlySet<string>): Promise<number> {
    const nowMs = this.#options.nowMs();
    const due = this.all.filter(({ known, isSeen, readAtMs }) => {
      return ids.has(known.id) || !isSeen || nowMs - readAtMs > FRESH_MS;
    });
    for (let i = 0; i < due.length; i += READS_AT_ONCE) {
      await Promise.all(due.slice(i, i + READS_AT_ONCE).map((each) => this.read(each)));
    }
    return due.length;
  }

  /** Its state now; null where it can't be had. A deployment that is gone is forgotten. @throws UserError for what is wrong with it */
  async read(deployment: Deployment, rethrow = false): Promise<DeploymentState | null> {
    this.reads++;
    const { changes } = deployment;
    try {
      const state = await within(READ_MS, this.#read(deployment));
      if (deployment.changes !== changes) return deployment.state;
      deployment.isSeen = state !== null;
      if (state === null) {
        await this.#readAsked(deployment);
        return null;
      }
      deployment.state = state;
      deployment.readAtMs = this.#options.nowMs();
      return state;
    } catch (error) {
      deployment.isSeen = false;
      await this.#readAsked(deployment);
      if (error instanceof UserError && error.code === "PLANNER_KUBERNETES_NO_DEPLOYMENT") {
        this.#all.delete(deployment.known.id);
        await deployment.connector.close();
      }
      if (rethrow) throw error;
      this.#options.warn(`${deployment.known.id}: its state can't be had: ${(error as Error).message}`);
      return null;
    }
  }

  async #read(deployment: Deployment): Promise<DeploymentState | null> {
    await this.open(deployment);
    return deployment.connector.state();
  }

  async #readAsked(deployment: Deployment): Promise<void> {
    const { changes, known } = deployment;
    try {
      const asked = await within(READ_MS, this.#options.platform.asked(known));
      if (asked === null || deployment.changes !== changes) return;
      deployment.state = null;
      deployment.asked = asked;
      deployment.readAtMs = this.#options.nowMs();
    } catch {
      // Not even that: it counts as it was last seen.
    }
  }

  /** @throws what the connector throws */
  async open(deployment: Deployment): Promise<void> {
    deployment.opening ??= deployment.connector.open().then(
      () => {},
      (error: Error) => {
        deployment.opening = null;
        throw error;
      },
    );
    await deployment.opening;
  }

  /** Somebody else may have changed all of them. */
  forgetStates(): void {
    for (const deployment of this.#all.values()) {
      deployment.changes++;
      deployment.isSeen = false;
      deployment.state = null;
      deployment.asked = null;
    }
  }

  /** Replicas that were asked for just now: they count before the platform is read again. */
  asked(deployment: Deployment, inForce: Partial<Targets>): void {
    deployment.changes++;
    const { state, asked } = deployment;
    if (asked !== null) deployment.asked = { ...asked, replicas: { ...asked.replicas, ...inForce } };
    if (state === null) return;
    const roles = { ...state.roles };
    for (const [role, desired] of Object.entries(inForce) as [Role, number][]) {
      const before = roles[role];
      if (before !== undefined && before.desired !== desired) roles[role] = { ...before, desired, stable: false };
    }
    deployment.state = { ...state, roles };
  }

  /** Replicas that may have been asked for: nobody knows before the platform is read again, until then the larger counts. */
  mayHaveAsked(deployment: Deployment, targets: Partial<Targets>): void {
    const before = { ...deployment.asked?.replicas, ...desiredOf(deployment.state) };
    const larger: Partial<Targets> = {};
    for (const [role, count] of Object.entries(targets) as [Role, number][]) {
      larger[role] = Math.max(count, before[role] ?? 0);
    }
    this.asked(deployment, larger);
    deployment.isSeen = false;
  }

  /**
   * All pools of a deployment as the budget counts them.
   * @throws RequestRefused where a count or the size of a worker is not known: nobody may guess under a budget
   */
  pools({ known, state, asked, isSeen, readAtMs, gpus }: Deployment): SharedPool[] {
    const isRecent = isSeen || this.#options.nowMs() - readAtMs <= LAST_KNOWN_MS;
    const seen = state === null ? fromAsked(asked) : Object.values(state.roles);
    if (seen === null || !isRecent) {
      throw new RequestRefused(424, `the state of ${known.id} is not known now: under a budget nothing can be granted`);
    }
    return seen.map(({ role, desired, gpusPerReplica }) => {
      const size = gpusPerReplica ?? gpus[role] ?? this.#options.defaultGpus[role];
      if (size === undefined) {
        throw new RequestRefused(
          424,
          `nobody says how many GPUs a ${role} worker of ${known.id} has: set its resources, or --${role}-engine-num-gpu`,
        );
      }
      return {
        deployment: known.id,
        role,
        replicas: desired,
        gpusPerReplica: size,
        takesChanges: isSeen && state?.ready === true,
      };
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all.values()].map(({ connector }) => connector.close()));
    await this.#options.platform.close();
  }

  #add(known: KnownDeployment): Deployment {
    const before = this.#all.get(known.id);
    if (before !== undefined && known.roles.every((role) => before.known.roles.includes(role))) {
      before.known = { ...known, roles: before.known.roles };
      return before;
    }
    // A connector knows its roles from the start: with more of them, there has to be another one.
    before?.connector.close().catch(() => {});
    const deployment: Deployment = {
      known,
      connector: this.#options.platform.connector(known),
      opening: null,
      state: null,
      asked: null,
      isSeen: false,
      readAtMs: Number.NEGATIVE_INFINITY,
      changes: 0,
      gpus: before?.gpus ?? {},
    };
    this.#all.set(known.id, deployment);
    return deployment;
  }
}

function fromAsked(asked: AskedFor | null): Pick<RoleState, "role" | "desired" | "gpusPerReplica">[] | null {
  if (asked === null) return null;
  return (Object.entries(asked.replicas) as [Role, number][]).map(([role, desired]) => ({
    role,
    desired,
    gpusPerReplica: asked.gpus[role] ?? null,
  }));
}
