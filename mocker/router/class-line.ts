import type { QueueRank } from "./queue-rank.ts";
import type { Lane } from "./types.ts";

/** One who stands in line. */
export interface QueueEntry<T> {
  readonly item: T;
  readonly rank: QueueRank;
  /** As of the last look. */
  lane: Lane;
}

/**
 * Requests in the order in which they may go. Who may not go holds up those behind in its lane; who is in no lane could go anywhere,
 * and holds up everybody.
 */
export class ClassLine<T> {
  /** Who goes first stands last, so that going costs nothing. */
  readonly #line: QueueEntry<T>[] = [];
  /** How many stand in each lane. */
  readonly #inLane = new Map<Lane, number>();

  get length(): number {
    return this.#line.length;
  }

  push(item: T, rank: QueueRank, lane: Lane): void {
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
    return this.#line.length > 0 && (this.#inLane.has(lane) || this.#inLane.has(null));
  }

  /** @returns who was in line, undefined: nobody of that name */
  remove(item: T): QueueEntry<T> | undefined {
    const at = this.#line.findLastIndex((entry) => entry.item === item);
    return at < 0 ? undefined : this.#removeAt(at);
  }

  /** The first whom nobody holds up and for whom `may` is true. */
  firstThat(may: (item: T, rank: QueueRank) => boolean, laneOf: (item: T) => Lane): QueueEntry<T> | undefined {
    const line = this.#line;
    const shut = new Set<Lane>();
    for (let at = line.length - 1; at >= 0; at--) {
      const entry = line[at]!;
      this.#moveTo(entry, laneOf(entry.item));
      if (shut.has(entry.lane)) continue;
      if (may(entry.item, entry.rank)) return entry;
      if (entry.lane === null) return undefined;
      shut.add(entry.lane);
    }
    return undefined;
  }

  /** Asks in turn everybody whom nobody holds up to go; those for whom `goes` is true leave the line. */
  sweep(goes: (item: T, rank: QueueRank) => boolean, laneOf: (item: T) => Lane): void {
    const line = this.#line;
    const shut = new Set<Lane>();
    let at = line.length - 1;
    while (at >= 0) {
      const entry = line[at]!;
      this.#moveTo(entry, laneOf(entry.item));
      if (!shut.has(entry.lane)) {
        const leaves = goes(entry.item, entry.rank);
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

  #removeAt(at: number): QueueEntry<T> {
    const entry = this.#line[at]!;
    this.#count(entry.lane, -1);
    this.#line.splice(at, 1);
    return entry;
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
