/** What is away for less is the same matter when it comes back, ms. */
export const AWAY_MS = 60_000;

/** What comes and goes is told when it begins, and not again before it has been away for a minute. */
export class Recurring {
  readonly #lastMs = new Map<string, number>();

  /** Whether it begins; called whenever it is there. */
  begins(what: string, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(what);
    this.#lastMs.set(what, nowMs);
    return lastMs === undefined || nowMs - lastMs > AWAY_MS;
  }

  /** What comes now begins anew. */
  forget(): void {
    this.#lastMs.clear();
  }
}
