import { type Engine, LockStep, needsLockStep } from "#mocker/engine";
import { WakeHeap } from "./wake-heap.ts";

/** What an engine takes between passes only. */
export type EngineCommand = "reserve" | "activate" | "release" | "cancel";

/**
 * The engines of a simulation: when each has to be told that what it began is over, or what it waits for is there, and which may begin something now. The
 * data-parallel ranks of a worker go in lock step; the first of them stands for all.
 */
export class EngineClock {
  readonly engines: Engine[] = [];
  /** An engine that is kept from beginning anything. */
  readonly #isKept: (engine: number) => boolean;
  readonly #wakes = new WakeHeap(64);
  /** By engine: the one that stands for it, and the ranks that go in lock step with it, if there are others. */
  readonly #first: number[] = [];
  readonly #groups: (LockStep | null)[] = [];
  /** Engines that may begin a pass at this instant, in the order in which they came. */
  #ready: number[] = [];
  #isReady = new Uint8Array(64);
  /** When engines were last let begin their passes. */
  #startedMs = Number.NaN;

  constructor(isKept: (engine: number) => boolean) {
    this.#isKept = isKept;
  }

  /** Time of the earliest end of what engines have begun, Infinity where none has. */
  get nextMs(): number {
    return this.#wakes.nextMs;
  }

  get nextEngine(): number {
    return this.#wakes.nextEngine;
  }

  /** Adds the ranks of one worker; their places among the engines. */
  add(ranks: readonly Engine[]): number[] {
    const first = this.engines.length;
    const group = needsLockStep(ranks[0]!.config, ranks.length) ? new LockStep(ranks) : null;
    for (const rank of ranks) {
      this.#first.push(first);
      this.#groups.push(group);
      this.engines.push(rank);
    }
    if (this.engines.length > this.#isReady.length) {
      const larger = new Uint8Array(this.engines.length * 2);
      larger.set(this.#isReady);
      this.#isReady = larger;
    }
    return ranks.map((_, rank) => first + rank);
  }

  /** Lets an engine begin a pass when they are started next. */
  wake(engine: number): void {
    const first = this.#first[engine]!;
    if (this.#isReady[first] === 1) return;
    this.#isReady[first] = 1;
    this.#ready.push(first);
  }

  /**
   * Ends what an engine, or all that go with it, had begun; they may begin again.
   * @returns false where they had begun nothing, and only waited for this time
   */
  complete(engine: number): boolean {
    this.#wakes.remove(engine);
    const unit = this.#groups[engine] ?? this.engines[engine]!;
    const had = unit.busy;
    if (had) unit.complete();
    this.wake(engine);
    return had;
  }

  /** An engine has died, and with it all that go with it: what they have begun will not end. */
  bury(engine: number): void {
    this.#wakes.remove(this.#first[engine]!);
    this.#groups[engine]?.disband();
  }

  /**
   * Makes an engine ready to take input at `nowMs`. Where engines have been let begin at this very instant, those that could have.
   * @returns the engine whose pass is to be completed first; −1: none
   */
  touch(engine: number, nowMs: number, input: "request" | "command"): number {
    this.wake(engine);
    const first = this.#first[engine]!;
    const rank = this.engines[engine]!;
    const unit = this.#groups[engine] ?? rank;
    if (!unit.busy) return -1;
    const wakeMs = unit.interrupt(nowMs, input, this.#startedMs === nowMs, rank);
    if (wakeMs <= nowMs) return first;
    this.#wakes.set(first, wakeMs);
    return -1;
  }

  /**
   * Gives an engine that was touched a command about a request.
   * @returns false where ranks that go with it are under way: it is given at the end of that
   */
  command(kind: EngineCommand, engine: number, request: number, nowMs: number): boolean {
    if (this.#groups[engine] !== null && this.#defers(kind, engine, request)) return false;
    this.engines[engine]![kind](request, nowMs);
    return true;
  }

  /** The run is over: commands that wait for the ranks beside them are given. */
  settle(nowMs: number): void {
    for (const group of new Set(this.#groups)) group?.settle(nowMs);
  }

  #defers(kind: EngineCommand, engine: number, request: number): boolean {
    const rank = this.engines[engine]!;
    return this.#groups[engine]!.defers(rank, (atMs) => rank[kind](request, atMs));
  }

  startPasses(nowMs: number): void {
    this.#startedMs = nowMs;
    const ready = this.#ready;
    this.#ready = [];
    for (const index of ready) {
      this.#isReady[index] = 0;
      const unit = this.#groups[index] ?? this.engines[index]!;
      if (unit.busy || !unit.hasWork() || this.#isKept(index)) continue;
      const endMs = unit.start(nowMs);
      const wakeMs = Number.isNaN(endMs) ? unit.wakeMs : endMs;
      if (wakeMs < Number.POSITIVE_INFINITY) this.#wakes.set(index, wakeMs);
      else this.#wakes.remove(index);
    }
  }
}
