import type { Observation } from "#planner/core";
import type { ObservedTotals, TickSnapshot } from "./types.ts";

/** Numbers of single workers over all snapshots: with a thousand workers those of the last hours, with a few those of all. */
const MOST_WORKER_VALUES = 2_000_000;

/** The last snapshots, oldest first; older ones go, and before them what they say of single workers. */
export class SnapshotRing {
  readonly #keep: number;
  #items: TickSnapshot[] = [];
  #dropped = 0;
  #workerValues = 0;
  /** Snapshots before it say nothing of single workers any more. */
  #firstWithWorkers = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(snapshot: TickSnapshot): void {
    this.#items.push(snapshot);
    this.#workerValues += workerValuesOf(snapshot);
    while (this.#workerValues > MOST_WORKER_VALUES && this.#firstWithWorkers < this.#items.length - 1) {
      this.#forgetWorkers(this.#firstWithWorkers++);
    }
    // Moving all of them for each that goes would cost more than a few that stay longer.
    if (this.#items.length > this.#keep * 1.1 + 16) {
      const gone = this.#items.length - this.#keep;
      for (let i = this.#firstWithWorkers; i < gone; i++) this.#workerValues -= workerValuesOf(this.#items[i]!);
      this.#firstWithWorkers = Math.max(0, this.#firstWithWorkers - gone);
      this.#dropped += gone;
      this.#items = this.#items.slice(-this.#keep);
    }
  }

  #forgetWorkers(index: number): void {
    const snapshot = this.#items[index]!;
    this.#workerValues -= workerValuesOf(snapshot);
    if (snapshot.observed === null) return;
    this.#items[index] = { ...snapshot, observed: { ...snapshot.observed, queuedTokens: null, kvTokens: null } };
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

function workerValuesOf({ observed }: TickSnapshot): number {
  return Object.keys(observed?.queuedTokens ?? {}).length + Object.keys(observed?.kvTokens ?? {}).length;
}

/** What of an observation is kept: sums and means, and a number a worker. */
export function totalsOf(observation: Observation): ObservedTotals {
  const { startedIsl: _isl, prefillLoad, decodeLoad, forwardPasses, workers: _workers, ...totals } = observation;
  return {
    ...totals,
    ...(forwardPasses === undefined
      ? {}
      : {
          passes: {
            prefill: forwardPasses.prefill?.length ?? null,
            decode: forwardPasses.decode?.length ?? null,
          },
        }),
    queuedTokens:
      prefillLoad === null
        ? null
        : Object.fromEntries(prefillLoad.map(({ workerId, queuedTokens }) => [workerId, queuedTokens])),
    kvTokens:
      decodeLoad === null ? null : Object.fromEntries(decodeLoad.map(({ workerId, kvTokens }) => [workerId, kvTokens])),
  };
}
