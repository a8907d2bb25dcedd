import type { WorkerCard } from "#mocker/protocol";

/** Told by a discovery which addresses there are. */
export interface DiscoverySink {
  /** An address that is known already stays as it is. `card` is what it says of itself, where that is known already. */
  add(url: string, card?: WorkerCard): void;
  /** It takes no new requests; those it has go on. */
  remove(url: string): void;
}

/** Where workers come from. */
export interface Discovery {
  /** Tells of the workers of now, and goes on telling. Resolves when it has looked once. */
  start(sink: DiscoverySink): Promise<void>;
  stop(): Promise<void>;
}
