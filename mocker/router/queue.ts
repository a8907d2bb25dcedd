import { ClassLine, type QueueEntry } from "./class-line.ts";
import { DeficitRoundRobin, type RoundTurn } from "./deficit-round-robin.ts";
import type { PolicyClass, QueueLimits } from "./policies.ts";
import { computeTokens, type QueueRank } from "./queue-rank.ts";
import type { Lane } from "./types.ts";

export type QueueClass = Pick<PolicyClass, "name" | "quantum" | "limits">;

/** Why nobody more may wait in a class. */
export interface QueueOverflow {
  className: string;
  what: keyof QueueLimits;
  limit: number;
  used: number;
}

/**
 * The requests that wait in a router: a line of its own for each policy class, and one line where there are none. Who goes next is
 * who goes first in its class; which class, the deficit round robin says.
 */
export class RouterQueue<T> {
  readonly #classes: readonly QueueClass[];
  readonly #lines: readonly ClassLine<T>[];
  readonly #turns: DeficitRoundRobin;
  /** What waits in each class. */
  readonly #used: Record<keyof QueueLimits, number>[];

  /** @param classes of `Router.classes` */
  constructor(classes: readonly QueueClass[] = []) {
    this.#classes = classes;
    const count = Math.max(1, classes.length);
    this.#lines = Array.from({ length: count }, () => new ClassLine<T>());
    this.#turns = new DeficitRoundRobin(classes.map(({ quantum }) => quantum));
    this.#used = Array.from({ length: count }, () => ({ requests: 0, promptTokens: 0, cachedTokens: 0 }));
  }

  get length(): number {
    let length = 0;
    for (const line of this.#lines) length += line.length;
    return length;
  }

  push(item: T, rank: QueueRank, lane: Lane = null): void {
    this.#lines[this.#placeIn(placeOf(rank))]!.push(item, rank, lane);
    this.#count(rank, 1);
  }

  /** Whether somebody of its class holds up who comes to this lane. */
  holdsUp(lane: Lane, place = 0): boolean {
    return this.#lines[this.#placeIn(place)]!.holdsUp(lane);
  }

  /** What keeps a request from waiting; null: nothing does. Whoever goes beyond a limit is still taken, the next is not. */
  overflow(rank: QueueRank, workers: number): QueueOverflow | null {
    const queueClass = this.#classes[placeOf(rank)];
    if (queueClass === undefined) return null;
    for (const [key, perWorker] of Object.entries(queueClass.limits)) {
      if (perWorker === null) continue;
      const what = key as keyof QueueLimits;
      const used = this.#used[placeOf(rank)]![what];
      const limit = perWorker * workers;
      if (used >= limit) return { className: queueClass.name, what, limit, used };
    }
    return null;
  }

  /** @returns whether it was in line */
  remove(item: T): boolean {
    for (const line of this.#lines) {
      const left = line.remove(item);
      if (left === undefined) continue;
      this.#count(left.rank, -1);
      return true;
    }
    return false;
  }

  /**
   * Asks in turn everybody whom nobody holds up to go; those for whom `goes` is true leave the line.
   * @param laneOf without, nobody is in a lane
   * @param may whether it could go: asked, where there are several classes, to know whose turn it is
   */
  sweep(
    goes: (item: T, rank: QueueRank) => boolean,
    laneOf: (item: T) => Lane = () => null,
    may: (item: T, rank: QueueRank) => boolean = () => true,
  ): void {
    if (this.#lines.length > 1) {
      this.#sweepClasses(goes, laneOf, may);
      return;
    }
    this.#lines[0]!.sweep((item, rank) => {
      const leaves = goes(item, rank);
      if (leaves) this.#count(rank, -1);
      return leaves;
    }, laneOf);
  }

  #sweepClasses(
    goes: (item: T, rank: QueueRank) => boolean,
    laneOf: (item: T) => Lane,
    may: (item: T, rank: QueueRank) => boolean,
  ): void {
    for (;;) {
      const heads = this.#lines.map((line) => line.firstThat(may, laneOf));
      const place = this.#turns.next(heads.map((head, i) => turnOf(head, this.#lines[i]!)));
      if (place < 0) return;
      const head = heads[place]!;
      if (!goes(head.item, head.rank)) return;
      this.remove(head.item);
      // What has just gone may be what keeps the next one back.
      const line = this.#lines[place]!;
      this.#turns.spend(place, costOf(head), turnOf(line.firstThat(may, laneOf), line));
    }
  }

  /** Who came before it was known that there are classes waits in one line with all. */
  #placeIn(place: number): number {
    return Math.min(place, this.#lines.length - 1);
  }

  #count(rank: QueueRank, by: 1 | -1): void {
    const { standing } = rank;
    const used = this.#used[this.#placeIn(placeOf(rank))]!;
    used.requests += by;
    used.promptTokens += by * (standing?.promptTokens ?? 0);
    used.cachedTokens += by * (standing?.cachedTokens ?? 0);
  }
}

/** Place of the class that it stands in. */
export function placeOf({ standing }: QueueRank): number {
  return standing?.place ?? 0;
}

function turnOf<T>(head: QueueEntry<T> | undefined, line: ClassLine<T>): RoundTurn {
  return { cost: head === undefined ? null : costOf(head), isEmpty: line.length === 0 };
}

function costOf<T>({ rank }: QueueEntry<T>): number {
  const { promptTokens = 0, cachedTokens = 0 } = rank.standing ?? {};
  return computeTokens(promptTokens, cachedTokens);
}
