import type { TimingModel } from "../types.ts";

export interface FixedTiming {
  /** Time of a prompt (or, with `perPass`, of all prompts of a pass together), ms. */
  prefillMs: number;
  /** Time of one decode step of the whole batch, ms. */
  decodeMs: number;
  /** Charge `prefillMs` once per pass instead of once per prompt, as DynoSim 1.6.1 does. */
  perPass: boolean;
}

/** Constant times, whatever the lengths. */
export function fixedTiming({ prefillMs, decodeMs, perPass }: FixedTiming): TimingModel {
  return {
    kind: "fixed",
    chunkWorkMs: () => 0,
    prefillMs: (batch) => (batch === 0 ? 0 : perPass ? prefillMs : prefillMs * batch),
    decodeMs: (batch) => (batch === 0 ? 0 : decodeMs),
    extrapolations: () => 0,
  };
}
