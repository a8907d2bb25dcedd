import type { Generation, GenerationListener } from "../types.ts";
import type { SequenceBlocks } from "./blocks.ts";
import type { FetchHandoff } from "./fetch-handoff.ts";
import type { Rank } from "./rank.ts";

/** A generation inside a worker. */
export interface LiveSequence {
  /** The engine's name for it; used again when it has left. */
  readonly slot: number;
  readonly generation: Generation;
  readonly listener: GenerationListener;
  readonly rank: Rank;
  readonly blocks: SequenceBlocks;
  /** Decode worker: until its prompt is here, and afterwards for what is known of it. */
  fetch: FetchHandoff | null;
  /** Prefill worker: its name in the book of hand-offs. */
  handoffId: string | null;
  cachedTokens: number;
  hasToken: boolean;
  /** On its way to the engine, which has not heard of it. */
  onItsWay: boolean;
  /** Nothing more is told of it. */
  over: boolean;
}

/** Sequences by slot. */
export class SequenceSlots {
  readonly #sequences: (LiveSequence | null)[] = [];
  readonly #free: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Of a slot in use. */
  at(slot: number): LiveSequence {
    return this.#sequences[slot]!;
  }

  /** Null where it was forgotten in the middle of what was being told. */
  find(slot: number): LiveSequence | null {
    return this.#sequences[slot] ?? null;
  }

  add(make: (slot: number) => LiveSequence): LiveSequence {
    const slot = this.#free.pop() ?? this.#sequences.length;
    const sequence = make(slot);
    this.#sequences[slot] = sequence;
    this.#count++;
    return sequence;
  }

  /** Idempotent. */
  remove(sequence: LiveSequence): void {
    if (this.#sequences[sequence.slot] !== sequence) return;
    this.#sequences[sequence.slot] = null;
    this.#free.push(sequence.slot);
    this.#count--;
  }

  all(): LiveSequence[] {
    return this.#sequences.filter((sequence) => sequence !== null);
  }
}
