import type { Dependencies, Workload } from "./workload.ts";

/** What a request waits for, as a list. */
export interface Edge {
  parent: number;
  child: number;
  delayMs: number;
  /** Counted from the parent's start; else from its end. */
  onStart: boolean;
}

/** Columns of edges, in the order of their children. */
export function dependenciesOf(edges: readonly Edge[], count: number): Dependencies {
  const offset = new Int32Array(count + 1);
  for (const { child } of edges) offset[child + 1]!++;
  for (let i = 0; i < count; i++) offset[i + 1]! += offset[i]!;
  const next = offset.slice(0, count);
  const parents = new Int32Array(edges.length);
  const delayMs = new Float64Array(edges.length);
  const onStart = new Uint8Array(edges.length);
  for (const edge of edges) {
    const at = next[edge.child]!++;
    parents[at] = edge.parent;
    delayMs[at] = edge.delayMs;
    onStart[at] = edge.onStart ? 1 : 0;
  }
  return { offset, parents, delayMs, onStart };
}

/** The columns as a list. */
export function edgesOf({ offset, parents, delayMs, onStart }: Dependencies): Edge[] {
  const edges: Edge[] = [];
  for (let child = 0; child + 1 < offset.length; child++) {
    for (let at = offset[child]!; at < offset[child + 1]!; at++) {
      edges.push({ parent: parents[at]!, child, delayMs: delayMs[at]!, onStart: onStart[at] === 1 });
    }
  }
  return edges;
}

/**
 * The session of every request, numbered by its first request: turns of a session, or requests that dependencies join
 * (an agent's run with its sub-agents). Length count.
 */
export function families({
  count,
  nextTurn,
  dependencies,
}: Pick<Workload, "count" | "nextTurn" | "dependencies">): Int32Array {
  const root = Int32Array.from({ length: count }, (_, i) => i);
  const find = (request: number): number => {
    let at = request;
    while (root[at] !== at) {
      root[at] = root[root[at]!]!;
      at = root[at]!;
    }
    return at;
  };
  const join = (a: number, b: number) => {
    const first = find(a);
    const second = find(b);
    if (first < second) root[second] = first;
    else root[first] = second;
  };
  if (nextTurn !== null) for (let i = 0; i < count; i++) if (nextTurn[i]! >= 0) join(i, nextTurn[i]!);
  if (dependencies !== undefined) {
    for (let child = 0; child < count; child++) {
      for (let at = dependencies.offset[child]!; at < dependencies.offset[child + 1]!; at++) {
        join(dependencies.parents[at]!, child);
      }
    }
  }
  for (let i = 0; i < count; i++) root[i] = find(i);
  return root;
}

/** A request on a circle of dependencies, or −1 where there is none. */
export function requestOnCircle(count: number, dependencies: Dependencies): number {
  const { offset, parents } = dependencies;
  const missing = Int32Array.from({ length: count }, (_, i) => offset[i + 1]! - offset[i]!);
  const forward = forwardEdges(count, dependencies);
  const free: number[] = [];
  for (let i = 0; i < count; i++) if (missing[i] === 0) free.push(i);
  let done = 0;
  for (let request = free.pop(); request !== undefined; request = free.pop()) {
    done++;
    for (let at = forward.offset[request]!; at < forward.offset[request + 1]!; at++) {
      const child = forward.children[at]!;
      if (--missing[child]! === 0) free.push(child);
    }
  }
  if (done === count) return -1;
  // Going back from any request that is left, along parents that are left, ends on a circle.
  const seen = new Set<number>();
  let at = missing.findIndex((left) => left > 0);
  while (!seen.has(at)) {
    seen.add(at);
    at = parents.subarray(offset[at]!, offset[at + 1]!).find((parent) => missing[parent]! > 0)!;
  }
  return at;
}

interface ForwardEdges {
  /** Request i is waited for by `children[offset[i] .. offset[i + 1])`. */
  offset: Int32Array;
  children: Int32Array;
  /** Place of each in the columns of the dependencies. */
  places: Int32Array;
}

function forwardEdges(count: number, { offset, parents }: Dependencies): ForwardEdges {
  const forward: ForwardEdges = {
    offset: new Int32Array(count + 1),
    children: new Int32Array(parents.length),
    places: new Int32Array(parents.length),
  };
  for (const parent of parents) forward.offset[parent + 1]!++;
  for (let i = 0; i < count; i++) forward.offset[i + 1]! += forward.offset[i]!;
  const next = forward.offset.slice(0, count);
  for (let child = 0; child < count; child++) {
    for (let place = offset[child]!; place < offset[child + 1]!; place++) {
      const at = next[parents[place]!]!++;
      forward.children[at] = child;
      forward.places[at] = place;
    }
  }
  return forward;
}

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
    missing: Int32Array.from({ length: count }, (_, i) => dependencies.offset[i + 1]! - dependencies.offset[i]!),
    readyMs: new Float64Array(count),
    left,
  };
}

/** Closed loop of every request, −1 for the open loop; null where there is no closed loop. */
export function loopsOfRequests(workload: Workload): Int32Array | null {
  if (workload.closedLoops.length === 0) return null;
  const family = families(workload);
  const loopOfFamily = new Int32Array(workload.count).fill(-1);
  workload.closedLoops.forEach((loop, index) => {
    for (const head of loop.heads) loopOfFamily[family[head]!] = index;
  });
  return family.map((first) => loopOfFamily[first]!);
}
