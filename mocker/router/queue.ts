import type { Lane, RouteContext } from "./types.ts";

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
interface QueueEntry<T> {
  readonly item: T;
  readonly rank: QueueRank;
  /** As of the last look. */
  lane: Lane;
}

/**
 * Requests in the order in which they may go. Who may not go holds up those behind in its lane; who is in no lane could go anywhere,
 * and holds up everybody.
 */
export class RouterQueue<T> {
  /** Who goes first stands last, so that going costs nothing. */
  readonly #line: QueueEntry<T>[] = [];
  /** How many stand in each lane. */
  readonly #inLane = new Map<Lane, number>();

  get length(): number {
    return this.#line.length;
  }

  push(item: T, rank: QueueRank, lane: Lane = null): void {
    const entry = { item, rank, lane };
    let low = 0;
    let high = this.#line.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesBefore(this.#line[middle]!.rank, rank)) high = middle;
      else low = middle + 1;
    }
    this.#line.splice(low, 0, entry);
    this.#count(lane, 1);
  }

  /** Whether somebody in line holds up who comes to this lane. */
  holdsUp(lane: Lane): boolean {
    return this.#inLane.has(lane) || this.#inLane.has(null);
  }

  /** @returns whether it was in line */
  remove(item: T): boolean {
    const at = this.#line.findLastIndex((entry) => entry.item === item);
    if (at >= 0) this.#removeAt(at);
    return at >= 0;
  }

  /**
   * Asks in turn everybody whom nobody holds up to go; those for whom `goes` is true leave the line.
   * @param laneOf without, nobody is in a lane
   */
  sweep(goes: (item: T) => boolean, laneOf: (item: T) => Lane = () => null): void {
    const line = this.#line;
    const shut = new Set<Lane>();
    let at = line.length - 1;
    while (at >= 0) {
      const entry = line[at]!;
      this.#moveTo(entry, laneOf(entry.item));
      if (!shut.has(entry.lane)) {
        const leaves = goes(entry.item);
        // Others may have come or gone meanwhile.
        if (line[at] !== entry) at = line.lastIndexOf(entry);
        if (at < 0) return;
        if (leaves) this.#removeAt(at);
        else if (entry.lane === null) return;
        else shut.add(entry.lane);
      }
      at--;
    }
  }

  #removeAt(at: number): void {
    this.#count(this.#line[at]!.lane, -1);
    this.#line.splice(at, 1);
  }

  #moveTo(entry: QueueEntry<T>, lane: Lane): void {
    if (entry.lane === lane) return;
    this.#count(entry.lane, -1);
    entry.lane = lane;
    this.#count(lane, 1);
  }

  #count(lane: Lane, by: number): void {
    const count = (this.#inLane.get(lane) ?? 0) + by;
    if (count > 0) this.#inLane.set(lane, count);
    else this.#inLane.delete(lane);
  }
}

/** Of equals, who stands in line already goes before who comes. */
function goesBefore(standing: QueueRank, coming: QueueRank): boolean {
  return standing.tier > coming.tier || (standing.tier === coming.tier && standing.key >= coming.key);
}
