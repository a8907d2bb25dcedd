import { blocksWithAnswer } from "#scenarios/workload";
import type { TraceRow } from "./mooncake-row.ts";

/** Grain of conversations, tokens: a multiple of the engines' usual block sizes, where the trace's blocks are such multiples. */
const GRAIN = 64;

interface Conversation {
  /** Tokens so far, the last answer included. */
  tokens: number;
  /** Content of its blocks so far. */
  ids: number[];
}

/**
 * Turns that bring only what is new, made whole: a prompt is the prompt before, its answer, and the new tokens (DynoSim 1.6.1's
 * mooncake-delta). Answers are nobody else's, so behind the first prompt nothing is shared with other sessions; what an
 * engine has cached of a turn, its answer included, the next turn finds.
 */
export class Conversations {
  readonly blockTokens: number;
  /** Blocks of this grain in a block of the trace. */
  readonly #split: number;
  readonly #open = new Map<string, Conversation>();
  /** First of the `split` ids that stand for a hash id. */
  readonly #known = new Map<number, number>();
  #nextId = 0;

  /**
   * @param traceBlockTokens tokens of the trace's hash ids
   * @param grainTokens of the conversations' own blocks, a divisor of that
   */
  constructor(traceBlockTokens: number, grainTokens = traceBlockTokens % GRAIN === 0 ? GRAIN : traceBlockTokens) {
    this.blockTokens = grainTokens;
    this.#split = traceBlockTokens / this.blockTokens;
  }

  /** The whole prompt of a row, with ids that go on to its answer. */
  turn(row: TraceRow): { isl: number; hashIds: number[] } {
    const before = row.sessionId === null ? undefined : this.#open.get(row.sessionId);
    const isl = (before?.tokens ?? 0) + row.isl;
    const conversation = { tokens: isl + row.osl, ids: before?.ids ?? this.#shared(row) };
    const blocks = blocksWithAnswer(isl, row.osl, this.blockTokens);
    while (conversation.ids.length < blocks) conversation.ids.push(this.#nextId++);
    if (row.sessionId !== null) this.#open.set(row.sessionId, conversation);
    return { isl, hashIds: conversation.ids.slice(0, blocks) };
  }

  /** The whole blocks of a first prompt; its last, partial one goes on with the answer. */
  #shared({ isl, hashIds }: TraceRow): number[] {
    const ids: number[] = [];
    for (const hash of hashIds) {
      let first = this.#known.get(hash);
      if (first === undefined) {
        first = this.#nextId;
        this.#nextId += this.#split;
        this.#known.set(hash, first);
      }
      for (let part = 0; part < this.#split; part++) ids.push(first + part);
    }
    return ids.slice(0, Math.floor(isl / this.blockTokens));
  }
}
