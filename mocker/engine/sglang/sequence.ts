import type { Sequence } from "../sequence.ts";
import type { PageContent } from "./page-content.ts";
import type { RadixNode } from "./radix-cache.ts";

/** A request inside SGLang's scheduler. */
export interface SglangSequence extends Sequence {
  /** Of its full pages. */
  readonly content: PageContent;
  /** Where the content is kept as far as it has been asked for; null: all of it is there. */
  readonly listed: number[] | null;
  /** Where its published pages end in the tree; null: it holds none. */
  node: RadixNode | null;
  /** Pages it holds in the tree, and pages of its own. */
  publishedPages: number;
  privatePages: number;
  /** Pages that it is to have published, and when (`SequencePages.publishLater`); 0: no more than it has. */
  filledPages: number;
  filledAt: number;
  /** Waits with a part of its prompt computed. */
  partial: boolean;
  /** Its tokens are computed and not published: the next one has no slot yet. */
  slotless: boolean;
  /** When it last went back to the queue, ms; NaN: never. */
  retractedMs: number;
}

/** All fields are written out: an object that is spread, and then gets more of them, is made several times over. */
export function newSglangSequence(
  id: number,
  isl: number,
  osl: number,
  { content, list }: { content: PageContent; list: number[] | null },
): SglangSequence {
  return {
    id,
    isl,
    osl,
    generated: 0,
    computed: 0,
    blocks: [],
    lastTokenMs: Number.NaN,
    reservation: 0,
    inTransfer: false,
    transferred: false,
    recomputing: false,
    content,
    listed: list,
    node: null,
    publishedPages: 0,
    privatePages: 0,
    filledPages: 0,
    filledAt: 0,
    partial: false,
    slotless: false,
    retractedMs: Number.NaN,
  };
}

/** Tokens of prompt and output. */
export function totalTokens({ isl, generated }: SglangSequence): number {
  return isl + generated;
}
