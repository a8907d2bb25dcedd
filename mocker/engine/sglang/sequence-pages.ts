import { reportedEvents } from "../reported-events.ts";
import type { EngineConfig, KvEvent, RequestSource } from "../types.ts";
import { pageContent } from "./page-content.ts";
import { RadixCache, type RadixMatch } from "./radix-cache.ts";
import { newSglangSequence, type SglangSequence } from "./sequence.ts";

/** The pages of an engine's sequences. */
export class SequencePages {
  readonly cache: RadixCache;
  readonly #requests: RequestSource;
  readonly pageTokens: number;
  /** How often a sequence has given back pages. */
  releases = 0;
  readonly #caching: boolean;

  constructor(config: EngineConfig, requests: RequestSource, onEvent: (event: KvEvent) => void) {
    this.#requests = requests;
    this.pageTokens = config.blockSize;
    this.#caching = config.prefixCaching;
    this.cache = new RadixCache(config.numGpuBlocks, reportedEvents(config, onEvent), config.kvEvents === true);
  }

  newSequence(request: number, isl: number, osl: number): SglangSequence {
    return newSglangSequence(request, isl, osl, pageContent(this.#requests, request));
  }

  /** Pages for so many tokens. */
  pagesOf(tokens: number): number {
    return Math.ceil(tokens / this.pageTokens);
  }

  /** Tokens rounded up to whole pages. */
  wholePages(tokens: number): number {
    return this.pagesOf(tokens) * this.pageTokens;
  }

  /** Pages it lacks for `tokens` tokens. */
  missing(sequence: SglangSequence, tokens: number): number {
    return Math.max(0, this.pagesOf(tokens) - sequence.publishedPages - sequence.privatePages);
  }

  /** Whether its pages don't suffice for `tokens` tokens. */
  isFull({ publishedPages, privatePages }: SglangSequence, tokens: number): boolean {
    return (publishedPages + privatePages) * this.pageTokens < tokens;
  }

  /** The longest cached prefix of its first `tokens` tokens. */
  lookup(sequence: SglangSequence, tokens: number): RadixMatch {
    const pages = this.#caching ? Math.floor(tokens / this.pageTokens) : 0;
    this.#list(sequence, pages);
    return this.cache.match(sequence.content, pages);
  }

  /** Of its first `tokens` tokens, those that the cache has; leaves the tree as it is. */
  cachedTokens(sequence: SglangSequence, tokens: number): number {
    const pages = this.#caching ? Math.floor(tokens / this.pageTokens) : 0;
    this.#list(sequence, pages);
    return this.cache.cachedPages(sequence.content, pages) * this.pageTokens;
  }

  /** Whether two sequences, of so many tokens, have at least `shared` leading ones in common, in whole pages. */
  share(shared: number, a: SglangSequence, aTokens: number, b: SglangSequence, bTokens: number): boolean {
    const pages = this.pagesOf(shared);
    if (Math.floor(Math.min(aTokens, bTokens) / this.pageTokens) < pages) return false;
    this.#list(a, pages);
    this.#list(b, pages);
    for (let page = 0; page < pages; page++) if (a.content.id(page) !== b.content.id(page)) return false;
    return true;
  }

  /** Holds a cached prefix, instead of what it holds of the tree by now. */
  hold(sequence: SglangSequence, { node, pages }: RadixMatch): void {
    this.cache.lock(node);
    if (sequence.node !== null) this.cache.unlock(sequence.node);
    sequence.node = node;
    sequence.publishedPages = pages;
  }

  /** Takes the pages that `tokens` tokens need; the caller has looked at the room. */
  grow(sequence: SglangSequence, tokens: number): void {
    const missing = this.missing(sequence, tokens);
    if (missing === 0) return;
    this.cache.take(missing);
    sequence.privatePages += missing;
  }

  /** Gives back the pages that `tokens` tokens don't need. */
  shrink(sequence: SglangSequence, tokens: number): void {
    const spare = sequence.publishedPages + sequence.privatePages - this.pagesOf(tokens);
    if (spare <= 0) return;
    this.cache.give(spare);
    sequence.privatePages -= spare;
  }

  /** The pages that its first `tokens` tokens fill become findable; what others published before is given back. */
  publish(sequence: SglangSequence, tokens: number): void {
    this.#publishFilled(sequence);
    const pages = Math.floor(tokens / this.pageTokens);
    if (this.#caching && pages > sequence.publishedPages) this.#publish(sequence, pages);
  }

  /** Tells of pages that will be published, of those that the cache has not. */
  tell(sequence: SglangSequence, tokens: number): void {
    if (!this.#caching) return;
    const pages = Math.floor(tokens / this.pageTokens);
    this.#list(sequence, pages);
    this.cache.tellStored(sequence.content, this.cache.cachedPages(sequence.content, pages), pages);
  }

  /**
   * The same, put off until somebody could tell: for pages of its own (`fillsOwnPages`) that nobody is told of, as long as it holds what
   * is before them.
   * @param access the place in the order of uses that it has now (`RadixCache.keepUses`)
   */
  publishLater(sequence: SglangSequence, pages: number, access: number): void {
    if (!this.#caching) return;
    sequence.filledPages = pages;
    sequence.filledAt = access;
  }

  /** Lets go of everything; what is published stays findable until it is evicted. */
  release(sequence: SglangSequence): void {
    this.releases++;
    this.#publishFilled(sequence);
    sequence.filledPages = 0;
    this.cache.give(sequence.privatePages);
    sequence.privatePages = 0;
    if (sequence.node !== null) this.cache.unlock(sequence.node);
    sequence.node = null;
    sequence.publishedPages = 0;
  }

  /** Whether whatever pages it fills from now on can be found by nobody else. */
  fillsOwnPages({ content, publishedPages }: SglangSequence): boolean {
    return !this.#caching || publishedPages >= content.ownFrom;
  }

  #publishFilled(sequence: SglangSequence): void {
    const { filledPages, filledAt } = sequence;
    if (filledPages > sequence.publishedPages) this.#publish(sequence, filledPages, filledAt);
  }

  #publish(sequence: SglangSequence, pages: number, access?: number): void {
    const before = sequence.publishedPages;
    this.#list(sequence, pages);
    const known = this.cache.publish(sequence, pages, access);
    if (known > 0) this.releases++;
    this.cache.give(known);
    sequence.privatePages -= pages - before;
  }

  /** What its source has to be asked for page by page. */
  #list({ id, listed }: SglangSequence, pages: number): void {
    if (listed === null) return;
    for (let page = listed.length; page < pages; page++) listed.push(this.#requests.contentId(id, page));
  }
}
