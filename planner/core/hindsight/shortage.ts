/** Where more than this share misses, workers are short. */
const SHORT_SHARE = 0.15;
/** Time after a shortage until what waited has gone, s. */
const AFTER_S = 60;
/** A shortage that lasts longer is taken for how things are, s. */
const LONGEST_S = 600;

/** Tells whether workers are short, or were so recently that queues and batches still show it. */
export class Shortage {
  #sinceS: number | null = null;
  #lastS = Number.NEGATIVE_INFINITY;

  /** @param expectedShare what the formulas say misses with the workers that are there @param seenShare what missed: it tells when a shortage ends */
  update(nowS: number, expectedShare: number, seenShare: number): boolean {
    if (expectedShare > SHORT_SHARE || (this.#sinceS !== null && seenShare > SHORT_SHARE)) this.#lastS = nowS;
    if (nowS - this.#lastS > AFTER_S) this.#sinceS = null;
    else this.#sinceS ??= nowS;
    return this.#sinceS !== null && nowS - this.#sinceS <= LONGEST_S;
  }
}
