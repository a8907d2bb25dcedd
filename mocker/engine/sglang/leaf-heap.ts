import type { RadixNode } from "./radix-cache.ts";

/** Below so many entries nothing is thrown away. */
const FEW_ENTRIES = 1024;

/**
 * Leaves of a radix tree by their last access. Entries are not taken out when they cease to be true: `take` skips those, and all of
 * them go where there are more than twice as many entries as true ones were found the last time.
 */
export class LeafHeap {
  #nodes: RadixNode[] = [];
  #accesses: number[] = [];
  #most = FEW_ENTRIES;

  /** Entries, true or not. */
  get length(): number {
    return this.#nodes.length;
  }

  add(leaf: RadixNode): void {
    if (this.#nodes.length >= this.#most) this.#compact();
    let at = this.#nodes.length;
    this.#nodes.push(leaf);
    this.#accesses.push(leaf.lastAccess);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#accesses[above]! <= this.#accesses[at]!) break;
      this.#swap(at, above);
      at = above;
    }
  }

  /** The least recently used leaf that nobody holds, taken out; null where there is none. */
  take(): RadixNode | null {
    while (this.#nodes.length > 0) {
      const leaf = this.#nodes[0]!;
      const isTrue = isFreeLeaf(leaf) && leaf.lastAccess === this.#accesses[0];
      this.#removeFirst();
      if (isTrue) return leaf;
    }
    return null;
  }

  #compact(): void {
    const isTrue = (leaf: RadixNode, at: number) => isFreeLeaf(leaf) && leaf.lastAccess === this.#accesses[at];
    // A sorted array is a heap.
    this.#nodes = [...new Set(this.#nodes.filter(isTrue))].sort((a, b) => a.lastAccess - b.lastAccess);
    this.#accesses = this.#nodes.map(({ lastAccess }) => lastAccess);
    this.#most = Math.max(FEW_ENTRIES, 2 * this.#nodes.length);
  }

  #removeFirst(): void {
    const last = this.#nodes.length - 1;
    this.#swap(0, last);
    this.#nodes.pop();
    this.#accesses.pop();
    for (let at = 0; ; ) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < last && this.#accesses[below]! < this.#accesses[least]!) least = below;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    const node = this.#nodes[a]!;
    const access = this.#accesses[a]!;
    this.#nodes[a] = this.#nodes[b]!;
    this.#accesses[a] = this.#accesses[b]!;
    this.#nodes[b] = node;
    this.#accesses[b] = access;
  }
}

/** In the tree, with nothing below it, and held by nobody. */
export function isFreeLeaf(node: RadixNode): boolean {
  return node.locks === 0 && node.children.size === 0 && node.ids.length > 0;
}
