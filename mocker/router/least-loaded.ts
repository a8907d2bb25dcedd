import type { Router } from "./types.ts";

/** The candidate with the least outstanding work; the first of equals. */
export class LeastLoadedRouter implements Router {
  choose(outstanding: ArrayLike<number>, count: number): number {
    let best = 0;
    for (let i = 1; i < count; i++) {
      if (outstanding[i]! < outstanding[best]!) best = i;
    }
    return best;
  }
}
