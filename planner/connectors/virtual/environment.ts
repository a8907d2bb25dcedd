import type { Role } from "#planner/core";
import type { KeyValueStore } from "../stores/types.ts";
import { type ProtocolKeys, type ProtocolState, protocolKeys, readProtocol } from "./protocol.ts";

/** What a planner wants of its environment; null: it has never said. */
export interface EnvironmentDecision {
  decisionId: number;
  workers: Record<Role, number | null>;
}

/** One wait for a change, ms; stores may end a watch sooner. */
const WATCH_MS = 10_000;
const ATTEMPTS = 20;

/**
 * The other side of the virtual connector: what an environment of one's own (a script, a launcher, a cluster manager) does. A
 * loop of `wait`, changing the workers, and `complete`.
 */
export class VirtualEnvironment {
  readonly #store: KeyValueStore;
  readonly #keys: ProtocolKeys;

  constructor(store: KeyValueStore, namespace: string) {
    this.#store = store;
    this.#keys = protocolKeys(namespace);
  }

  /**
   * Says how many workers there are before anything was decided, so that a planner has something to start from. What a planner
   * has decided stands.
   * @throws StoreUnavailable
   */
  async announce(workers: Partial<Record<Role, number>>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#read();
      const write: Record<string, string> = {};
      for (const [role, count] of Object.entries(workers) as [Role, number][]) {
        if (found.workers[role] === null) write[this.#keys.workers[role]] = String(count);
      }
      if (Object.keys(write).length === 0) return;
      if (await this.#store.commit({ expect: found.revisions, write })) return;
    }
  }

  /**
   * The last decision, carried out or not; null where there is none.
   * @throws StoreUnavailable, UserError for values that are no numbers
   */
  async get(): Promise<EnvironmentDecision | null> {
    return decisionOf(await this.#read());
  }

  /**
   * The last decision that has not been carried out, as soon as there is one. A restarted environment finds what the former one
   * has left undone.
   * @returns null where `signal` was aborted first
   * @throws StoreUnavailable, UserError for values that are no numbers
   */
  async wait(signal?: AbortSignal): Promise<EnvironmentDecision | null> {
    for (;;) {
      if (signal?.aborted) return null;
      const found = await this.#read();
      if (!found.isCarriedOut) return decisionOf(found);
      await this.#store.changed(this.#keys.prefix, found.storeRevision, WATCH_MS, signal);
    }
  }

  /**
   * Says that `decision` has been carried out. A later one's word stays, so that a slow environment can't take it back.
   * @throws StoreUnavailable
   */
  async complete(decision: Pick<EnvironmentDecision, "decisionId">): Promise<void> {
    const { prefix, scaled } = this.#keys;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entry = (await this.#store.read(prefix)).values.get(scaled);
      if (entry !== undefined && Number(entry.value) >= decision.decisionId) return;
      const write = { [scaled]: String(decision.decisionId) };
      if (await this.#store.commit({ expect: { [scaled]: entry?.revision ?? 0 }, write })) return;
    }
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #read(): Promise<ProtocolState> {
    return readProtocol(this.#store, this.#keys);
  }
}

function decisionOf({ decisionId, workers }: ProtocolState): EnvironmentDecision | null {
  return decisionId === null ? null : { decisionId, workers };
}
