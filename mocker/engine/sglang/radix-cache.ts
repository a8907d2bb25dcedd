import type { KvEvent } from "../types.ts";
import { isFreeLeaf, LeafHeap } from "./leaf-heap.ts";

/** A run of pages that always follow one another; the path from the root to it is a prefix. */
export interface RadixNode {
  /** Content of its pages; none once it is evicted. */
  ids: number[];
  parent: RadixNode | null;
  /** By the content of their first page. */
  readonly children: Map<number, RadixNode>;
  /** Sequences that hold it, by this node or by one below it. */
  locks: number;
  lastAccess: number;
}

/** Where a prefix ends in the tree. */
export interface RadixMatch {
  node: RadixNode;
  pages: number;
}

/**
 * SGLang's prefix cache: a radix tree over pages, and the pool they come from. A page is free, in the tree (held by sequences,
 * or evictable) or private to a sequence that has not published it; which page it is does not matter, so they are counted.
 * The least recently used leaf that nobody holds loses as many pages as are needed, its last ones first.
 */
export class RadixCache {
  readonly root: RadixNode = { ids: [], parent: null, children: new Map(), locks: 0, lastAccess: 0 };
  readonly #capacity: number;
  readonly #onEvent: ((event: KvEvent) => void) | null;
  readonly #leaves = new LeafHeap();
  /** Counts look-ups. */
  #clock = 0;
  #free: number;
  #evictable = 0;
  evictions = 0;

  /** @param onEvent null: nobody wants to know */
  constructor(capacity: number, onEvent: ((event: KvEvent) => void) | null) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#onEvent = onEvent;
  }

  /** Pages that can be taken without evicting anything. */
  get free(): number {
    return this.#free;
  }

  /** Pages that can be taken. */
  get room(): number {
    return this.#free + this.#evictable;
  }

  /** Pages that sequences hold. */
  get owned(): number {
    return this.#capacity - this.#free - this.#evictable;
  }

  /**
   * The longest cached prefix of `ids[0 .. pages)`; a node it ends within is cut in two. Nodes that are matched whole become
   * the most recently used where `touch` says so.
   * @param from a shorter prefix of it that somebody holds: those pages are not compared again
   */
  match(ids: readonly number[], pages: number, touch: boolean, from: RadixMatch | null = null): RadixMatch {
    if (touch) this.#clock++;
    let node = from?.node ?? this.root;
    let matched = from?.pages ?? 0;
    if (touch) for (let at: RadixNode | null = node; at !== null; at = at.parent) at.lastAccess = this.#clock;
    while (matched < pages) {
      const child = node.children.get(ids[matched]!);
      if (child === undefined) break;
      const common = commonPages(child.ids, ids, matched, pages);
      matched += common;
      if (common < child.ids.length) {
        node = this.#cut(child, common);
        break;
      }
      node = child;
      if (touch) {
        node.lastAccess = this.#clock;
        if (isFreeLeaf(node)) this.#leaves.add(node);
      }
    }
    return { node, pages: matched };
  }

  /** Pages on the way to `node` that nobody holds. */
  unheldPages(node: RadixNode): number {
    let pages = 0;
    for (let at = node; at.parent !== null && at.locks === 0; at = at.parent) pages += at.ids.length;
    return pages;
  }

  /** @param above a node on the way that the holder has locked already, with those above it */
  lock(node: RadixNode, above: RadixNode | null = null): void {
    for (let at = node; at !== above && at.parent !== null; at = at.parent) {
      if (at.locks++ === 0) this.#evictable -= at.ids.length;
    }
  }

  unlock(node: RadixNode): void {
    for (let at = node; at.parent !== null; at = at.parent) {
      if (--at.locks > 0) continue;
      this.#evictable += at.ids.length;
      if (isFreeLeaf(at)) this.#leaves.add(at);
    }
  }

  /**
   * Publishes the prefix `ids[0 .. pages)`; what the tree lacks of it becomes evictable, and is no longer the caller's.
   * Returns where it ends, and how many of its pages were there before.
   * @param from as for `match`
   */
  insert(ids: readonly number[], pages: number, from: RadixMatch | null = null): { node: RadixNode; known: number } {
    const { node: parent, pages: known } = this.match(ids, pages, true, from);
    if (known === pages) return { node: parent, known };
    const added = ids.slice(known, pages);
    const node = { ids: added, parent, children: new Map(), locks: 0, lastAccess: this.#clock };
    parent.children.set(added[0]!, node);
    this.#evictable += added.length;
    this.#leaves.add(node);
    if (this.#onEvent !== null) for (const id of added) this.#onEvent({ kind: "stored", blockId: id });
    return { node, known };
  }

  /** Takes pages, evicting where it runs short of free ones; the caller has looked at `room`. */
  take(pages: number): void {
    if (pages > this.#free) this.#evict(pages - this.#free);
    this.#free -= pages;
  }

  /** Gives pages back that are in no tree. */
  give(pages: number): void {
    this.#free += pages;
  }

  /** Forgets what nobody holds, without events or counting; its content. */
  clear(): number[] {
    const gone: number[] = [];
    for (let leaf = this.#leaves.take(); leaf !== null; leaf = this.#leaves.take()) {
      for (const id of leaf.ids) gone.push(id);
      this.#drop(leaf, leaf.ids.length);
    }
    return gone;
  }

  #evict(pages: number): void {
    for (let missing = pages; missing > 0; ) {
      const leaf = this.#leaves.take()!;
      const count = Math.min(missing, leaf.ids.length);
      if (this.#onEvent !== null) tellRemoved(leaf, count, this.#onEvent);
      this.evictions += count;
      this.#drop(leaf, count);
      missing -= count;
    }
  }

  /** Cuts the last pages off a leaf that was taken from the heap. */
  #drop(leaf: RadixNode, pages: number): void {
    const parent = leaf.parent!;
    if (pages === leaf.ids.length) parent.children.delete(leaf.ids[0]!);
    leaf.ids.length -= pages;
    this.#free += pages;
    this.#evictable -= pages;
    const next = leaf.ids.length > 0 ? leaf : parent;
    if (isFreeLeaf(next)) this.#leaves.add(next);
  }

  /** Cuts a node in two; returns the upper part, of `pages` pages. */
  #cut(node: RadixNode, pages: number): RadixNode {
    const { parent, locks, lastAccess } = node;
    const upper: RadixNode = { ids: node.ids.slice(0, pages), parent, children: new Map(), locks, lastAccess };
    parent!.children.set(upper.ids[0]!, upper);
    node.ids = node.ids.slice(pages);
    node.parent = upper;
    upper.children.set(node.ids[0]!, node);
    return upper;
  }
}

/** Last pages first. */
function tellRemoved({ ids }: RadixNode, count: number, onEvent: (event: KvEvent) => void): void {
  for (let i = 1; i <= count; i++) onEvent({ kind: "removed", blockId: ids[ids.length - i]! });
}

/** How many of its pages a node has in common with `ids` from `at` on, below `end`; the first is equal. */
function commonPages(own: readonly number[], ids: readonly number[], at: number, end: number): number {
  const most = Math.min(own.length, end - at);
  let common = 1;
  while (common < most && own[common] === ids[at + common]) common++;
  return common;
}
