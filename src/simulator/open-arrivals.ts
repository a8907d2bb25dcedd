import type { Workload } from "#scenarios/workload";

/** Requests that come at times of their own, in order. */
export class OpenArrivals {
  readonly #workload: Workload;
  #next = 0;
  /** Time of the next one, Infinity where none is left: kept, as it is asked for at every instant of a run. */
  nextMs: number;

  constructor(workload: Workload) {
    this.#workload = workload;
    this.nextMs = this.#timeOfNext();
  }

  get isOver(): boolean {
    return this.#next >= this.#workload.openHeads.length;
  }

  take(): number {
    const taken = this.#workload.openHeads[this.#next++]!;
    this.nextMs = this.#timeOfNext();
    return taken;
  }

  #timeOfNext(): number {
    const { openHeads, arrivalMs } = this.#workload;
    return this.isOver ? Number.POSITIVE_INFINITY : arrivalMs[openHeads[this.#next]!]!;
  }
}
