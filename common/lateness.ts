/** How late something came, real ms; quantiles are upper bounds, a tenth wide. */
export interface Lateness {
  count: number;
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** 1 µs · 1.1^i. */
const BUCKETS = 200;
const SMALLEST_MS = 1e-3;
const LOG_GROWTH = Math.log(1.1);

/** Collects lateness in buckets of a tenth, in constant space. */
export class LatenessMeter {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    this.#count++;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
    const bucket = ms <= SMALLEST_MS ? 0 : Math.ceil(Math.log(ms / SMALLEST_MS) / LOG_GROWTH);
    this.#counts[Math.min(BUCKETS - 1, bucket)]!++;
  }

  merge(other: LatenessMeter): void {
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
    for (let i = 0; i < BUCKETS; i++) this.#counts[i]! += other.#counts[i]!;
  }

  read(): Lateness {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50Ms: this.#quantile(0.5),
      p99Ms: this.#quantile(0.99),
      maxMs: this.#maxMs,
    };
  }

  #quantile(share: number): number {
    let left = share * this.#count;
    if (left === 0) return 0;
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i]!;
      if (left <= 0) return Math.min(this.#maxMs, SMALLEST_MS * Math.exp(i * LOG_GROWTH));
    }
    return this.#maxMs;
  }
}
