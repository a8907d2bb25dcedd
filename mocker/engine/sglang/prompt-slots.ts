import { type SglangSequence, totalTokens } from "./sequence.ts";
import type { SequencePages } from "./sequence-pages.ts";

/**
 * Of the prompts that a pass has computed whole, those that emit a token at its end: all where the next tokens of all of them find slots, else
 * those alone whose token is their last, for which no slot is needed.
 */
export function withSlots(whole: SglangSequence[], pages: SequencePages): SglangSequence[] {
  let missing = 0;
  for (const sequence of whole) {
    if (!isLastToken(sequence)) missing += pages.missing(sequence, totalTokens(sequence) + 1);
  }
  return missing <= pages.cache.room ? whole : whole.filter(isLastToken);
}

/** There is no slot for its next token: it runs without having emitted, like a prompt that was computed elsewhere. */
export function waitForSlot(sequence: SglangSequence): void {
  sequence.slotless = true;
  sequence.computed = totalTokens(sequence) - 1;
  sequence.recomputing = false;
  sequence.transferred = sequence.generated === 0;
}

function isLastToken({ generated, osl }: SglangSequence): boolean {
  return generated + 1 >= osl;
}
