import { newSequence, type Sequence } from "../sequence.ts";
import type { RadixNode } from "./radix-cache.ts";

/** A request inside SGLang's scheduler. */
export interface SglangSequence extends Sequence {
  /** Content of its full pages, as far as it has been asked for. */
  readonly pageIds: number[];
  /** Where its published pages end in the tree; null: it holds none. */
  node: RadixNode | null;
  /** Pages it holds in the tree, and pages of its own. */
  publishedPages: number;
  privatePages: number;
  /** Waits with a part of its prompt computed. */
  partial: boolean;
  /** Its tokens are computed and not published: the next one has no slot yet. */
  slotless: boolean;
}

export function newSglangSequence(id: number, isl: number, osl: number): SglangSequence {
  return {
    ...newSequence(id, isl, osl),
    pageIds: [],
    node: null,
    publishedPages: 0,
    privatePages: 0,
    partial: false,
    slotless: false,
  };
}

/** Tokens of prompt and output. */
export function totalTokens({ isl, generated }: SglangSequence): number {
  return isl + generated;
}
