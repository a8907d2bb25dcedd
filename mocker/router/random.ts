import type { RandomStream } from "#common";
import type { Router } from "./types.ts";

/** Any candidate, uniformly. */
export class RandomRouter implements Router {
  readonly #random: RandomStream;

  constructor(random: RandomStream) {
    this.#random = random;
  }

  choose(_outstanding: ArrayLike<number>, count: number): number {
    return this.#random.integer(count);
  }
}
