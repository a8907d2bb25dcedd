/** Workers as they would be, had a plan been followed: they start in time, and go at once. */
export class FollowedFleet {
  readonly #startupMs: number;
  #active: number;
  #starting: number[] = [];

  constructor(workers: number, startupMs: number) {
    this.#active = workers;
    this.#startupMs = startupMs;
  }

  get active(): number {
    return this.#active;
  }

  /** Active and starting. */
  get count(): number {
    return this.#active + this.#starting.length;
  }

  ready(nowMs: number): void {
    const waiting = this.#starting.filter((readyMs) => readyMs > nowMs);
    this.#active += this.#starting.length - waiting.length;
    this.#starting = waiting;
  }

  scale(nowMs: number, target: number): void {
    while (this.count < target) this.#starting.push(nowMs + this.#startupMs);
    if (this.count <= target) return;
    this.#starting.length = Math.max(0, Math.min(this.#starting.length, target - this.#active));
    this.#active = Math.min(this.#active, target);
  }
}
