/** How fast wishes become replicas: `behavior` of autoscaling/v2, with its defaults where they are not settings. */
export interface HpaBehavior {
  /** The least wish of so long counts upwards, ms. */
  upStabilizationMs: number;
  /** The largest wish of so long counts downwards, ms. */
  downStabilizationMs: number;
}

/** Upwards in each period: so many replicas, or so large a share of those there were, whichever is more. */
const UP_REPLICAS = 4;
const UP_SHARE = 1;
const UP_PERIOD_MS = 15_000;

/** Stabilisation and limits of the rate of one role; downwards all may go at once. */
export class HpaPace {
  readonly #behavior: HpaBehavior;
  #wishes: { atMs: number; replicas: number }[] = [];
  #changes: { atMs: number; by: number }[] = [];

  constructor(behavior: HpaBehavior) {
    this.#behavior = behavior;
  }

  /** Replicas that were there when it was first looked at count as its first wish, as Kubernetes' controller has it. */
  found(replicas: number, nowMs: number): void {
    if (this.#wishes.length === 0) this.#wishes.push({ atMs: nowMs, replicas });
  }

  /** @param wish of the metrics, within minimum and maximum */
  next(wish: number, current: number, nowMs: number): number {
    const { upStabilizationMs, downStabilizationMs } = this.#behavior;
    let up = wish;
    let down = wish;
    for (const { atMs, replicas } of this.#wishes) {
      if (atMs > nowMs - upStabilizationMs) up = Math.min(up, replicas);
      if (atMs > nowMs - downStabilizationMs) down = Math.max(down, replicas);
    }
    const longest = Math.max(upStabilizationMs, downStabilizationMs);
    this.#wishes = this.#wishes.filter(({ atMs }) => atMs > nowMs - longest);
    this.#wishes.push({ atMs: nowMs, replicas: wish });
    let stable = current;
    if (stable < up) stable = up;
    if (stable > down) stable = down;
    return stable > current ? Math.min(stable, this.#mostNow(current, nowMs)) : stable;
  }

  /** Says what was really changed: limits of the rate count that, in both directions. */
  changed(from: number, to: number, nowMs: number): void {
    if (to !== from) this.#changes.push({ atMs: nowMs, by: to - from });
  }

  #mostNow(current: number, nowMs: number): number {
    this.#changes = this.#changes.filter(({ atMs }) => atMs > nowMs - UP_PERIOD_MS);
    const before = current - this.#changes.reduce((sum, { by }) => sum + by, 0);
    // Who had none may begin all the same.
    return Math.max(current, before + UP_REPLICAS, Math.ceil(before * (1 + UP_SHARE)));
  }
}
