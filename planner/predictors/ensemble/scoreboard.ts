import type { Expert } from "./experts.ts";

/** Price of a parameter, as a share of the loss, after one judged forecast; it falls as forecasts are judged (as in AIC). */
const PARAMETER_PRICE = 0.5;
/** Weights fall with this power of the loss: twice the loss of the best is as good as nothing. */
const POWER = 16;

/** How well each expert has forecast lately: means of its losses that fade by `fade` a value. */
export class Scoreboard {
  readonly #experts: readonly Expert[];
  readonly #fade: number;
  readonly #losses: Float64Array;
  readonly #weights: Float64Array;
  readonly #counts: Float64Array;

  constructor(experts: readonly Expert[], fade: number) {
    this.#experts = experts;
    this.#fade = fade;
    this.#losses = new Float64Array(experts.length);
    this.#weights = new Float64Array(experts.length);
    this.#counts = new Float64Array(experts.length);
  }

  book(expert: number, loss: number): void {
    this.#losses[expert] = this.#losses[expert]! * this.#fade + loss;
    this.#weights[expert] = this.#weights[expert]! * this.#fade + 1;
    this.#counts[expert] = this.#counts[expert]! + 1;
  }

  /** Mean loss with the price of its parameters; infinite for an expert that was judged fewer than `least` times. */
  score(expert: number, least: number): number {
    if (this.#counts[expert]! < least) return Number.POSITIVE_INFINITY;
    const weight = this.#weights[expert]!;
    const price = (PARAMETER_PRICE * this.#experts[expert]!.parameters) / (weight + 1);
    return (this.#losses[expert]! / weight) * (1 + price);
  }

  /** Weights of the experts that `speaks` allows, their sum 1; null where none of them was judged `least` times. */
  weigh(speaks: readonly boolean[], least: number): number[] | null {
    const scores = speaks.map((does, i) => (does ? this.score(i, least) : Number.POSITIVE_INFINITY));
    const best = Math.min(...scores);
    if (best === Number.POSITIVE_INFINITY) return null;
    const raw = scores.map((score) => (score <= best ? 1 : (best / score) ** POWER));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return raw.map((weight) => weight / total);
  }
}
