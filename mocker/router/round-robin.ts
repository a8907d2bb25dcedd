import type { Router } from "./types.ts";

/** One after the other: index = cursor mod candidates, then cursor = index + 1 (Dynamo's round-robin router). */
export class RoundRobinRouter implements Router {
  #cursor = 0;

  choose(_outstanding: ArrayLike<number>, count: number): number {
    const index = this.#cursor % count;
    this.#cursor = index + 1;
    return index;
  }
}
