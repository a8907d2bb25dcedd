import { badEngineConfig } from "../errors.ts";
import type { EngineConfig } from "../types.ts";

/** SGLang's constant for data-parallel attention: each rank keeps less room for output than a scheduler alone. */
const RANK_CONSERVATIVENESS = 0.3;

/**
 * One of a worker's data-parallel ranks: SGLang's share the tokens of a prefill batch, and keep less room for output.
 * @throws UserError ENGINE_BAD_CONFIG where the share is less than a page
 */
export function rankConfig(config: EngineConfig, ranks: number): EngineConfig {
  if (config.family !== "sglang" || ranks === 1) return config;
  const { sglang, blockSize } = config;
  const chunkedPrefillSize = Math.floor(sglang.chunkedPrefillSize / ranks);
  if (chunkedPrefillSize < blockSize) {
    throw badEngineConfig(
      "sglang.chunkedPrefillSize",
      sglang.chunkedPrefillSize,
      `${ranks * blockSize} or more: a page of ${blockSize} tokens for each of ${ranks} data-parallel ranks`,
      "the ranks of a worker share it",
    );
  }
  const scheduleConservativeness = sglang.scheduleConservativeness * RANK_CONSERVATIVENESS;
  return { ...config, sglang: { ...sglang, chunkedPrefillSize, scheduleConservativeness } };
}
