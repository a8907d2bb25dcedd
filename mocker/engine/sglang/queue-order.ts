import { type SglangSequence, totalTokens } from "./sequence.ts";
import type { SequencePages } from "./sequence-pages.ts";

/** A longer queue is served as it came (SGLang: sorting it costs more than it brings). */
const MOST_SORTED = 128;
/** Up to so many cached tokens, who shares at least so many with somebody before it waits for that one to publish them. */
const FEW_CACHED = 32;
const MANY_SHARED = 32;

/**
 * SGLang's policy `lpm`: the longest cached prefix first, equal ones as they stood, and last who would compute what somebody
 * before it is going to compute. Sorts the queue in place: it stays in that order.
 */
export function longestPrefixFirst(waiting: SglangSequence[], pages: SequencePages): void {
  if (waiting.length > MOST_SORTED) return;
  const cached = new Map<SglangSequence, number>();
  const first: SglangSequence[] = [];
  for (const sequence of waiting) {
    const tokens = totalTokens(sequence);
    const hit = pages.cachedTokens(sequence, tokens);
    const isFew = hit <= FEW_CACHED;
    const shares = (other: SglangSequence) => pages.share(MANY_SHARED, sequence, tokens, other, totalTokens(other));
    if (isFew && first.some(shares)) {
      cached.set(sequence, -1);
    } else {
      cached.set(sequence, hit);
      if (isFew) first.push(sequence);
    }
  }
  waiting.sort((a, b) => cached.get(b)! - cached.get(a)!);
}
