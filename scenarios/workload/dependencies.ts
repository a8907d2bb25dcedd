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
  const children = Int32Array.from(edges, ({ child }) => child);
  const offset = offsetsOf(children, count);
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

/** Where each key begins when all are put in order. Length count + 1. */
function offsetsOf(keys: Int32Array, count: number): Int32Array {
  const offset = new Int32Array(count + 1);
  for (const key of keys) offset[key + 1]!++;
  for (let i = 0; i < count; i++) offset[i + 1]! += offset[i]!;
  return offset;
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
  const root = new Int32Array(count);
  for (let i = 0; i < count; i++) root[i] = i;
  if (nextTurn === null && dependencies === undefined) return root;
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
  const missing = parentCounts(count, dependencies);
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

/** Requests that each request waits for, how many. */
export function parentCounts(count: number, { offset }: Dependencies): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => offset[i + 1]! - offset[i]!);
}

/** The same edges, in the order of their parents. */
export interface ForwardEdges {
  /** Request i is waited for by `children[offset[i] .. offset[i + 1])`. */
  offset: Int32Array;
  children: Int32Array;
  /** Place of each in the columns of the dependencies. */
  places: Int32Array;
}

export function forwardEdges(count: number, { offset, parents }: Dependencies): ForwardEdges {
  const forward: ForwardEdges = {
    offset: offsetsOf(parents, count),
    children: new Int32Array(parents.length),
    places: new Int32Array(parents.length),
  };
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
