import { type PromptTurns, promptTurns } from "./prompt-turns.ts";
import type { Engine, EngineConfig } from "./types.ts";

/**
 * The data-parallel ranks of one worker, whose attention goes apart and whose experts are shared: all of them begin a step
 * together, it lasts as long as its slowest rank, and a rank that gets work in the middle waits for the next one. As ai-dynamo
 * 1.6.1's DynoSim plays `dp_size`. Where the configuration has an interval between steps with prompts, it is kept here, of a single
 * rank as well if it is SGLang's.
 */
export class LockStep {
  #ranks: readonly Engine[];
  readonly #turns: PromptTurns;
  /** Ranks that take part in the steps under way. */
  #taking: Engine[] = [];
  #endsMs = new Float64Array(16);
  /** Steps that the ranks are sure of: the one under way, and those that must follow it. */
  #steps = 0;
  /** Ranks compute prompts in the first of them. */
  #prompts = false;
  #lastEndMs = Number.NaN;
  /** Commands to ranks that have no part in the step under way. */
  #deferred: { rank: Engine; give: (atMs: number) => void }[] = [];

  constructor(ranks: readonly Engine[]) {
    this.#ranks = ranks;
    this.#turns = promptTurns(ranks[0]!.config);
  }

  get busy(): boolean {
    return this.#steps > 0;
  }

  hasWork(): boolean {
    return this.#ranks.some((rank) => rank.hasWork());
  }

  /** As `Engine.start`, of every rank that has work. */
  start(nowMs: number): number {
    const turns = this.#turns;
    turns.begin(nowMs === this.#lastEndMs);
    const promptTokens = this.#promptTokens();
    let steps = this.#startRanks(nowMs, turns.held, turns.mostSteps);
    // Nobody runs whose turn it would be.
    if (steps === 0 && turns.held) steps = this.#startRanks(nowMs, false, 1);
    if (steps === 0) return Number.NaN;
    this.#prompts = this.#promptTokens() > promptTokens;
    this.#keep(steps);
    // A rank whose KV is on its way from host memory joins the first step that begins when it is there.
    const { wakeMs } = this;
    let beginMs = nowMs;
    for (let step = 0; step < steps; step++) {
      let endMs = beginMs;
      for (const rank of this.#taking) endMs = Math.max(endMs, rank.passEndMs(step, beginMs));
      this.#endsMs[step] = endMs;
      beginMs = endMs;
      if (endMs >= wakeMs) steps = step + 1;
    }
    return this.#lockTo(steps);
  }

  /** Begins what each rank can do now. Returns the steps that all of them are sure of; 0 where none does anything. */
  #startRanks(nowMs: number, held: boolean, most: number): number {
    this.#taking = [];
    let steps = most;
    for (const rank of this.#ranks) {
      if (!rank.hasWork()) continue;
      rank.holdPrefill = held;
      if (Number.isNaN(rank.start(nowMs, steps))) continue;
      this.#taking.push(rank);
      steps = Math.min(steps, rank.plannedPasses);
    }
    return this.#taking.length === 0 ? 0 : steps;
  }

  /** Of all prompts that the ranks have computed, or are about to. */
  #promptTokens(): number {
    let tokens = 0;
    for (const { counters } of this.#ranks) tokens += counters.scheduledPrefillTokens;
    return tokens;
  }

  /** As `Engine.interrupt`, for input to one of the ranks. */
  interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean, rank: Engine): number {
    let steps = this.#steps;
    if (this.#taking.includes(rank)) {
      rank.interrupt(nowMs, input, passesBeginFirst);
      steps = rank.plannedPasses;
    } else {
      // It begins with the next step, so that is where the plan ends.
      steps = 1;
      while (steps < this.#steps && hasBegun(this.#endsMs[steps - 1]!, nowMs, passesBeginFirst)) steps++;
    }
    return steps < this.#steps ? this.#lockTo(steps) : this.#endsMs[this.#steps - 1]!;
  }

  /**
   * A command to a rank that has no part in the step under way waits for its end all the same.
   * @returns false where it may be given at once
   */
  defers(rank: Engine, give: (atMs: number) => void): boolean {
    if (!this.busy || this.#taking.includes(rank)) return false;
    this.#deferred.push({ rank, give });
    return true;
  }

  /** Nobody waits for the step under way any more: what waited for its end is given now. */
  settle(nowMs: number): void {
    for (const { give } of this.#deferred.splice(0)) give(nowMs);
  }

  /** As `Engine.wakeMs`. */
  get wakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const rank of this.#ranks) wakeMs = Math.min(wakeMs, rank.wakeMs);
    return wakeMs;
  }

  complete(): void {
    const taking = this.#taking;
    this.#lastEndMs = this.#endsMs[this.#steps - 1]!;
    this.#turns.ended(this.#steps, this.#prompts);
    this.#steps = 0;
    this.#taking = [];
    if (this.#deferred.length === 0) for (const rank of taking) rank.complete();
    else this.#completeInTurn(taking);
  }

  /** Rank by rank: a pass ends, or commands that waited for the others are given. */
  #completeInTurn(taking: readonly Engine[]): void {
    const deferred = this.#deferred.splice(0);
    for (const rank of this.#ranks) {
      if (taking.includes(rank)) rank.complete();
      else for (const { rank: to, give } of deferred) if (to === rank) give(this.#lastEndMs);
    }
  }

  stop(nowMs: number): void {
    this.#steps = 0;
    for (const rank of this.#ranks) rank.stop(nowMs);
  }

  /** The worker has died: nothing that it began ends, and it begins nothing. */
  disband(): void {
    this.#steps = 0;
    this.#taking = [];
    this.#deferred = [];
    this.#ranks = [];
  }

  #lockTo(steps: number): number {
    this.#steps = steps;
    for (const rank of this.#taking) rank.lockTo(this.#endsMs, steps);
    return this.#endsMs[steps - 1]!;
  }

  #keep(steps: number): void {
    if (steps > this.#endsMs.length) this.#endsMs = new Float64Array(2 * steps);
  }
}

function hasBegun(beginMs: number, nowMs: number, passesBeginFirst: boolean): boolean {
  return passesBeginFirst ? beginMs <= nowMs : beginMs < nowMs;
}

/** Whether the ranks of a worker go through `LockStep`: several do, and one that owes passes to those who decode. */
export function needsLockStep({ prefillDecodeInterval }: EngineConfig, ranks: number): boolean {
  return ranks > 1 || prefillDecodeInterval > 0;
}
