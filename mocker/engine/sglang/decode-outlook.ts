import { totalTokens } from "./sequence.ts";
import type { SglangEngine } from "./stepping.ts";

/** What a decode pass needs, and those after it, as long as the same requests run. */
export class DecodeOutlook {
  readonly #engine: SglangEngine;
  /** Requests by the number of passes, 1 to the page size, after which they first need another page. */
  readonly #firstPage: Int32Array;
  /** Σ tokens of those who run. */
  contextSum = 0;
  /** Pages that the pass itself takes. */
  pagesNow = 0;
  /** Passes until somebody ends, the last one included. */
  passesLeft = 0;
  /** Somebody gets a first token, fills pages that others may know, or has not published what it computed. */
  isSpecial = false;
  /** Output tokens to come, as the reserve counts them, at the start of the pass after this one. */
  #toCome = 0;
  /** Requests for which less is counted with each pass. */
  #unclipped = 0;
  /** Passes for which that holds. */
  #unclippedFor = 0;

  constructor(engine: SglangEngine) {
    this.#engine = engine;
    this.#firstPage = new Int32Array(engine.config.blockSize + 1);
  }

  /** The pass is about to take its pages; nobody has emitted its token yet. */
  look(): void {
    const { running, pages, slotsAhead, config } = this.#engine;
    const { pageTokens } = pages;
    const clip = config.sglang.clipMaxNewTokens;
    const firstPage = this.#firstPage;
    firstPage.fill(0);
    let contextSum = 0;
    let pagesNow = 0;
    let passesLeft = Number.POSITIVE_INFINITY;
    let unclippedFor = Number.POSITIVE_INFINITY;
    let toCome = 0;
    let unclipped = 0;
    let isSpecial = false;
    // Counted, as others that go over all who run: an iterator would make an object for each until the loop is compiled.
    for (let i = 0; i < running.length; i++) {
      const sequence = running[i]!;
      const tokens = totalTokens(sequence);
      contextSum += tokens;
      // Slots beyond what this pass fills; in it, one token is new.
      let spare = (sequence.publishedPages + sequence.privatePages) * pageTokens - tokens - slotsAhead;
      if (spare < 0) {
        pagesNow++;
        spare += pageTokens;
      }
      firstPage[spare + 1]!++;
      const left = sequence.osl - sequence.generated;
      if (left < passesLeft) passesLeft = left;
      if (left <= clip) {
        toCome += left;
        unclipped++;
      } else {
        toCome += clip;
        if (left - clip < unclippedFor) unclippedFor = left - clip;
      }
      // First tokens (of transferred requests) are told as they come: planners, clients and faults look at them.
      if (sequence.generated === 0 || sequence.slotless || !pages.fillsOwnPages(sequence)) isSpecial = true;
    }
    this.contextSum = contextSum;
    this.pagesNow = pagesNow;
    this.passesLeft = passesLeft;
    this.isSpecial = isSpecial;
    this.#toCome = toCome;
    this.#unclipped = unclipped;
    this.#unclippedFor = unclippedFor;
  }

  /** Pages that the pass `pass` passes after this one takes. */
  pagesAt(pass: number): number {
    const { pageTokens } = this.#engine.pages;
    return this.#firstPage[((pass - 1) % pageTokens) + 1]!;
  }

  /** Pages taken by the passes up to `pass` passes after this one. */
  pagesUpTo(pass: number): number {
    const { pageTokens } = this.#engine.pages;
    const rounds = Math.floor(pass / pageTokens);
    let pages = rounds * this.#engine.running.length;
    for (let at = rounds * pageTokens + 1; at <= pass; at++) pages += this.pagesAt(at);
    return pages;
  }

  /** Output tokens to come at the start of that pass; NaN where it is not known. */
  toComeAt(pass: number): number {
    return pass > this.#unclippedFor ? Number.NaN : this.#toCome - pass * this.#unclipped;
  }
}
