/** Relative errors of one kind, gathered to their mean and quantile. */
export class Errors {
  readonly #values: number[] = [];

  add(ours: number, reference: number): void {
    this.#values.push(Math.abs(ours / reference - 1));
  }

  addAll(other: Errors): void {
    for (const value of other.#values) this.#values.push(value);
  }

  get count(): number {
    return this.#values.length;
  }

  /** Mean absolute percentage error, %; NaN where nothing was compared. */
  get mapePercent(): number {
    return (100 * this.#values.reduce((sum, value) => sum + value, 0)) / this.#values.length;
  }

  /** The error that nine of ten don't exceed, %. */
  get p90Percent(): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return 100 * (sorted[Math.max(0, Math.ceil(0.9 * sorted.length) - 1)] ?? Number.NaN);
  }

  get largestPercent(): number {
    return 100 * this.#values.reduce((largest, value) => Math.max(largest, value), 0);
  }
}
