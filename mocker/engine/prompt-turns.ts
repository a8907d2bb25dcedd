import type { EngineConfig } from "./types.ts";

/** In which steps the data-parallel ranks of a worker compute prompts. */
export interface PromptTurns {
  /** Prompts are held in the step that begins. */
  readonly held: boolean;
  /** Steps of which that is sure, the one that begins included. */
  readonly mostSteps: number;
  /** A step begins; `goesOn`: at the end of another. */
  begin(goesOn: boolean): void;
  /** So many steps are over; `prompts`: the first of them has computed some. */
  ended(steps: number, prompts: boolean): void;
}

/** Those of the family that the ranks play. */
export function promptTurns({ prefillScheduleInterval, prefillDecodeInterval }: EngineConfig): PromptTurns {
  return prefillDecodeInterval > 0 ? new OwedSteps(prefillDecodeInterval) : new EveryNthStep(prefillScheduleInterval);
}

/**
 * vLLM's `prefill_schedule_interval`: ranks that have anything to decode begin to compute prompts in every nth step alone, counted
 * from where the ranks were last idle, and go on in the next steps as long as somebody is left waiting: a prompt on one rank delays
 * the tokens of all, so they are better computed at once.
 */
class EveryNthStep implements PromptTurns {
  held = false;
  mostSteps = Number.POSITIVE_INFINITY;
  readonly #interval: number;
  /** Steps since the ranks were idle. */
  #step = 0;

  constructor(interval: number) {
    this.#interval = interval;
  }

  begin(goesOn: boolean): void {
    if (!goesOn) this.#step = 0;
    const untilOpen = this.#interval - (this.#step % this.#interval);
    this.held = untilOpen < this.#interval;
    // Beyond the next step in which prompts are computed again nothing is sure.
    this.mostSteps = this.#interval === 1 ? Number.POSITIVE_INFINITY : untilOpen;
  }

  ended(steps: number): void {
    this.#step += steps;
  }
}

/**
 * SGLang's `prefill_decode_interval`: after each step in which any rank computes prompts, or a chunk of one, so many come that only
 * decode, as long as anybody runs on any of the ranks.
 */
class OwedSteps implements PromptTurns {
  held = false;
  mostSteps = Number.POSITIVE_INFINITY;
  readonly #interval: number;
  /** Steps still to come before prompts. */
  #owed = 0;

  constructor(interval: number) {
    this.#interval = interval;
  }

  begin(): void {
    this.held = this.#owed > 0;
    this.mostSteps = this.held ? this.#owed : Number.POSITIVE_INFINITY;
  }

  ended(steps: number, prompts: boolean): void {
    this.#owed = prompts ? this.#interval : Math.max(0, this.#owed - steps);
  }
}
