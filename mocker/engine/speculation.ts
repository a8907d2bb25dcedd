import { type StdRng, stdRng } from "#common";
import type { EngineConfig, PassCounters } from "./types.ts";

/** Most draft tokens of a step, as Dynamo's mocker has it. */
export const MOST_DRAFT_TOKENS = 5;
/** Chances of a draft token to be accepted where nothing says them (ai-dynamo 1.6.1's: 1.86 and 2.1 tokens a step, measured). */
const DEFAULT_ACCEPT_RATES: readonly number[] = [0.85, 0.3];

/** Chances for so many draft tokens: the given ones, or the default; what lacks is 0. */
export function acceptRates(draftTokens: number, given: readonly number[] = DEFAULT_ACCEPT_RATES): number[] {
  return Array.from({ length: draftTokens }, (_, i) => given[i] ?? 0);
}

/** Whether a sequence that decodes may gain several tokens in one pass. Prefill engines emit none. */
export function speculates({ speculative, role }: EngineConfig): boolean {
  return speculative !== null && role !== "prefill";
}

/** The configuration of one of several engines, whose draws are its own. */
export function seededEngine(config: EngineConfig, index: number): EngineConfig {
  const { speculative } = config;
  return speculative === null || index === 0
    ? config
    : { ...config, speculative: { ...speculative, seed: speculative.seed + index } };
}

/** How many tokens come out of each decode step: one, and the drafted ones until the first that is not accepted. */
export class SpeculativeDraws {
  readonly #rates: readonly number[];
  readonly #rng: StdRng;

  constructor({ speculative }: EngineConfig) {
    this.#rates = speculative?.acceptRates ?? [];
    this.#rng = stdRng(speculative?.seed ?? 0);
  }

  /** Draft tokens a step. */
  get drafted(): number {
    return this.#rates.length;
  }

  /** @param most tokens that are still asked for, at least 1 */
  tokens(most: number): number {
    let tokens = 1;
    for (const rate of this.#rates) {
      // What is sure is not drawn for.
      if (rate < 1 && this.#rng.nextDouble() >= rate) break;
      tokens++;
    }
    return Math.min(most, tokens);
  }
}

/** A decode step of one sequence brought so many tokens. */
export function countDraft(counters: PassCounters, drafted: number, tokens: number): void {
  counters.drafts++;
  counters.draftTokens += drafted;
  counters.acceptedDraftTokens += tokens - 1;
}
