/** Where more than this share misses, workers are short. */
const SHORT_SHARE = 0.15;
/** Time after a shortage until what waited has gone, s. */
const AFTER_S = 60;
/** A shortage that lasts longer is taken for how things are, s. */
const LONGEST_S = 600;
/** A foretold shortage of which nothing is seen for so long is none: the formulas are wrong about engines, s. */
const PROOF_S = 60;

/** Tells whether workers are short, or were so recently that queues and batches still show it. */
export class Shortage {
  #sinceS: number | null = null;
  #lastS = Number.NEGATIVE_INFINITY;
  /** Since when the formulas have said so, and nothing of it was seen. */
  #unprovenSinceS: number | null = null;

  /**
   * @param expectedShare what the formulas say misses with the workers that are there
   * @param seenShare what missed: it tells when a shortage ends; null: nothing was judged
   */
  update(nowS: number, expectedShare: number, seenShare: number | null): boolean {
    const isExpected = expectedShare > SHORT_SHARE;
    const isSeen = seenShare !== null && seenShare > SHORT_SHARE;
    if (!isExpected || isSeen) this.#unprovenSinceS = null;
    else this.#unprovenSinceS ??= nowS;
    const isDisproved = this.#unprovenSinceS !== null && nowS - this.#unprovenSinceS >= PROOF_S;
    if ((isExpected && !isDisproved) || (this.#sinceS !== null && isSeen)) this.#lastS = nowS;
    if (nowS - this.#lastS > AFTER_S) this.#sinceS = null;
    else this.#sinceS ??= nowS;
    return this.#sinceS !== null && nowS - this.#sinceS <= LONGEST_S;
  }
}
