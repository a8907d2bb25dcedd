import type { RandomStream } from "#common";
import { IntColumn } from "./columns.ts";
import type { PrefixSharing } from "./traffic.ts";
import type { PromptBlocks } from "./workload.ts";

/** The content of one session's conversation: its block ids so far, first to last. */
export interface Conversation {
  ids: number[];
  /** Leading ids that other sessions share. */
  sharedBlocks: number;
}

/** Gives prompts their block ids, one prompt after the other in row order. */
export class PromptWriter {
  readonly blockTokens: number;
  readonly #offset = new IntColumn();
  readonly #ids = new IntColumn();
  readonly #sharing: PrefixSharing | null;
  readonly #stream: RandomStream;
  /** Ids of group prefixes and of pooled chains, by what they stand for. */
  readonly #known = new Map<string, number>();
  #nextId = 0;

  constructor(blockTokens: number, sharing: PrefixSharing | null, stream: RandomStream) {
    this.blockTokens = blockTokens;
    this.#sharing = sharing;
    this.#stream = stream;
    this.#offset.push(0);
  }

  /** Begins a session whose first prompt has this many tokens. */
  conversation(isl: number): Conversation {
    const sharing = this.#sharing;
    if (sharing === null) return { ids: [], sharedBlocks: 0 };
    const blocks = Math.ceil(isl / this.blockTokens);
    if (sharing.kind === "pool") {
      const ids: number[] = [];
      let chain = "";
      for (let i = 0; i < blocks; i++) {
        // An id stands for a block and all before it, so only equal prefixes get equal ids.
        chain = `${i === 0 ? "" : ids[i - 1]}/${this.#stream.integer(sharing.blocks)}`;
        ids.push(this.#idOf(chain));
      }
      return { ids, sharedBlocks: blocks };
    }
    const shared =
      sharing.kind === "groups"
        ? Math.min(Math.floor(isl / this.blockTokens), Math.floor(sharing.tokens / this.blockTokens))
        : Math.round(blocks * sharing.ratio);
    const group = this.#stream.integer(sharing.groups);
    const ids = Array.from({ length: shared }, (_, i) => this.#idOf(`${group}:${i}`));
    return { ids, sharedBlocks: shared };
  }

  /**
   * Writes the ids of the next prompt: of `conversation`, extended by blocks of its own until `knownTokens` are covered.
   * What lies beyond is unique to the prompt.
   */
  prompt(conversation: Conversation, isl: number, knownTokens: number): void {
    const { ids } = conversation;
    while (ids.length * this.blockTokens < knownTokens) ids.push(this.#nextId++);
    const count = Math.min(ids.length, Math.ceil(isl / this.blockTokens));
    for (let i = 0; i < count; i++) this.#ids.push(ids[i]!);
    this.#offset.push(this.#ids.length);
  }

  /** null where no prompt shares anything. */
  finish(): PromptBlocks | null {
    if (this.#ids.length === 0) return null;
    return { blockTokens: this.blockTokens, offset: this.#offset.toArray(), ids: this.#ids.toArray() };
  }

  #idOf(name: string): number {
    let id = this.#known.get(name);
    if (id === undefined) {
      id = this.#nextId++;
      this.#known.set(name, id);
    }
    return id;
  }
}
