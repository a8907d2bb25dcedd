import type { KeyValueStore, StoredValue, StoreView, Transaction } from "./types.ts";

/** A store that lives and dies with its process: what an HTTP store serves unless it is given a folder. */
export class MemoryStore implements KeyValueStore {
  readonly kind = "memory";
  readonly place = "memory";
  readonly #values = new Map<string, StoredValue>();
  readonly #watchers = new Set<{ prefix: string; wake: () => void }>();
  #revision: number;

  /** @param revision of the empty store: one that is higher than its forerunner's last, where clients outlive stores */
  constructor(revision = 0) {
    this.#revision = revision;
  }

  async read(prefix: string): Promise<StoreView> {
    return { revision: this.#revision, values: under(this.#values, prefix) };
  }

  async commit({ expect = {}, write }: Transaction): Promise<boolean> {
    for (const [key, revision] of Object.entries(expect)) {
      if ((this.#values.get(key)?.revision ?? 0) !== revision) return false;
    }
    this.#revision++;
    for (const [key, value] of Object.entries(write)) {
      if (value === null) this.#values.delete(key);
      else this.#values.set(key, { value, revision: this.#revision });
      for (const { prefix, wake } of [...this.#watchers]) if (key.startsWith(prefix)) wake();
    }
    return true;
  }

  changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false);
    // Deletions leave no revision behind: whoever knows an older state of the store is told to look again.
    if (this.#revision > revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (changed: boolean) => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        signal?.removeEventListener("abort", aborted);
        resolve(changed);
      };
      const watcher = { prefix, wake: () => finish(true) };
      const aborted = () => finish(false);
      const timer = setTimeout(aborted, timeoutMs);
      signal?.addEventListener("abort", aborted);
      this.#watchers.add(watcher);
    });
  }

  async close(): Promise<void> {
    for (const { wake } of [...this.#watchers]) wake();
  }
}

/** Those of `values` whose keys begin with `prefix`. */
export function under(values: Iterable<[string, StoredValue]>, prefix: string): Map<string, StoredValue> {
  const found = new Map<string, StoredValue>();
  for (const [key, value] of values) if (key.startsWith(prefix)) found.set(key, value);
  return found;
}
