import type { KvEvent } from "../types.ts";
import { isFreeLeaf, LeafHeap } from "./leaf-heap.ts";
import { PageContent } from "./page-content.ts";

/** A run of pages that always follow one another; the path from the root to it is a prefix. */
export interface RadixNode {
  /** Pages `from` to `end` of this content; none once they are evicted. */
  content: PageContent;
  from: number;
  end: number;
  parent: RadixNode | null;
  /** Nodes below it. */
  childCount: number;
  /** Those of them by the content of their first page, but for nodes that begin with a request's own first page: its content knows that one. */
  children: Map<number, RadixNode> | null;
  /** Sequences that hold it, by this node or by one below it. */
  locks: number;
  lastAccess: number;
}

/** Where a prefix ends in the tree. */
export interface RadixMatch {
  node: RadixNode;
  pages: number;
  /** The last node that is used whole: that above one which the prefix ended within. */
  whole: RadixNode;
}

/** Somebody who holds a prefix of a content. */
export interface RadixHolder {
  readonly content: PageContent;
  /** Where its published pages end in the tree; null: it holds none. */
  node: RadixNode | null;
  publishedPages: number;
}

/**
 * SGLang's prefix cache: a radix tree over pages, and the pool they come from. A page is free, in the tree (held by sequences,
 * or evictable) or private to a sequence that has not published it; which page it is does not matter, so they are counted.
 * The least recently used leaf that nobody holds loses as many pages as are needed, its last ones first.
 */
export class RadixCache {
  readonly root: RadixNode = newNode(new PageContent([]), 0, 0, null);
  readonly #capacity: number;
  readonly #onEvent: ((event: KvEvent) => void) | null;
  readonly #tellsOwn: boolean;
  readonly #leaves = new LeafHeap();
  /** Counts uses. */
  #clock = 0;
  #free: number;
  #evictable = 0;
  evictions = 0;

  /** @param onEvent null: nobody wants to know @param tellsOwn of pages, too, that are a request's own */
  constructor(capacity: number, onEvent: ((event: KvEvent) => void) | null, tellsOwn = true) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#onEvent = onEvent;
    this.#tellsOwn = onEvent !== null && tellsOwn;
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

  /** Keeps so many places in the order of uses for `publish`; the place before them. */
  keepUses(uses: number): number {
    const before = this.#clock;
    this.#clock += uses;
    return before;
  }

  /** The longest cached prefix of a content's first `pages` pages; a node it ends within is cut in two. */
  match(content: PageContent, pages: number): RadixMatch {
    return this.#descend(content, this.root, 0, pages, null);
  }

  /** How many of a content's first `pages` pages are cached; cuts no node. */
  cachedPages(content: PageContent, pages: number): number {
    let node = this.root;
    let matched = 0;
    while (matched < pages) {
      const child = childOf(node, content, matched);
      if (child === null) break;
      matched += child.content.common(content, matched, Math.min(child.end, pages));
      if (matched < child.end) break;
      node = child;
    }
    return matched;
  }

  /** Makes a node, with all above it, the most recently used. */
  touch(node: RadixNode): void {
    use(node, ++this.#clock);
    if (isFreeLeaf(node)) this.#leaves.add(node);
  }

  /** Pages on the way to `node` that nobody holds. */
  unheldPages(node: RadixNode): number {
    let pages = 0;
    for (let at = node; at.parent !== null && at.locks === 0; at = at.parent) pages += at.end - at.from;
    return pages;
  }

  lock(node: RadixNode): void {
    this.#lockBelow(null, node);
  }

  unlock(node: RadixNode): void {
    for (let at = node; at.parent !== null; at = at.parent) {
      if (--at.locks > 0) continue;
      this.#evictable += at.end - at.from;
      if (isFreeLeaf(at)) this.#leaves.add(at);
    }
  }

  /**
   * Publishes a holder's first `pages` pages, more than it has published before; it holds them from now on, by the tree. Nodes that are
   * used whole become the most recently used.
   * @param access a place of `keepUses`, for what was done before; nodes used later stay so
   * @returns how many of the pages that it had not published were there before
   */
  publish(holder: RadixHolder, pages: number, access = ++this.#clock): number {
    const { content, node: held } = holder;
    const start = held ?? this.root;
    const from = held === null ? 0 : holder.publishedPages;
    use(start, access);
    if (!this.#tellsOwn && isOwnEnd(start, content)) {
      // Nobody else can ever come to a page of it that is the request's own: where nodes begin there changes nothing.
      start.end = pages;
      holder.publishedPages = pages;
      return 0;
    }
    const { node: parent, pages: known } = this.#descend(content, start, from, pages, access);
    let node = parent;
    if (known < pages) {
      node = newNode(content.part(known, pages), known, pages, parent);
      node.locks = 1;
      node.lastAccess = access;
      attach(node, parent);
      this.tellStored(content, known, pages);
    }
    this.#lockBelow(held, parent);
    holder.node = node;
    holder.publishedPages = pages;
    return known - from;
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
      for (let page = leaf.from; page < leaf.end; page++) gone.push(leaf.content.id(page));
      this.#drop(leaf, leaf.end - leaf.from);
    }
    return gone;
  }

  /** As far as the tree has a content, from a node on at whose end `from` pages of it are matched. */
  #descend(content: PageContent, from: RadixNode, fromPages: number, pages: number, access: number | null): RadixMatch {
    let node = from;
    let whole = from;
    let matched = fromPages;
    while (matched < pages) {
      const child = childOf(node, content, matched);
      if (child === null) break;
      const end = matched + child.content.common(content, matched, Math.min(child.end, pages));
      if (end < child.end) {
        node = cut(child, end);
        matched = end;
        break;
      }
      node = child;
      whole = child;
      matched = end;
      if (access !== null) useOne(node, access);
    }
    return { node, pages: matched, whole };
  }

  /** @param above a node on the way that the holder has locked already, with those above it; null: none */
  #lockBelow(above: RadixNode | null, node: RadixNode): void {
    for (let at = node; at !== above && at.parent !== null; at = at.parent) {
      if (at.locks++ === 0) this.#evictable -= at.end - at.from;
    }
  }

  #evict(pages: number): void {
    for (let missing = pages; missing > 0; ) {
      const leaf = this.#leaves.take()!;
      const count = Math.min(missing, leaf.end - leaf.from);
      this.#tellRemoved(leaf, count);
      this.evictions += count;
      this.#drop(leaf, count);
      missing -= count;
    }
  }

  /** Cuts the last pages off a leaf that was taken from the heap. */
  #drop(leaf: RadixNode, pages: number): void {
    const parent = leaf.parent!;
    const isGone = pages === leaf.end - leaf.from;
    if (isGone) detach(leaf, parent);
    leaf.end -= pages;
    this.#free += pages;
    this.#evictable -= pages;
    const next = isGone ? parent : leaf;
    if (isFreeLeaf(next)) this.#leaves.add(next);
  }

  /** Tells of pages of a content, whether or not the tree has them. */
  tellStored(content: PageContent, from: number, end: number): void {
    if (this.#onEvent === null) return;
    const last = this.#tellsOwn ? end : Math.min(end, content.ownFrom);
    for (let page = from; page < last; page++) this.#onEvent({ kind: "stored", blockId: content.id(page) });
  }

  /** Last pages first. */
  #tellRemoved({ content, end }: RadixNode, count: number): void {
    if (this.#onEvent === null) return;
    const last = this.#tellsOwn ? end : Math.min(end, content.ownFrom);
    for (let page = last - 1; page >= end - count; page--)
      this.#onEvent({ kind: "removed", blockId: content.id(page) });
  }
}

export function newNode(content: PageContent, from: number, end: number, parent: RadixNode | null): RadixNode {
  return { content, from, end, parent, childCount: 0, children: null, locks: 0, lastAccess: 0 };
}

/** The node below `node` that begins with a content's page `page`. */
function childOf(node: RadixNode, content: PageContent, page: number): RadixNode | null {
  if (page === content.ownFrom) return content.ownNode;
  return node.children?.get(content.id(page)) ?? null;
}

function attach(node: RadixNode, parent: RadixNode): void {
  const { content, from } = node;
  if (from === content.ownFrom) content.ownNode = node;
  else {
    parent.children ??= new Map();
    parent.children.set(content.id(from), node);
  }
  parent.childCount++;
}

function detach(node: RadixNode, parent: RadixNode): void {
  const { content, from } = node;
  if (from === content.ownFrom) content.ownNode = null;
  else parent.children!.delete(content.id(from));
  parent.childCount--;
}

/** Cuts a node in two before page `at`; returns the upper part. */
function cut(node: RadixNode, at: number): RadixNode {
  const { content, from, lastAccess, locks } = node;
  const parent = node.parent!;
  const upper = newNode(content, from, at, parent);
  upper.locks = locks;
  upper.lastAccess = lastAccess;
  detach(node, parent);
  attach(upper, parent);
  node.from = at;
  node.parent = upper;
  attach(node, upper);
  return upper;
}

/** Held, with nothing below it, and ending with a page of that content which nobody else can have. */
function isOwnEnd(node: RadixNode, content: PageContent): boolean {
  return node.content === content && node.end > content.ownFrom && node.childCount === 0 && node.locks > 0;
}

/** A node and all above it were used then. */
function use(node: RadixNode, access: number): void {
  for (let at: RadixNode | null = node; at !== null; at = at.parent) useOne(at, access);
}

function useOne(node: RadixNode, access: number): void {
  if (access > node.lastAccess) node.lastAccess = access;
}
