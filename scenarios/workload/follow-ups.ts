import { type ForwardEdges, families, forwardEdges, parentCounts } from "./dependencies.ts";
import type { Dependencies, Workload } from "./workload.ts";

/** What waits for what, while a run lasts. */
interface Graph {
  dependencies: Dependencies;
  forward: ForwardEdges;
  family: Int32Array;
  /** Parents whose start or end is still to come, by request. */
  missing: Int32Array;
  /** The latest of what its parents have allowed so far, ms, by request. */
  readyMs: Float64Array;
  /** Requests that have not ended, by family. */
  left: Int32Array;
}

/**
 * Follows a run, virtual or live, and says which requests may start: the next turn of a session some time after the end of the
 * one before; a request with dependencies when the last of them has allowed it, and not before its own time.
 */
export class FollowUps {
  readonly #workload: Workload;
  readonly #ready: (request: number, atMs: number) => void;
  readonly #graph: Graph | null;

  /** @param ready hears, at the moment that is known, that a request is to start at `atMs` (now or later) */
  constructor(workload: Workload, ready: (request: number, atMs: number) => void) {
    this.#workload = workload;
    this.#ready = ready;
    this.#graph = workload.dependencies === undefined ? null : graphOf(workload, workload.dependencies);
  }

  /** A request has been sent. */
  started(request: number, nowMs: number): void {
    if (this.#graph !== null) this.#allow(this.#graph, request, nowMs, 1);
  }

  /** A request has ended, well or not. True if that was the last of its session. */
  ended(request: number, nowMs: number): boolean {
    const { nextTurn, thinkMs } = this.#workload;
    const turn = nextTurn?.[request] ?? -1;
    if (turn >= 0) this.#ready(turn, nowMs + (thinkMs?.[turn] ?? 0));
    if (this.#graph === null) return turn < 0;
    this.#allow(this.#graph, request, nowMs, 0);
    return --this.#graph.left[this.#graph.family[request]!]! === 0;
  }

  #allow({ dependencies, forward, missing, readyMs }: Graph, request: number, nowMs: number, onStart: number): void {
    for (let at = forward.offset[request]!; at < forward.offset[request + 1]!; at++) {
      const place = forward.places[at]!;
      if (dependencies.onStart[place] !== onStart) continue;
      const child = forward.children[at]!;
      readyMs[child] = Math.max(readyMs[child]!, nowMs + dependencies.delayMs[place]!);
      if (--missing[child]! > 0) continue;
      const ownMs = this.#workload.arrivalMs[child]!;
      this.#ready(child, Number.isNaN(ownMs) ? readyMs[child]! : Math.max(ownMs, readyMs[child]!));
    }
  }
}

function graphOf(workload: Workload, dependencies: Dependencies): Graph {
  const { count } = workload;
  const family = families(workload);
  const left = new Int32Array(count);
  for (const first of family) left[first]!++;
  return {
    dependencies,
    forward: forwardEdges(count, dependencies),
    family,
    missing: parentCounts(count, dependencies),
    readyMs: new Float64Array(count),
    left,
  };
}

/** Closed loop of every request, −1 for the open loop; null where there is no closed loop. */
export function loopsOfRequests(workload: Workload): Int32Array | null {
  if (workload.closedLoops.length === 0) return null;
  const family = families(workload);
  const loopOfFamily = new Int32Array(workload.count).fill(-1);
  workload.closedLoops.forEach(({ heads }, index) => {
    for (let i = 0; i < heads.length; i++) loopOfFamily[family[heads[i]!]!] = index;
  });
  for (let i = 0; i < family.length; i++) family[i] = loopOfFamily[family[i]!]!;
  return family;
}
