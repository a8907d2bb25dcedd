/** A value and the store's revision at which it was written last. */
export interface StoredValue {
  value: string;
  revision: number;
}

/** What stands under a prefix at one moment. */
export interface StoreView {
  /** The store's revision: grows with every transaction. */
  revision: number;
  values: ReadonlyMap<string, StoredValue>;
}

/** Writes that happen together or not at all. */
export interface Transaction {
  /** Revisions that the keys must have, 0: the key must be absent. */
  expect?: Readonly<Record<string, number>>;
  /** null deletes a key. */
  write: Readonly<Record<string, string | null>>;
}

/** Keys and values as etcd has them, in as much as planners and environments need to talk to each other. */
export interface KeyValueStore {
  readonly kind: string;
  /** Where it is, for messages; no secrets. */
  readonly place: string;
  /** @throws StoreUnavailable */
  read(prefix: string): Promise<StoreView>;
  /**
   * Whether the transaction was carried out; false where an expectation did not hold.
   * @throws StoreUnavailable: then it may or may not have been carried out
   */
  commit(transaction: Transaction): Promise<boolean>;
  /**
   * Resolves with true as soon as anything under `prefix` has changed since `revision`, with false after `timeoutMs` or when
   * `signal` is aborted.
   * @throws StoreUnavailable
   */
  changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

/** The store gives no (usable) answer now. Not for the user's eyes alone: a planner goes on without an answer. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}
