/** A stream whose head has not gone out. */
export interface WaitingHead {
  sendHead(): void;
}

/**
 * The head of a stream goes out with its first token, so that whatever goes wrong before has a status of its own; but not
 * later than after some time, so that clients don't give up on a long queue. One interval serves all streams.
 */
export class HeadSweep {
  readonly #afterMs: number;
  /** In the order of their arrival. */
  readonly #waiting = new Map<WaitingHead, number>();
  #interval: NodeJS.Timeout | null = null;

  /** @param afterMs real ms */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  add(head: WaitingHead): void {
    this.#waiting.set(head, performance.now() + this.#afterMs);
    this.#interval ??= setInterval(() => this.#sweep(), Math.max(10, this.#afterMs / 4)).unref();
  }

  delete(head: WaitingHead): void {
    this.#waiting.delete(head);
  }

  close(): void {
    if (this.#interval !== null) clearInterval(this.#interval);
    this.#interval = null;
    this.#waiting.clear();
  }

  #sweep(): void {
    const now = performance.now();
    for (const [head, dueMs] of this.#waiting) {
      if (dueMs > now) return;
      this.#waiting.delete(head);
      head.sendHead();
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#interval!);
    this.#interval = null;
  }
}
