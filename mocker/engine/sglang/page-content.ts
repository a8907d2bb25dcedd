import type { RequestSource } from "../types.ts";
import type { RadixNode } from "./radix-cache.ts";

/**
 * The contents of a request's pages by their place: first those that other requests may have as well, then its own, which nobody else can
 * find in a cache and which therefore need no list.
 */
export class PageContent {
  /** The first page of its own. */
  readonly ownFrom: number;
  /** In the cache, the node that begins with that page; null: there is none. */
  ownNode: RadixNode | null = null;
  readonly #ids: ArrayLike<number>;
  /** Where in them its first page is. */
  readonly #at: number;
  readonly #firstOwn: number;

  constructor(ids: ArrayLike<number>, at = 0, ownFrom = Number.POSITIVE_INFINITY, firstOwn = Number.NaN) {
    this.#ids = ids;
    this.#at = at;
    this.ownFrom = ownFrom;
    this.#firstOwn = firstOwn;
  }

  id(page: number): number {
    return page < this.ownFrom ? this.#ids[this.#at + page]! : this.#firstOwn - (page - this.ownFrom);
  }

  /** The same, for whoever keeps no more of it than the pages `from` to `end`. */
  part(from: number, end: number): PageContent {
    if (!Array.isArray(this.#ids)) return this;
    return new PageContent(this.#ids.slice(this.#at + from, this.#at + end), -from);
  }

  /** Pages from `from` on, below `end`, which it has in common with another; the first is equal. */
  common(other: PageContent, from: number, end: number): number {
    if (other === this) return end - from;
    const shared = Math.min(end, this.ownFrom, other.ownFrom);
    const ids = this.#ids;
    const otherIds = other.#ids;
    const at = this.#at;
    const otherAt = other.#at;
    let page = from + 1;
    while (page < shared && ids[at + page] === otherIds[otherAt + page]) page++;
    return page - from;
  }
}

/** The contents of a request's pages; where they have to be asked for one by one, `list` is to hold them (`listContents`). */
export function pageContent(requests: RequestSource, request: number): { content: PageContent; list: number[] | null } {
  const shared = requests.sharedContents?.(request);
  if (shared === undefined) {
    const list: number[] = [];
    return { content: new PageContent(list), list };
  }
  const { ids, from, end } = shared;
  const ownFrom = end - from;
  return { content: new PageContent(ids, from, ownFrom, requests.contentId(request, ownFrom)), list: null };
}
