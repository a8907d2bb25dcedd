/** A word that is one token wherever it follows another word; its text begins with a space. */
export interface Word {
  id: number;
  text: string;
}

/** Turns text into token ids and back. Pure and synchronous. */
export interface Tokenizer {
  /** `builtin`, or the file it was loaded from. */
  readonly name: string;
  readonly vocabSize: number;
  encode(text: string): Int32Array;
  decode(ids: ArrayLike<number>): string;
  /** Readable words; any sequence of them re-encodes to exactly their ids. At least a few hundred. */
  readonly words: readonly Word[];
}

/** An endless sequence of words, the same for the same seed: what a mock model says, or a synthetic prompt. */
export interface WordStream {
  id(index: number): number;
  text(index: number): string;
}
