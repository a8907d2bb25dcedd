import type { EngineConfig } from "../types.ts";
import type { SglangSequence } from "./sequence.ts";

/** SGLang's constants: share of the output kept free at first, what it decays to and in how many decode batches. */
const FIRST_RATIO = 0.7;
const LAST_SHARE = 0.14;
const DECAY_BATCHES = 600;
/** Tokens that everybody is granted when the share is estimated anew. */
const RETRACT_STEPS = 20;

/** Room that is kept for the output of running requests: a share of what is still to come, which decays. */
export class OutputReserve {
  /** SGLang's new-token ratio. */
  ratio: number;
  readonly #first: number;
  readonly #least: number;
  readonly #step: number;
  readonly #clip: number;

  constructor({ sglang, quirks }: EngineConfig) {
    const first = FIRST_RATIO * sglang.scheduleConservativeness;
    this.ratio = quirks.unclampedReserve ? first : Math.min(1, first);
    this.#first = this.ratio;
    this.#least = this.ratio * LAST_SHARE;
    this.#step = (this.ratio - this.#least) / DECAY_BATCHES;
    this.#clip = sglang.clipMaxNewTokens;
  }

  /** Output tokens that are counted for a request. */
  toCome({ osl, generated }: SglangSequence): number {
    return Math.min(osl - generated, this.#clip);
  }

  allToCome(running: readonly SglangSequence[]): number {
    let tokens = 0;
    for (let i = 0; i < running.length; i++) tokens += this.toCome(running[i]!);
    return tokens;
  }

  /** A decode batch has room. */
  decay(): void {
    this.ratio = this.decayed(this.ratio);
  }

  decayed(ratio: number): number {
    return Math.max(this.#least, ratio - this.#step);
  }

  /** The share is what it was at first. */
  reset(): void {
    this.ratio = this.#first;
  }

  /** Requests had to go: the share follows from what the others have generated. */
  estimate(running: readonly SglangSequence[]): void {
    let granted = 0;
    let asked = 0;
    for (const { generated, osl } of running) {
      granted += generated + RETRACT_STEPS;
      asked += osl;
    }
    this.ratio = Math.min(1, granted / (asked + 1));
  }
}
