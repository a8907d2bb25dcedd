import type { RandomStream } from "#common";
import { blocksWithAnswer, type PromptBlocks } from "#scenarios/workload";
import { IntColumn } from "./columns.ts";
import { copulaCorrelation, valueOfNormal } from "./distributions.ts";
import type { PrefixSharing } from "./traffic.ts";

/** Conversations that are remembered at least, in case none of the latest is long enough. */
const LEAST_KEPT = 2048;

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
  /** The latest conversations, in a ring, and how many there were; of `reuse`. */
  readonly #latest: number[][] = [];
  #conversations = 0;

  constructor(blockTokens: number, sharing: PrefixSharing | null, stream: RandomStream) {
    this.blockTokens = blockTokens;
    this.#sharing = sharing;
    this.#stream = stream;
    this.#offset.push(0);
  }

  /** Begins a session whose first prompt has this many tokens. @param normal what its length was drawn by */
  conversation(isl: number, normal = 0): Conversation {
    const sharing = this.#sharing;
    if (sharing === null) return { ids: [], sharedBlocks: 0 };
    const blocks = Math.ceil(isl / this.blockTokens);
    if (sharing.kind === "reuse") return this.#reusing(sharing, blocks, normal);
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
    this.#write(ids, Math.min(ids.length, Math.ceil(isl / this.blockTokens)));
  }

  /** Writes the ids of the next prompt and of its answer, which a later prompt repeats. */
  promptAndAnswer({ ids }: Conversation, isl: number, osl: number): void {
    const count = blocksWithAnswer(isl, osl, this.blockTokens);
    while (ids.length < count) ids.push(this.#nextId++);
    this.#write(ids, count);
  }

  #write(ids: readonly number[], count: number): void {
    for (let i = 0; i < count; i++) this.#ids.push(ids[i]!);
    this.#offset.push(this.#ids.length);
  }

  /** As one of the latest prompts that is long enough, as far as its share goes; then blocks of its own. */
  #reusing(sharing: PrefixSharing & { kind: "reuse" }, blocks: number, normal: number): Conversation {
    const rho = copulaCorrelation(sharing.correlation);
    const z = rho * normal + Math.sqrt(1 - rho ** 2) * this.#stream.normal();
    const share = Math.min(1, Math.max(0, valueOfNormal(sharing.share, z)));
    const common = Math.min(blocks, Math.floor(sharing.tokens / this.blockTokens));
    const wanted = common + Math.round(share * (blocks - common));
    const ids = this.#sourceOf(wanted, sharing.window).slice(0, wanted);
    while (ids.length < common) ids.push(this.#idOf(`:${ids.length}`));
    const sharedBlocks = ids.length;
    while (ids.length < blocks) ids.push(this.#nextId++);
    // A copy: the conversation goes on, and what it grows by is no first prompt.
    this.#latest[this.#conversations++ % Math.max(sharing.window, LEAST_KEPT)] = ids.slice();
    return { ids, sharedBlocks };
  }

  /** One of the latest conversations that is long enough, or of those before them; else the longest of all. */
  #sourceOf(blocks: number, window: number): readonly number[] {
    const kept = this.#latest.length;
    const latest = Math.min(kept, window);
    const start = latest === 0 ? 0 : this.#stream.integer(latest);
    let longest: readonly number[] = [];
    for (let tried = 0; tried < kept; tried++) {
      const back = tried < latest ? (start + tried) % latest : tried;
      const candidate = this.#latest[(this.#conversations - 1 - back) % kept]!;
      if (candidate.length >= blocks) return candidate;
      if (candidate.length > longest.length) longest = candidate;
    }
    return longest;
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
