/** Requests that take so many times the work of those before, or less by as much, are other requests. */
const OTHER_RATIO = 1.3;
/** For so long they must have been others, s: a few long prompts are no change. */
const CONSIDERED_S = 60;
/** What requests usually take is followed over this time, s. */
const USUAL_TAU_S = 600;

/** Tells when requests have become others: sizes that were right for those before say nothing of what these need. */
export class ShapeWatch {
  #usual: number | null = null;
  #otherS = 0;

  /** @param workSeconds seconds of a worker that a request takes now @returns true once, when they have changed */
  update(dtS: number, workSeconds: number): boolean {
    const usual = this.#usual ?? workSeconds;
    const ratio = workSeconds / usual;
    this.#usual = usual + (1 - Math.exp(-dtS / USUAL_TAU_S)) * (workSeconds - usual);
    this.#otherS = ratio > OTHER_RATIO || ratio < 1 / OTHER_RATIO ? this.#otherS + dtS : 0;
    if (this.#otherS < CONSIDERED_S) return false;
    this.#usual = workSeconds;
    this.#otherS = 0;
    return true;
  }
}
