import type { EngineConfig } from "../types.ts";

/**
 * Passes that compute no prompts: after each one that does, so many decode passes come first as long as anybody runs. As ai-dynamo
 * 1.6.1's DynoSim plays `prefill_decode_interval`.
 */
export class DecodeInterval {
  readonly #interval: number;
  /** Decode passes still to come before prompts. */
  owed = 0;

  constructor({ prefillDecodeInterval }: EngineConfig) {
    this.#interval = prefillDecodeInterval;
  }

  /** A pass computes prompts. */
  prefilled(): void {
    this.owed = this.#interval;
  }

  /** So many passes decode. */
  decoded(passes: number): void {
    this.owed = Math.max(0, this.owed - passes);
  }
}
