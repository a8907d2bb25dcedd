import type { Role, Targets } from "#planner/core";
import { countsMissing, storeUnreachable } from "../errors.ts";
import { type Pace, realPace } from "../pace.ts";
import { type KeyValueStore, StoreUnavailable } from "../stores/types.ts";
import { targetEntries, unfitTargets } from "../targets.ts";
import type {
  Connector,
  DeploymentFacts,
  DeploymentState,
  RoleState,
  ScaleOutcome,
  ScaleRequest,
  ScaleStatus,
  TargetDeployment,
} from "../types.ts";
import { type ProtocolKeys, type ProtocolState, protocolKeys, readProtocol } from "./protocol.ts";

export interface VirtualConnectorOptions extends TargetDeployment {
  /** Dynamo namespace of the deployment. */
  namespace: string;
  store: KeyValueStore;
  /** Workers that there are where nothing has been decided yet and nobody counts. */
  initial?: Partial<Targets>;
  model?: string;
  /** A decision that stays unanswered for so long no longer holds up the next, ms. Default: 1 800 000, as in Dynamo. */
  maxWaitMs?: number;
  pace?: Pace;
}

const MAX_WAIT_MS = 1_800_000;
/** Attempts against another planner that writes at the same time. */
const ATTEMPTS = 5;
/** One wait of `settled`, ms; stores may end a watch sooner. */
const WATCH_MS = 10_000;

/**
 * Writes decisions to a store from which an environment of one's own carries them out (see VirtualEnvironment). Holds no state that
 * a restart could lose: what is wanted and what is done stand in the store.
 */
export class VirtualConnector implements Connector {
  readonly kind = "virtual";
  readonly #options: VirtualConnectorOptions;
  readonly #keys: ProtocolKeys;
  readonly #pace: Pace;
  /** Counts that the environment last said were there. */
  #lastCarriedOut: Partial<Targets> = {};
  /** When a wish was first held up by a decision under way. */
  #heldUpSinceMs: number | null = null;

  constructor(options: VirtualConnectorOptions) {
    this.#options = options;
    this.#keys = protocolKeys(options.namespace);
    this.#pace = options.pace ?? realPace;
  }

  async open(): Promise<DeploymentFacts> {
    const { model = null, gpusPerReplica = {} } = this.#options;
    try {
      await this.#read();
      return { model, gpusPerReplica };
    } catch (error) {
      if (error instanceof StoreUnavailable) throw storeUnreachable(this.#options.store.place, error.message, error);
      throw error;
    }
  }

  async state(): Promise<DeploymentState | null> {
    const { roles, discovery, model = null } = this.#options;
    const protocol = await this.#readIfPossible();
    if (protocol === null) return null;
    if (discovery === undefined) this.#checkCounts(protocol);
    const discovered = discovery === undefined ? {} : await discovery();
    if (discovered === null) return null;
    const states: Partial<Record<Role, RoleState>> = {};
    for (const role of roles) {
      const state = this.#roleState(role, protocol, discovered[role]);
      if (state === null) return null;
      states[role] = state;
    }
    return { ready: true, notReadyReason: null, roles: states, model };
  }

  async scale(request: ScaleRequest): Promise<ScaleOutcome> {
    try {
      return await this.#scale(request);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const last = await this.#readIfPossible();
      return outcome("failed", last === null ? {} : this.#inForce(last), error.message);
    }
  }

  /**
   * Waits until the environment has carried out what was decided last.
   * @returns whether it has, within `timeoutMs`
   */
  async settled(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const endMs = this.#pace.nowMs() + timeoutMs;
    for (;;) {
      const protocol = await this.#read();
      if (protocol.isCarriedOut) return true;
      const leftMs = endMs - this.#pace.nowMs();
      if (leftMs <= 0 || signal?.aborted) return false;
      const { store } = this.#options;
      await store.changed(this.#keys.prefix, protocol.storeRevision, Math.min(WATCH_MS, leftMs), signal);
    }
  }

  async close(): Promise<void> {
    await this.#options.store.close();
  }

  async #scale({ targets, signal }: ScaleRequest): Promise<ScaleOutcome> {
    const { store } = this.#options;
    const refusal = unfitTargets(targets, this.#options.roles);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const protocol = await this.#read();
      const inForce = this.#inForce(protocol);
      if (refusal !== null) return outcome("refused", inForce, refusal);
      const wanted = targetEntries(targets).filter(([role, count]) => protocol.workers[role] !== count);
      if (wanted.length === 0) return outcome("unchanged", inForce, "these counts are asked for already");
      const heldUp = this.#heldUp(protocol);
      if (heldUp !== null) return outcome("pending", inForce, heldUp);
      const decision = (protocol.decisionId ?? -1) + 1;
      const write: Record<string, string> = { [this.#keys.decision]: String(decision) };
      for (const [role, count] of wanted) write[this.#keys.workers[role]] = String(count);
      if (signal?.aborted) return outcome("failed", inForce, "this planner may act no longer");
      if (!(await store.commit({ expect: protocol.revisions, write }))) continue;
      this.#heldUpSinceMs = null;
      const said = wanted.map(([role, count]) => `${role} ${protocol.workers[role] ?? "unset"} → ${count}`);
      return outcome("applied", { ...inForce, ...targets }, `decision ${decision}: ${said.join(", ")}`);
    }
    const protocol = await this.#read();
    return outcome("failed", this.#inForce(protocol), "another planner writes decisions at the same time");
  }

  /** Why no decision can be made now; null where one can. */
  #heldUp({ isCarriedOut, decisionId }: ProtocolState): string | null {
    if (isCarriedOut) {
      this.#heldUpSinceMs = null;
      return null;
    }
    const nowMs = this.#pace.nowMs();
    this.#heldUpSinceMs ??= nowMs;
    const waitedMs = nowMs - this.#heldUpSinceMs;
    if (waitedMs >= (this.#options.maxWaitMs ?? MAX_WAIT_MS)) return null;
    return `decision ${decisionId} is not carried out yet (waited ${Math.round(waitedMs / 1000)} s)`;
  }

  /** @throws UserError where nobody has ever said how many workers there are */
  #checkCounts({ decisionId, workers }: ProtocolState): void {
    const { roles, initial = {}, store } = this.#options;
    if (decisionId !== null) return;
    const missing = roles.filter((role) => workers[role] === null && initial[role] === undefined);
    if (missing.length > 0)
      throw countsMissing(
        store.place,
        missing.map((role) => this.#keys.workers[role]),
      );
  }

  /** null: nobody can say how many workers serve. */
  #roleState(role: Role, protocol: ProtocolState, discovered: number | undefined): RoleState | null {
    const { discovery, initial = {}, gpusPerReplica = {} } = this.#options;
    const asked = protocol.workers[role];
    let ready: number | undefined;
    if (discovery !== undefined) ready = discovered;
    else if (protocol.isCarriedOut) ready = asked ?? initial[role];
    else ready = this.#lastCarriedOut[role] ?? (protocol.decisionId === 0 ? initial[role] : undefined);
    if (ready === undefined) return null;
    const desired = asked ?? ready;
    return {
      role,
      component: role,
      desired,
      ready,
      stable: protocol.isCarriedOut && ready === desired,
      gpusPerReplica: gpusPerReplica[role] ?? null,
    };
  }

  #inForce(protocol: ProtocolState): Partial<Targets> {
    const found: Partial<Targets> = {};
    for (const role of this.#options.roles) {
      const count = protocol.workers[role];
      if (count !== null) found[role] = count;
    }
    return found;
  }

  async #readIfPossible(): Promise<ProtocolState | null> {
    try {
      return await this.#read();
    } catch (error) {
      if (error instanceof StoreUnavailable) return null;
      throw error;
    }
  }

  async #read(): Promise<ProtocolState> {
    const protocol = await readProtocol(this.#options.store, this.#keys);
    if (protocol.isCarriedOut) this.#lastCarriedOut = { ...this.#options.initial, ...this.#inForce(protocol) };
    return protocol;
  }
}

function outcome(status: ScaleStatus, inForce: Partial<Targets>, message: string): ScaleOutcome {
  return { status, inForce, message };
}
