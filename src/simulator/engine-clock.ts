import type { Engine } from "#mocker/engine";
import { WakeHeap } from "./wake-heap.ts";

/** The engines of a simulation: when each has to be told that what it began is over, and which may begin something now. */
export class EngineClock {
  readonly engines: Engine[] = [];
  /** An engine that is kept from beginning anything. */
  readonly #isKept: (engine: number) => boolean;
  readonly #wakes = new WakeHeap(64);
  /** Engines that may begin a pass at this instant, in the order in which they came. */
  #ready: number[] = [];
  #isReady = new Uint8Array(64);

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

  add(engine: Engine): void {
    if (this.engines.length === this.#isReady.length) {
      const larger = new Uint8Array(this.engines.length * 2);
      larger.set(this.#isReady);
      this.#isReady = larger;
    }
    this.engines.push(engine);
  }

  /** Lets an engine begin a pass when they are started next. */
  wake(engine: number): void {
    if (this.#isReady[engine] === 1) return;
    this.#isReady[engine] = 1;
    this.#ready.push(engine);
  }

  /** Ends what an engine had begun; it may begin again. */
  complete(engine: number): void {
    this.forget(engine);
    this.engines[engine]!.complete();
    this.wake(engine);
  }

  /** What an engine has begun will not end. */
  forget(engine: number): void {
    this.#wakes.remove(engine);
  }

  /**
   * Makes an engine ready to take input at `nowMs`.
   * @returns whether what it had begun is to be completed first
   */
  touch(engine: number, nowMs: number, input: "request" | "command", passesBeginFirst: boolean): boolean {
    this.wake(engine);
    if (!this.engines[engine]!.busy) return false;
    const wakeMs = this.engines[engine]!.interrupt(nowMs, input, passesBeginFirst);
    if (wakeMs <= nowMs) return true;
    this.#wakes.set(engine, wakeMs);
    return false;
  }

  startPasses(nowMs: number): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const index of ready) {
      this.#isReady[index] = 0;
      const engine = this.engines[index]!;
      if (engine.busy || !engine.hasWork() || this.#isKept(index)) continue;
      const wakeMs = engine.start(nowMs);
      if (!Number.isNaN(wakeMs)) this.#wakes.set(index, wakeMs);
    }
  }
}
