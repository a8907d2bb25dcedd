import type { Observation } from "#planner/core";
import type { ObservedTotals, TickSnapshot } from "./types.ts";

/** The last snapshots, oldest first; older ones go. */
export class SnapshotRing {
  readonly #keep: number;
  #items: TickSnapshot[] = [];
  #dropped = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(snapshot: TickSnapshot): void {
    this.#items.push(snapshot);
    // Moving all of them for each that goes would cost more than a few that stay longer.
    if (this.#items.length > this.#keep * 1.1 + 16) {
      this.#dropped += this.#items.length - this.#keep;
      this.#items = this.#items.slice(-this.#keep);
    }
  }

  get last(): TickSnapshot | undefined {
    return this.#items.at(-1);
  }

  /** Snapshots that have been forgotten. */
  get dropped(): number {
    return this.#dropped;
  }

  all(): readonly TickSnapshot[] {
    return this.#items.slice(-this.#keep);
  }

  /** Those after tick `after`, at most `limit`, the newest ones. */
  since(after: number, limit: number): readonly TickSnapshot[] {
    const first = this.#items.findIndex(({ tick }) => tick > after);
    return first < 0 ? [] : this.#items.slice(Math.max(first, this.#items.length - limit));
  }
}

/** What of an observation is kept: sums and means, and a number a worker. */
export function totalsOf(observation: Observation): ObservedTotals {
  const {
    startedIsl: _isl,
    prefillLoad,
    decodeLoad,
    forwardPasses: _passes,
    workers: _workers,
    ...totals
  } = observation;
  return {
    ...totals,
    queuedTokens:
      prefillLoad === null
        ? null
        : Object.fromEntries(prefillLoad.map(({ workerId, queuedTokens }) => [workerId, queuedTokens])),
    kvTokens:
      decodeLoad === null ? null : Object.fromEntries(decodeLoad.map(({ workerId, kvTokens }) => [workerId, kvTokens])),
  };
}
