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
  /**
   * It puts a space before each text by itself (as Llama 2's does): the first word of a text then stands without its own.
   * Word streams and synthetic prompts heed it.
   */
  readonly prependsSpace?: boolean;
}

/** An endless sequence of words, the same for the same seed: what a mock model says, or a synthetic prompt. */
export interface WordStream {
  id(index: number): number;
  text(index: number): string;
}
