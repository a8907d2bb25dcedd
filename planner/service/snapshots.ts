import { type ForwardPass, latestPasses, type Observation } from "#planner/core";
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
    const { queuedKvTokens: _forgotten, ...rest } = snapshot.observed;
    this.#items[index] = { ...snapshot, observed: { ...rest, queuedTokens: null, kvTokens: null } };
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
  if (observed === null) return 0;
  const { queuedTokens, kvTokens, queuedKvTokens } = observed;
  return [queuedTokens, kvTokens, queuedKvTokens].reduce((sum, values) => sum + Object.keys(values ?? {}).length, 0);
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
          queuedKvTokens: waiting(forwardPasses.decode, ({ decodeKvTokens }) => decodeKvTokens),
        }),
    // Where no worker does prefill alone, those of the one pool tell of their prompts by their passes.
    queuedTokens:
      prefillLoad === null
        ? waiting(forwardPasses?.decode ?? null, ({ prefillTokens }) => prefillTokens)
        : Object.fromEntries(prefillLoad.map(({ workerId, queuedTokens }) => [workerId, queuedTokens])),
    kvTokens:
      decodeLoad === null ? null : Object.fromEntries(decodeLoad.map(({ workerId, kvTokens }) => [workerId, kvTokens])),
  };
}

/** Tokens that wait on each worker by the last pass of each of its ranks; null: no passes are known. */
function waiting(
  passes: readonly ForwardPass[] | null,
  tokensOf: (queued: ForwardPass["queued"]) => number,
): Record<string, number> | null {
  if (passes === null) return null;
  const ofEngine = (ranks: readonly ForwardPass[]) => ranks.reduce((sum, { queued }) => sum + tokensOf(queued), 0);
  return Object.fromEntries(latestPasses(passes).map((ranks) => [ranks[0]!.workerId, ofEngine(ranks)]));
}
