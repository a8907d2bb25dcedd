import type { Workload } from "#scenarios/workload";

/** Requests that come at times of their own, in order. */
export class OpenArrivals {
  readonly #workload: Workload;
  #next = 0;

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  /** Time of the next one, Infinity where none is left. */
  get nextMs(): number {
    const { openHeads, arrivalMs } = this.#workload;
    return this.isOver ? Number.POSITIVE_INFINITY : arrivalMs[openHeads[this.#next]!]!;
  }

  get isOver(): boolean {
    return this.#next >= this.#workload.openHeads.length;
  }

  take(): number {
    return this.#workload.openHeads[this.#next++]!;
  }
}
