import type { Expert } from "./experts.ts";

/** Past losses fade by this factor a value. */
const FADE = 0.95;
/** Price of a parameter, as a share of the loss, after one judged forecast; it falls as forecasts are judged (as in AIC). */
const PARAMETER_PRICE = 0.5;

/** How well each expert has forecast lately: fading means of its losses. */
export class Scoreboard {
  readonly #experts: readonly Expert[];
  readonly #losses: Float64Array;
  readonly #weights: Float64Array;
  readonly #counts: Float64Array;

  constructor(experts: readonly Expert[]) {
    this.#experts = experts;
    this.#losses = new Float64Array(experts.length);
    this.#weights = new Float64Array(experts.length);
    this.#counts = new Float64Array(experts.length);
  }

  book(expert: number, loss: number): void {
    this.#losses[expert] = this.#losses[expert]! * FADE + loss;
    this.#weights[expert] = this.#weights[expert]! * FADE + 1;
    this.#counts[expert] = this.#counts[expert]! + 1;
  }

  /** Mean loss with the price of its parameters; infinite for an expert that was judged fewer than `least` times. */
  score(expert: number, least: number): number {
    if (this.#counts[expert]! < Math.max(1, least)) return Number.POSITIVE_INFINITY;
    const weight = this.#weights[expert]!;
    const price = (PARAMETER_PRICE * this.#experts[expert]!.parameters) / (weight + 1);
    return (this.#losses[expert]! / weight) * (1 + price);
  }

  /** Whether anybody was judged yet. */
  get isEmpty(): boolean {
    return this.#counts.every((count) => count === 0);
  }
}
