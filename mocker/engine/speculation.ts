import { type StdRng, stdRng } from "#common";
import { reservesOutput } from "./no-evict.ts";
import type { EngineConfig, PassCounters } from "./types.ts";

/** Most draft tokens of a step, as Dynamo's mocker has it. */
export const MOST_DRAFT_TOKENS = 5;
/** Chances of a draft token to be accepted where nothing says them (ai-dynamo 1.6.1's: 1.86 and 2.1 tokens a step, measured). */
const DEFAULT_ACCEPT_RATES: readonly number[] = [0.85, 0.3];

/** Chances for so many draft tokens: the given ones, or the default; what lacks is 0. */
export function acceptRates(draftTokens: number, given: readonly number[] = DEFAULT_ACCEPT_RATES): number[] {
  return Array.from({ length: draftTokens }, (_, i) => given[i] ?? 0);
}

/**
 * Whether a sequence that decodes may gain several tokens in one pass: it takes blocks for all that its draft may bring, and gives back what was
 * not accepted, as in Dynamo's mocker. Prefill engines emit none.
 */
export function speculates({ speculative, role }: EngineConfig): boolean {
  return speculative !== null && role !== "prefill";
}

/** Whether the last cached block of a prompt is computed again: vLLM's drafters need what the model makes of it. */
export function recomputesLastHit(config: EngineConfig): boolean {
  return config.speculative !== null && !reservesOutput(config);
}

/**
 * Tokens for which a sequence has to have blocks before it decodes, so that all of its draft may be accepted; never more than there are.
 * @param stillAsked tokens that it is still to bring
 */
export function draftRoomTokens(config: EngineConfig, computedTokens: number, stillAsked: number): number {
  const { speculative, numGpuBlocks, blockSize } = config;
  const most = Math.min(1 + (speculative?.acceptRates.length ?? 0), stillAsked);
  return Math.min(computedTokens + most, numGpuBlocks * blockSize);
}

/** Passes in a row in which drafts found no room and nobody gained a token, after which one goes without such room. */
const MOST_BARREN_PASSES = 64;

/**
 * Whether drafts wait for room. Where long prompts preempt each other in turn, nobody would ever gain a token (DynoSim then never ends): after
 * many such passes one takes no heed of it.
 */
export class DraftPatience {
  #barrenPasses = 0;

  get isLeft(): boolean {
    return this.#barrenPasses < MOST_BARREN_PASSES;
  }

  /** A pass has been scheduled, in which so many decode, and somebody lost what was computed or not. */
  scheduled(decodeCount: number, lost: boolean): void {
    if (decodeCount > 0) this.#barrenPasses = 0;
    else if (lost) this.#barrenPasses++;
  }
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
  /** null: nothing is drafted, and a stream for each of a thousand engines would take longer to make than the engines. */
  readonly #rng: StdRng | null;

  constructor({ speculative }: EngineConfig) {
    this.#rates = speculative?.acceptRates ?? [];
    this.#rng = speculative === null ? null : stdRng(speculative.seed);
  }

  /** Draft tokens a step. */
  get drafted(): number {
    return this.#rates.length;
  }

  /** @param most tokens that are still asked for, at least 1 */
  tokens(most: number): number {
    if (this.#rng === null) return 1;
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
