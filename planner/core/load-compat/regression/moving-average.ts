/** Mean of the last values; zeros before the first other value are left out, later ones count. */
export class MovingAverage {
  readonly #window: number;
  readonly #values: number[] = [];
  #sum = 0;

  constructor(window: number) {
    this.#window = window;
  }

  add(value: number): void {
    if (this.#values.length === 0 && value === 0) return;
    this.#values.push(value);
    this.#sum += value;
    if (this.#values.length > this.#window) this.#sum -= this.#values.shift()!;
  }

  /** 0 before the first value. */
  get mean(): number {
    return this.#values.length === 0 ? 0 : this.#sum / this.#values.length;
  }
}
