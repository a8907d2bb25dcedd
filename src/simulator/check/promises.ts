import type { EngineConfig } from "#mocker/engine";

/** What an engine promises beyond what all do, by its configuration. */
export interface EnginePromises {
  /** Requests are admitted for the first time in the order in which they came. */
  fifo: boolean;
  /** Every running request owns blocks for all tokens it has computed, none of them shared with another. */
  unshared: boolean;
}

/** @param sharedContent whether any two prompts begin alike */
export function promisesOf(config: EngineConfig, sharedContent: boolean): EnginePromises {
  return {
    // A decode worker's requests come in the order of their transfers; sglang's queue goes by its policy.
    fifo: config.role !== "decode" && config.family !== "sglang",
    // What drafts bring at once gets its blocks in the next pass.
    unshared:
      (!sharedContent || !config.prefixCaching) && !config.quirks.gateWithoutReservation && config.speculative === null,
  };
}
