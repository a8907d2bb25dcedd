import { type RandomStream, randomStream } from "#common";
import { FloatColumn, IntColumn } from "./columns.ts";
import { pick, sampler, wholeSampler } from "./distributions.ts";
import { badTraffic } from "./errors.ts";
import { PromptWriter } from "./prompt-sharing.ts";
import type { Content, Share } from "./traffic.ts";
import type { Workload } from "./workload.ts";

const MAX_REQUESTS = 50_000_000;

/**
 * Makes the requests of sessions. Every subject (lengths, patterns, turns, pauses, prefixes) draws from a stream of its own,
 * named after the entry, so that changing one leaves the others as they were.
 */
export class ContentWriter {
  readonly #content: Content;
  readonly #patternStream: RandomStream;
  readonly #lengths: { isl: () => number; osl: () => number }[];
  readonly #turns: (() => number) | null;
  readonly #thinkMs: (() => number) | null;
  readonly #prompts: PromptWriter;
  readonly #name: string;
  readonly #isl = new IntColumn();
  readonly #osl = new IntColumn();
  readonly #arrivalMs = new FloatColumn();
  readonly #nextTurn = new IntColumn();
  readonly #turnIndex = new IntColumn();
  readonly #think = new FloatColumn();
  readonly #heads = new IntColumn();

  /** @param name opens session ids and stream names: the entry's place in the traffic, such as `0` or `1.2` */
  constructor(content: Content, seed: number | string, name: string) {
    const stream = (subject: string) => randomStream(seed, `traffic/${name}/${subject}`);
    const isl = stream("isl");
    const osl = stream("osl");
    this.#content = content;
    this.#name = name;
    this.#patternStream = stream("pattern");
    this.#lengths = content.patterns.map((pattern) => ({
      isl: wholeSampler(pattern.isl, isl, 1),
      osl: wholeSampler(pattern.osl, osl, 1),
    }));
    this.#turns = content.sessions === null ? null : wholeSampler(content.sessions.turns, stream("turns"), 1);
    this.#thinkMs = content.sessions === null ? null : sampler(content.sessions.thinkMs, stream("think"));
    this.#prompts = new PromptWriter(content.blockTokens, content.prefix, stream("prefix"));
  }

  get requests(): number {
    return this.#isl.length;
  }

  /** @param arrivalMs NaN in closed loops @param shareMs the time at which shares on a sinusoid are read */
  session(arrivalMs: number, shareMs: number): void {
    const { patterns, sessions } = this.#content;
    const pattern = patterns.length === 1 ? 0 : pick(shares(patterns, shareMs), this.#patternStream.next());
    const draw = this.#lengths[pattern]!;
    const turns = this.#turns?.() ?? 1;
    const grows = sessions?.history === "grow";
    const limit = sessions?.maxIsl ?? 2 ** 31 - 1;
    this.#heads.push(this.#isl.length);
    let isl = Math.min(limit, draw.isl());
    let conversation = this.#prompts.conversation(isl);
    let knownTokens = 0;
    for (let turn = 0; ; turn++) {
      const osl = draw.osl();
      const nextIsl = turn + 1 < turns ? (grows ? isl + osl : 0) + draw.isl() : Number.POSITIVE_INFINITY;
      const last = nextIsl > limit;
      if (this.#isl.length >= MAX_REQUESTS)
        throw badTraffic(`traffic ${this.#name}`, "found more requests than fit", "use fewer or shorter sessions");
      // Blocks get ids as far as a later turn repeats them; the last turn repeats only what is there already.
      if (grows && !last) knownTokens = isl;
      this.#prompts.prompt(conversation, isl, knownTokens);
      this.#isl.push(isl);
      this.#osl.push(osl);
      this.#arrivalMs.push(turn === 0 ? arrivalMs : Number.NaN);
      this.#turnIndex.push(turn);
      this.#think.push(turn === 0 ? 0 : Math.max(0, this.#thinkMs?.() ?? 0));
      this.#nextTurn.push(last ? -1 : this.#isl.length);
      if (last) return;
      isl = nextIsl;
      if (!grows) conversation = { ...conversation, ids: conversation.ids.slice(0, conversation.sharedBlocks) };
    }
  }

  /** The requests so far; heads and horizon are for the caller to place. */
  finish(): Omit<Workload, "openHeads" | "closedLoops" | "horizonMs"> & { heads: Int32Array } {
    const sessions = this.#content.sessions !== null;
    const turnIndex = this.#turnIndex.toArray();
    return {
      count: this.#isl.length,
      isl: this.#isl.toArray(),
      osl: this.#osl.toArray(),
      arrivalMs: this.#arrivalMs.toArray(),
      nextTurn: sessions ? this.#nextTurn.toArray() : null,
      thinkMs: sessions ? this.#think.toArray() : null,
      turnIndex: sessions ? turnIndex : null,
      sessionIds: sessions ? sessionLabels(turnIndex, this.#name) : null,
      prompts: this.#prompts.finish(),
      heads: this.#heads.toArray(),
    };
  }
}

function sessionLabels(turnIndex: Int32Array, name: string): string[] {
  const labels: string[] = [];
  let session = -1;
  for (const turn of turnIndex) {
    if (turn === 0) session++;
    labels.push(turn === 0 ? `${name}-${session}` : labels[labels.length - 1]!);
  }
  return labels;
}

function shares(patterns: Content["patterns"], atMs: number): number[] {
  const given = patterns.map(({ share }) => (share === null ? null : shareAt(share, atMs)));
  const rest = Math.max(0, 1 - given.reduce<number>((sum, share) => sum + (share ?? 0), 0));
  return given.map((share) => share ?? rest);
}

function shareAt(share: Exclude<Share, null>, atMs: number): number {
  if (typeof share === "number") return share;
  const { min, max, periodMs } = share;
  return (min + max) / 2 - ((max - min) / 2) * Math.cos((2 * Math.PI * atMs) / periodMs);
}
