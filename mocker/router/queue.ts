import type { RouteContext } from "./types.ts";

/**
 * Who goes first among requests that wait in the router (`--router-queue-policy` of Dynamo's frontend): `fcfs` who came first, `lcfs`
 * who came last, `wspt` (weighted shortest processing time) who has least to compute.
 */
export const QUEUE_POLICIES = ["fcfs", "lcfs", "wspt"] as const;
export type QueuePolicy = (typeof QUEUE_POLICIES)[number];

/** A place in line: the higher tier goes first, then the higher key, then who came first. */
export interface QueueRank {
  tier: number;
  key: number;
}

/** Of those that a router ranks in no way. */
export const FIRST_COME: Readonly<QueueRank> = { tier: 0, key: 0 };

/**
 * As Dynamo's router ranks (docs, "Router queue policy"): `fcfs` by priority − arrival, `lcfs` by priority + arrival, both in seconds, so
 * that a priority is a head start; `wspt` by (1 + priority) ÷ max(1, prompt tokens − those cached where most are).
 */
export function queueRank(
  policy: QueuePolicy,
  context: Omit<RouteContext, "workers">,
  cachedTokens: number,
): QueueRank {
  const { isl, priority = 0, strictPriority = 0, nowMs = 0 } = context;
  switch (policy) {
    case "fcfs":
      return { tier: strictPriority, key: priority - nowMs / 1000 };
    case "lcfs":
      return { tier: strictPriority, key: priority + nowMs / 1000 };
    case "wspt":
      return { tier: strictPriority, key: (1 + priority) / Math.max(1, isl - cachedTokens) };
  }
}

/** One who stands in line. */
export interface QueueEntry<T> {
  readonly item: T;
  readonly rank: QueueRank;
}

/** Requests in the order in which they may go. */
export class RouterQueue<T> {
  /** Who goes first stands last, so that going costs nothing. */
  readonly #line: QueueEntry<T>[] = [];

  get length(): number {
    return this.#line.length;
  }

  push(item: T, rank: QueueRank): QueueEntry<T> {
    const entry = { item, rank };
    let low = 0;
    let high = this.#line.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesBefore(this.#line[middle]!.rank, rank)) high = middle;
      else low = middle + 1;
    }
    this.#line.splice(low, 0, entry);
    return entry;
  }

  /** Nothing happens where it is not in line any more. */
  remove(entry: QueueEntry<T>): void {
    const at = this.#line.lastIndexOf(entry);
    if (at >= 0) this.#line.splice(at, 1);
  }

  /** Asks everybody in turn to go; those for whom `goes` is true have left the line before it is called for the next. */
  sweep(goes: (item: T) => boolean): void {
    for (const entry of this.#line.toReversed()) if (goes(entry.item)) this.remove(entry);
  }
}

/** Of equals, who stands in line already goes before who comes. */
function goesBefore(standing: QueueRank, coming: QueueRank): boolean {
  return standing.tier > coming.tier || (standing.tier === coming.tier && standing.key >= coming.key);
}
