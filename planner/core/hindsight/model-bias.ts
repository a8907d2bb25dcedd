/** Weight of what was expected before anything was seen, requests missed. */
const PRIOR_MISSES = 30;
const MEMORY_S = 3600;
const LEAST = 0.5;
const MOST = 20;
/** What came so soon before a shortage was counted may be a part of it, s. */
const BEFORE_SHORT_S = 20;

interface Count {
  atS: number;
  seen: number;
  expected: number;
}

/** How many requests miss the SLA for one that the formulas say will, while workers are not short. */
export class ModelBias {
  #seen = PRIOR_MISSES;
  #expected = PRIOR_MISSES;
  #waiting: Count[] = [];

  /** @param expectedShare what the formulas say for the workers that were there @param judged requests judged, and missed of them */
  update(nowS: number, dtS: number, expectedShare: number, judged: number, missed: number): void {
    const keep = Math.exp(-dtS / MEMORY_S);
    this.#seen = PRIOR_MISSES + (this.#seen - PRIOR_MISSES) * keep;
    this.#expected = PRIOR_MISSES + (this.#expected - PRIOR_MISSES) * keep;
    if (judged > 0) this.#waiting.push({ atS: nowS, seen: Math.max(0, missed), expected: expectedShare * judged });
    while (this.#waiting.length > 0 && this.#waiting[0]!.atS < nowS - BEFORE_SHORT_S) {
      const { seen, expected } = this.#waiting.shift()!;
      this.#seen += seen;
      this.#expected += expected;
    }
  }

  /** Workers are short: what is late now is late for queues that the formulas don't know. */
  leaveOut(): void {
    this.#waiting = [];
  }

  get factor(): number {
    return Math.min(MOST, Math.max(LEAST, this.#seen / this.#expected));
  }
}
