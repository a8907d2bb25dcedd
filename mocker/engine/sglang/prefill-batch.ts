import type { EngineConfig } from "../types.ts";
import type { OutputReserve } from "./output-reserve.ts";
import type { RadixMatch } from "./radix-cache.ts";
import { type SglangSequence, totalTokens } from "./sequence.ts";
import type { SequencePages } from "./sequence-pages.ts";

/** What a prefill batch is formed from. */
export interface PrefillQueue {
  config: EngineConfig;
  pages: SequencePages;
  reserve: OutputReserve;
  waiting: SglangSequence[];
  running: readonly SglangSequence[];
  /** `hitTokens`: found in the cache. */
  admitted(sequence: SglangSequence, hitTokens: number): void;
  scheduled(sequence: SglangSequence, tokens: number): void;
}

/** Why nobody was taken; what the first in line needs of the memory, tokens. */
export interface Refusal {
  sequence: SglangSequence;
  needTokens: number;
  /** Pages that it would find in the cache, and that nobody holds. */
  unheldPages: number;
  /** It is but the memory kept for output that it lacks. */
  isForReserve: boolean;
}

interface Candidate {
  hit: RadixMatch;
  tokens: number;
  /** Tokens in whole pages. */
  pageTokens: number;
  isCut: boolean;
}

/**
 * SGLang's prefill batch: waiting requests from the head while seats, token allowances and memory last. The first that is
 * refused ends it, and so does a prompt that has to be cut: its rest waits at the head of the queue.
 * @param force the first in line need not leave room for its output
 */
export function formPrefillBatch(queue: PrefillQueue, force: boolean): Refusal | null {
  const { config, pages, reserve, waiting, running } = queue;
  const { quirks, sglang } = config;
  const left = { chunk: sglang.chunkedPrefillSize, input: sglang.maxPrefillTokens };
  let toCome = Number.NaN;
  const roomAtStart = pages.cache.room * pages.pageTokens;
  let taken = 0;
  let batchOutput = 0;
  let count = 0;
  while (waiting.length > 0) {
    if (running.length + count >= config.maxNumSeqs || left.chunk <= 0 || left.input <= 0) return null;
    const sequence = waiting[0]!;
    if (Number.isNaN(toCome)) toCome = reserve.allToCome(running);
    const candidate = look(queue, sequence, left.chunk);
    const unheldPages = pages.cache.unheldPages(candidate.hit.node);
    const room = quirks.hitsCountAsRoom ? roomAtStart - taken : (pages.cache.room - unheldPages) * pages.pageTokens;
    const needTokens = candidate.isCut ? candidate.tokens : candidate.pageTokens + reserve.toCome(sequence);
    const isForced = force && count === 0;
    if (!isForced && !(needTokens < room - batchOutput - toCome * reserve.ratio)) {
      return count > 0 ? null : { sequence, needTokens, unheldPages, isForReserve: true };
    }
    const end = candidate.hit.pages * pages.pageTokens + candidate.tokens;
    const owned = sequence.partial ? sequence.publishedPages + sequence.privatePages : candidate.hit.pages;
    if (pages.pagesOf(end) - owned > pages.cache.room - unheldPages) {
      if (!sequence.partial) pages.cache.touch(candidate.hit.whole);
      return count > 0 ? null : { sequence, needTokens, unheldPages, isForReserve: false };
    }
    const isFirst = count === 0 && !quirks.abortOnStuck;
    const isTooLong = candidate.pageTokens > left.input && !isFirst;
    if (isTooLong || (candidate.isCut && candidate.tokens === 0))
      return count > 0 ? null : { sequence, needTokens, unheldPages, isForReserve: false };
    take(queue, sequence, candidate);
    waiting.shift();
    if (candidate.isCut) return null;
    count++;
    left.chunk -= candidate.pageTokens;
    left.input -= candidate.pageTokens;
    taken += candidate.pageTokens;
    batchOutput += reserve.toCome(sequence);
  }
  return null;
}

/** What a waiting request would compute in this batch. A started prompt goes on where it stopped. */
function look({ pages }: PrefillQueue, sequence: SglangSequence, chunkLeft: number): Candidate {
  const total = totalTokens(sequence);
  const hit =
    sequence.partial && sequence.node !== null
      ? { node: sequence.node, pages: sequence.computed / pages.pageTokens, whole: sequence.node }
      : pages.lookup(sequence, total - 1);
  const missing = total - hit.pages * pages.pageTokens;
  const isCut = pages.wholePages(missing) > chunkLeft;
  const tokens = isCut ? Math.floor(chunkLeft / pages.pageTokens) * pages.pageTokens : missing;
  return { hit, tokens, pageTokens: pages.wholePages(tokens), isCut };
}

function take(queue: PrefillQueue, sequence: SglangSequence, { hit, tokens }: Candidate): void {
  const { pages } = queue;
  if (sequence.partial) {
    sequence.partial = false;
  } else {
    pages.cache.touch(hit.whole);
    pages.hold(sequence, hit);
    sequence.computed = hit.pages * pages.pageTokens;
    sequence.recomputing = sequence.generated > 0;
    queue.admitted(sequence, sequence.computed);
  }
  pages.grow(sequence, sequence.computed + tokens);
  queue.scheduled(sequence, tokens);
}
