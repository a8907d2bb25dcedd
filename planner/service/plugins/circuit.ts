const FAILURES = 5;
const OPEN_MS = 30_000;

/** 0: closed, 0.5: half open, 1: open; as the metric shows it. */
export type CircuitState = 0 | 0.5 | 1;

/** Leaves what keeps failing alone for a while: five failures in a row open it for 30 s, then one probe decides (Dynamo's numbers). */
export class CircuitBreaker {
  #failures = 0;
  #openedMs: number | null = null;
  #probing = false;

  /** Whether to ask now. The first question after the pause is the probe. */
  allows(nowMs: number): boolean {
    if (this.#openedMs === null) return true;
    if (this.#probing || nowMs - this.#openedMs < OPEN_MS) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openedMs = null;
    this.#probing = false;
  }

  /** Returns whether it has opened. */
  failed(nowMs: number): boolean {
    this.#failures++;
    if (!this.#probing && this.#failures < FAILURES) return false;
    this.#probing = false;
    this.#openedMs = nowMs;
    return true;
  }

  state(nowMs: number): CircuitState {
    if (this.#openedMs === null) return 0;
    return this.#probing || nowMs - this.#openedMs >= OPEN_MS ? 0.5 : 1;
  }
}
