import { type RandomStream, randomStream } from "#common";
import { dependenciesOf, type Edge, type Workload } from "#scenarios/workload";
import { FloatColumn, IntColumn } from "./columns.ts";
import { pick, sampler, wholeSampler } from "./distributions.ts";
import { badTraffic } from "./errors.ts";
import { type LengthPairs, lengthPairs } from "./length-pairs.ts";
import { type Conversation, PromptWriter } from "./prompt-sharing.ts";
import type { AgentShape, Content, Share } from "./traffic.ts";

const MAX_REQUESTS = 50_000_000;

/** What a request waits for, before its own place is known. */
type Wait = Omit<Edge, "child">;

/**
 * Makes the requests of sessions. Every subject (lengths, patterns, turns, pauses, prefixes) draws from a stream of its own,
 * named after the entry, so that changing one leaves the others as they were.
 */
export class ContentWriter {
  readonly #content: Content;
  readonly #patternStream: RandomStream;
  readonly #agentStream: RandomStream;
  readonly #lengths: LengthPairs[];
  /** Of sub-agents, by pattern. */
  readonly #subLengths: LengthPairs[];
  readonly #turns: (() => number) | null;
  readonly #thinkMs: (() => number) | null;
  readonly #subagents: { count: () => number; turns: () => number } | null;
  readonly #prompts: PromptWriter;
  readonly #name: string;
  readonly #isl = new IntColumn();
  readonly #osl = new IntColumn();
  readonly #arrivalMs = new FloatColumn();
  readonly #nextTurn = new IntColumn();
  readonly #turnIndex = new IntColumn();
  readonly #think = new FloatColumn();
  readonly #heads = new IntColumn();
  readonly #edges: Edge[] = [];
  /** Of agents and their sub-agents. */
  readonly #labels: string[] = [];

  /** @param name opens session ids and stream names: the entry's place in the traffic, such as `0` or `1.2` */
  constructor(content: Content, seed: number | string, name: string) {
    const stream = (subject: string) => randomStream(seed, `traffic/${name}/${subject}`);
    const { sessions, agents, prefix } = content;
    const isl = stream("isl");
    const osl = stream("osl");
    this.#content = content;
    this.#name = name;
    this.#patternStream = stream("pattern");
    this.#agentStream = stream("agents");
    const byNormal = prefix?.kind === "reuse" && prefix.correlation !== 0;
    const growth = agents?.growth ?? sessions?.growth;
    this.#lengths = content.patterns.map((pattern) => lengthPairs(pattern, growth ?? pattern.isl, isl, osl, byNormal));
    const subIsl = agents?.subagents?.isl;
    const own = stream("subagents/isl");
    this.#subLengths =
      subIsl === undefined
        ? this.#lengths
        : content.patterns.map((pattern) => lengthPairs({ ...pattern, isl: subIsl }, growth!, own, osl, byNormal));
    const turns = agents?.turns ?? sessions?.turns;
    const thinkMs = agents?.toolWaitMs ?? sessions?.thinkMs;
    this.#turns = turns === undefined ? null : wholeSampler(turns, stream("turns"), 1);
    this.#thinkMs = thinkMs === undefined ? null : sampler(thinkMs, stream("think"));
    this.#subagents = agents?.subagents
      ? {
          count: wholeSampler(agents.subagents.count, this.#agentStream, 1),
          turns: wholeSampler(agents.subagents.turns, this.#agentStream, 1),
        }
      : null;
    this.#prompts = new PromptWriter(content.blockTokens, prefix, stream("prefix"));
  }

  get requests(): number {
    return this.#isl.length;
  }

  /** @param arrivalMs NaN in closed loops @param shareMs the time at which shares on a sinusoid are read */
  session(arrivalMs: number, shareMs: number): void {
    const { patterns, agents } = this.#content;
    const pattern = patterns.length === 1 ? 0 : pick(shares(patterns, shareMs), this.#patternStream.next());
    this.#heads.push(this.requests);
    if (agents === undefined) this.#conversation(this.#lengths[pattern]!, arrivalMs);
    else this.#run(agents, this.#lengths[pattern]!, this.#subLengths[pattern]!, arrivalMs);
  }

  #conversation(draw: LengthPairs, arrivalMs: number): void {
    const { sessions } = this.#content;
    const turns = this.#turns?.() ?? 1;
    const grows = sessions?.history === "grow";
    const limit = sessions?.maxIsl ?? 2 ** 31 - 1;
    let isl = Math.min(limit, draw.isl());
    let conversation = this.#prompts.conversation(isl, draw.normal);
    let knownTokens = 0;
    for (let turn = 0; ; turn++) {
      const osl = draw.osl();
      const nextIsl = turn + 1 < turns ? (grows ? isl + osl : 0) + draw.growth() : Number.POSITIVE_INFINITY;
      const last = nextIsl > limit;
      // Blocks get ids as far as a later turn repeats them; the last turn repeats only what is there already.
      if (grows && !last) knownTokens = isl;
      this.#prompts.prompt(conversation, isl, knownTokens);
      this.#request(isl, osl, turn === 0 ? arrivalMs : Number.NaN);
      if (sessions !== null) {
        this.#turnIndex.push(turn);
        this.#think.push(turn === 0 ? 0 : this.#pauseMs());
        this.#nextTurn.push(last ? -1 : this.requests);
      }
      if (last) return;
      isl = nextIsl;
      if (!grows) conversation = { ...conversation, ids: conversation.ids.slice(0, conversation.sharedBlocks) };
    }
  }

  /** An agent's requests, one after the other, with the runs of its sub-agents between them. */
  #run(agents: AgentShape, draw: LengthPairs, subDraw: LengthPairs, arrivalMs: number): void {
    const label = `${this.#name}-${this.#heads.length - 1}`;
    let subagent = 0;
    this.#steps(agents, draw, this.#turns!(), label, arrivalMs, [], (step) => {
      if (this.#subagents === null || this.#agentStream.next() >= agents.subagents!.share) return [];
      const after = { parent: step, delayMs: 0, onStart: false };
      return Array.from({ length: this.#subagents.count() }, () => {
        const turns = this.#subagents!.turns();
        const last = this.#steps(agents, subDraw, turns, `${label}/${subagent++}`, Number.NaN, [after], () => []);
        return { ...after, parent: last };
      });
    });
  }

  /**
   * The steps of one agent; each prompt is all of its conversation and some new tokens.
   * @param between what the step after this one waits for beside it @returns the last one
   */
  #steps(
    agents: AgentShape,
    draw: LengthPairs,
    turns: number,
    label: string,
    arrivalMs: number,
    first: Wait[],
    between: (step: number) => Wait[],
  ): number {
    const limit = agents.maxIsl ?? 2 ** 31 - 1;
    let isl = Math.min(limit, draw.isl());
    const conversation: Conversation = this.#prompts.conversation(isl, draw.normal);
    let waits = first;
    for (let turn = 0; ; turn++) {
      const osl = draw.osl();
      const step = this.requests;
      for (const wait of waits) this.#edges.push({ ...wait, child: step });
      this.#prompts.promptAndAnswer(conversation, isl, osl);
      this.#request(isl, osl, turn === 0 ? arrivalMs : Number.NaN);
      this.#turnIndex.push(turn);
      this.#labels.push(label);
      const nextIsl = isl + osl + draw.growth();
      if (turn + 1 >= turns || nextIsl > limit) return step;
      waits = [{ parent: step, delayMs: this.#pauseMs(), onStart: false }, ...between(step)];
      isl = nextIsl;
    }
  }

  #request(isl: number, osl: number, arrivalMs: number): void {
    if (this.requests >= MAX_REQUESTS)
      throw badTraffic(`traffic ${this.#name}`, "found more requests than fit", "use fewer or shorter sessions");
    this.#isl.push(isl);
    this.#osl.push(osl);
    this.#arrivalMs.push(arrivalMs);
  }

  #pauseMs(): number {
    return Math.max(0, this.#thinkMs?.() ?? 0);
  }

  /** The requests so far; heads and horizon are for the caller to place. */
  finish(): Omit<Workload, "openHeads" | "closedLoops" | "horizonMs"> & { heads: Int32Array } {
    const { sessions, agents } = this.#content;
    const turnIndex = this.#turnIndex.toArray();
    const labels =
      agents !== undefined ? this.#labels : sessions === null ? null : sessionLabels(turnIndex, this.#name);
    return {
      count: this.requests,
      isl: this.#isl.toArray(),
      osl: this.#osl.toArray(),
      arrivalMs: this.#arrivalMs.toArray(),
      nextTurn: sessions === null ? null : this.#nextTurn.toArray(),
      thinkMs: sessions === null ? null : this.#think.toArray(),
      turnIndex: labels === null ? null : turnIndex,
      sessionIds: labels,
      ...(agents === undefined ? {} : { dependencies: dependenciesOf(this.#edges, this.requests) }),
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
