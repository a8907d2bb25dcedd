import { reportedEvents } from "../reported-events.ts";
import type { EngineConfig, KvEvent, RequestSource } from "../types.ts";
import { RadixCache, type RadixMatch } from "./radix-cache.ts";
import type { SglangSequence } from "./sequence.ts";

/** The pages of an engine's sequences. */
export class SequencePages {
  readonly cache: RadixCache;
  readonly #requests: RequestSource;
  readonly pageTokens: number;
  readonly #caching: boolean;

  constructor(config: EngineConfig, requests: RequestSource, onEvent: (event: KvEvent) => void) {
    this.#requests = requests;
    this.pageTokens = config.blockSize;
    this.#caching = config.prefixCaching;
    this.cache = new RadixCache(config.numGpuBlocks, reportedEvents(config, onEvent));
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

  /** The longest cached prefix of its first `tokens` tokens. */
  lookup(sequence: SglangSequence, tokens: number): RadixMatch {
    const pages = this.#caching ? Math.floor(tokens / this.pageTokens) : 0;
    return this.cache.match(this.#ids(sequence, pages), pages, false);
  }

  /** Makes a cached prefix of it the most recently used. */
  touch(sequence: SglangSequence, pages: number): void {
    this.cache.match(sequence.pageIds, pages, true);
  }

  /** Whether two sequences, of so many tokens, have at least `shared` leading ones in common, in whole pages. */
  share(shared: number, a: SglangSequence, aTokens: number, b: SglangSequence, bTokens: number): boolean {
    const pages = this.pagesOf(shared);
    if (Math.floor(Math.min(aTokens, bTokens) / this.pageTokens) < pages) return false;
    const ofA = this.#ids(a, pages);
    const ofB = this.#ids(b, pages);
    for (let page = 0; page < pages; page++) if (ofA[page] !== ofB[page]) return false;
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
    const pages = Math.floor(tokens / this.pageTokens);
    if (!this.#caching || pages <= sequence.publishedPages) return;
    const held = sequence.node === null ? null : { node: sequence.node, pages: sequence.publishedPages };
    const { node, known } = this.cache.insert(this.#ids(sequence, pages), pages, held);
    this.cache.give(Math.max(0, known - sequence.publishedPages));
    sequence.privatePages -= pages - sequence.publishedPages;
    this.cache.lock(node, sequence.node);
    sequence.node = node;
    sequence.publishedPages = pages;
  }

  /** Lets go of everything; what is published stays findable until it is evicted. */
  release(sequence: SglangSequence): void {
    this.cache.give(sequence.privatePages);
    sequence.privatePages = 0;
    if (sequence.node !== null) this.cache.unlock(sequence.node);
    sequence.node = null;
    sequence.publishedPages = 0;
  }

  /** Whether the next page it fills may be in the tree already. */
  mayFillKnownPage(sequence: SglangSequence): boolean {
    return this.#caching && this.#requests.contentId(sequence.id, sequence.publishedPages) >= 0;
  }

  #ids(sequence: SglangSequence, pages: number): number[] {
    const { pageIds, id } = sequence;
    for (let page = pageIds.length; page < pages; page++) pageIds.push(this.#requests.contentId(id, page));
    return pageIds;
  }
}
