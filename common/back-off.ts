/** Kubelet's delays before a container that ended is started again: 10 s, doubled each time, 5 min at most. */
const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 300_000;
/** Kubelet forgets a container's failures once it has run for twice the longest delay. */
const FORGOTTEN_AFTER_MS = 2 * LONGEST_DELAY_MS;

/** How long to wait until something that keeps ending is started again. Model times are divided by the time scale. */
export class BackOff {
  readonly #timeScale: number;
  #failures = 0;

  constructor(timeScale: number) {
    this.#timeScale = timeScale;
  }

  /**
   * It ended.
   * @param ranMs for how long it had run, real ms
   * @returns real ms to wait; as kubelet, the first restart is at once
   */
  ended(ranMs: number): number {
    if (ranMs * this.#timeScale >= FORGOTTEN_AFTER_MS) this.#failures = 0;
    const delayMs =
      this.#failures === 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(30, this.#failures - 1));
    this.#failures++;
    return delayMs / this.#timeScale;
  }
}
