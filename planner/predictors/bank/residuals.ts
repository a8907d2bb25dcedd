import { quantileSorted } from "#common";

/** Residuals (observed − forecast) of the last half hour with their times. */
export class ResidualStore {
  readonly #keepS: number;
  #times: number[] = [];
  #values: number[] = [];

  constructor(keepS: number) {
    this.#keepS = keepS;
  }

  push(nowS: number, residual: number): void {
    this.#times.push(nowS);
    this.#values.push(residual);
    let expired = 0;
    while (this.#times[expired]! < nowS - this.#keepS) expired++;
    if (expired > 0) {
      this.#times.splice(0, expired);
      this.#values.splice(0, expired);
    }
  }

  /** q-quantile of the residuals made since `sinceS`; null where there are none. */
  quantile(q: number, sinceS = Number.NEGATIVE_INFINITY): number | null {
    const from = this.#times.findIndex((time) => time >= sinceS);
    if (from < 0) return null;
    return quantileSorted(Float64Array.from(this.#values.slice(from)).sort(), q);
  }

  /** Seconds from the first residual kept to the last. */
  spanS(): number {
    return this.#times.length === 0 ? 0 : this.#times.at(-1)! - this.#times[0]!;
  }
}
