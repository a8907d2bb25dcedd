import { type ClosedLoop, loopsOfRequests, type Workload } from "#scenarios/workload";

/** Keeps the sessions of every closed loop in flight. */
export class ClosedLoops {
  readonly #loops: ClosedLoop[];
  readonly #inFlight: number[];
  readonly #cursor: number[];
  /** Closed loop of a request, −1 for the open loop; null where there is no closed loop. */
  readonly #loopOf: Int32Array | null;

  constructor(workload: Workload) {
    this.#loops = workload.closedLoops;
    this.#inFlight = this.#loops.map(() => 0);
    this.#cursor = this.#loops.map(() => 0);
    this.#loopOf = loopsOfRequests(workload);
  }

  startTimes(): number[] {
    return this.#loops.map((loop) => loop.startMs);
  }

  /** The last request of a session has ended. */
  ended(request: number): void {
    const loop = this.#loopOf?.[request] ?? -1;
    if (loop >= 0) this.#inFlight[loop]!--;
  }

  /** The next session to dispatch now, or −1. */
  next(nowMs: number): number {
    for (let index = 0; index < this.#loops.length; index++) {
      const loop = this.#loops[index]!;
      if (nowMs < loop.startMs || nowMs >= loop.endMs) continue;
      if (this.#inFlight[index]! >= loop.concurrency || this.#cursor[index]! >= loop.heads.length) continue;
      this.#inFlight[index]!++;
      return loop.heads[this.#cursor[index]!++]!;
    }
    return -1;
  }

  /** No loop has a session left that it may still start. */
  exhausted(nowMs: number): boolean {
    return this.#loops.every((loop, index) => nowMs >= loop.endMs || this.#cursor[index]! >= loop.heads.length);
  }
}
