import { totalTokens } from "./sequence.ts";
import type { SglangEngine } from "./stepping.ts";

/** What the decode passes after the one that has just been scheduled will need, as long as the same requests run. */
export class DecodeOutlook {
  readonly #engine: SglangEngine;
  /** Requests by the number of passes, 1 to the page size, after which they first need another page. */
  readonly #firstPage: Int32Array;
  /** Passes until somebody ends, the last one included. */
  passesLeft = 0;
  /** Output tokens to come, as the reserve counts them, at the start of the pass after the scheduled one. */
  #toCome = 0;
  /** Requests for which less is counted with each pass. */
  #unclipped = 0;
  /** Passes for which that holds. */
  #unclippedFor = 0;

  constructor(engine: SglangEngine) {
    this.#engine = engine;
    this.#firstPage = new Int32Array(engine.config.blockSize + 1);
  }

  /** The scheduled pass has taken its pages; nobody has emitted its token yet. */
  look(): void {
    const { running, outputReserve, pages, slotsAhead } = this.#engine;
    this.#firstPage.fill(0);
    this.passesLeft = Number.POSITIVE_INFINITY;
    this.#unclippedFor = Number.POSITIVE_INFINITY;
    this.#toCome = 0;
    this.#unclipped = 0;
    for (const sequence of running) {
      const left = sequence.osl - sequence.generated;
      this.passesLeft = Math.min(this.passesLeft, left);
      const owned = (sequence.publishedPages + sequence.privatePages) * pages.pageTokens;
      // After p more passes it needs slots for so many tokens more.
      const spare = owned - totalTokens(sequence) - slotsAhead;
      this.#firstPage[Math.min(spare, pages.pageTokens - 1) + 1]!++;
      this.#toCome += outputReserve.toCome(sequence);
      const clippedFor = outputReserve.batchesClipped(sequence);
      if (clippedFor === 0) this.#unclipped++;
      else this.#unclippedFor = Math.min(this.#unclippedFor, clippedFor);
    }
  }

  /** Pages that the pass `pass` passes after the scheduled one takes. */
  pagesAt(pass: number): number {
    const { pageTokens } = this.#engine.pages;
    return this.#firstPage[((pass - 1) % pageTokens) + 1]!;
  }

  /** Pages taken by the passes up to `pass` passes after the scheduled one. */
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
