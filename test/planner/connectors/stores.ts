import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KeyValueStore, StoreUnavailable, type StoreView, type Transaction } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";

/** A folder that is gone after the test. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "understudy-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A store that can be cut off from those who use it. */
export class SeverableStore implements KeyValueStore {
  readonly kind = "severable";
  readonly place = "severable";
  severed = false;
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  async read(prefix: string): Promise<StoreView> {
    this.#check();
    return this.#store.read(prefix);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    this.#check();
    return this.#store.commit(transaction);
  }

  async changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    this.#check();
    return this.#store.changed(prefix, revision, timeoutMs, signal);
  }

  async close(): Promise<void> {}

  #check(): void {
    if (this.severed) throw new StoreUnavailable("severed: no answer");
  }
}

/** The same count for every role. */
export function targetsOf(roles: readonly Role[], count: number): Partial<Targets> {
  return Object.fromEntries(roles.map((role) => [role, count]));
}
