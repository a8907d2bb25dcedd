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
    const { lastAccess } = leaf;
    let at = this.#nodes.length;
    this.#nodes.push(leaf);
    this.#accesses.push(lastAccess);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#accesses[above]! <= lastAccess) break;
      this.#put(at, this.#nodes[above]!, this.#accesses[above]!);
      at = above;
    }
    this.#put(at, leaf, lastAccess);
  }

  /** The least recently used leaf that nobody holds, taken out; null where there is none. */
  take(): RadixNode | null {
    while (this.#nodes.length > 0) {
      const leaf = this.#nodes[0]!;
      const isTrue = this.#isTrue(leaf, 0);
      this.#removeFirst();
      if (isTrue) return leaf;
    }
    return null;
  }

  #compact(): void {
    // A sorted array is a heap.
    const held = this.#nodes.filter((leaf, at) => this.#isTrue(leaf, at));
    this.#nodes = [...new Set(held)].sort((a, b) => a.lastAccess - b.lastAccess);
    this.#accesses = this.#nodes.map(({ lastAccess }) => lastAccess);
    this.#most = Math.max(FEW_ENTRIES, 2 * this.#nodes.length);
  }

  #removeFirst(): void {
    const leaf = this.#nodes.pop()!;
    const access = this.#accesses.pop()!;
    const { length } = this.#nodes;
    if (length === 0) return;
    const accesses = this.#accesses;
    let at = 0;
    for (let below = 1; below < length; below = 2 * at + 1) {
      if (below + 1 < length && accesses[below + 1]! < accesses[below]!) below++;
      if (accesses[below]! >= access) break;
      this.#put(at, this.#nodes[below]!, accesses[below]!);
      at = below;
    }
    this.#put(at, leaf, access);
  }

  #isTrue(leaf: RadixNode, at: number): boolean {
    return isFreeLeaf(leaf) && leaf.lastAccess === this.#accesses[at];
  }

  #put(at: number, leaf: RadixNode, access: number): void {
    this.#nodes[at] = leaf;
    this.#accesses[at] = access;
  }
}

/** In the tree, with nothing below it, and held by nobody. */
export function isFreeLeaf(node: RadixNode): boolean {
  return node.locks === 0 && node.childCount === 0 && node.end > node.from;
}
