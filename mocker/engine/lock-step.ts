import type { Engine } from "./types.ts";

/**
 * The data-parallel ranks of one worker, whose attention goes apart and whose experts are shared: all of them begin a step
 * together, it lasts as long as its slowest rank, and a rank that gets work in the middle waits for the next one. As ai-dynamo
 * 1.6.1's DynoSim plays `dp_size`.
 *
 * With a prefill interval of n, ranks that have anything to decode begin to compute prompts in every nth step alone, counted
 * from where the ranks were last idle, and go on in the next steps as long as somebody is left waiting: a prompt on one rank
 * delays the tokens of all, so they are better computed at once.
 */
export class LockStep {
  #ranks: readonly Engine[];
  readonly #prefillInterval: number;
  /** Ranks that take part in the steps under way. */
  #taking: Engine[] = [];
  #endsMs = new Float64Array(16);
  /** Steps that the ranks are sure of: the one under way, and those that must follow it. */
  #steps = 0;
  /** Steps since the ranks were idle. */
  #step = 0;
  #lastEndMs = Number.NaN;

  constructor(ranks: readonly Engine[]) {
    this.#ranks = ranks;
    this.#prefillInterval = ranks[0]!.config.prefillScheduleInterval;
  }

  get busy(): boolean {
    return this.#steps > 0;
  }

  hasWork(): boolean {
    return this.#ranks.some((rank) => rank.hasWork());
  }

  /** As `Engine.start`, of every rank that has work. */
  start(nowMs: number): number {
    if (nowMs !== this.#lastEndMs) this.#step = 0;
    const untilOpen = this.#prefillInterval - (this.#step % this.#prefillInterval);
    // Beyond the next step in which prompts are computed again nothing is sure.
    let steps = this.#prefillInterval === 1 ? Number.POSITIVE_INFINITY : untilOpen;
    this.#taking = [];
    for (const rank of this.#ranks) {
      if (!rank.hasWork()) continue;
      rank.holdPrefill = untilOpen < this.#prefillInterval;
      if (Number.isNaN(rank.start(nowMs, steps))) continue;
      this.#taking.push(rank);
      steps = Math.min(steps, rank.plannedPasses);
    }
    if (this.#taking.length === 0) return Number.NaN;
    this.#keep(steps);
    let beginMs = nowMs;
    for (let step = 0; step < steps; step++) {
      let endMs = beginMs;
      for (const rank of this.#taking) endMs = Math.max(endMs, rank.passEndMs(step, beginMs));
      this.#endsMs[step] = endMs;
      beginMs = endMs;
    }
    return this.#lockTo(steps);
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

  /** As `Engine.wakeMs`. */
  get wakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const rank of this.#ranks) wakeMs = Math.min(wakeMs, rank.wakeMs);
    return wakeMs;
  }

  complete(): void {
    const taking = this.#taking;
    this.#lastEndMs = this.#endsMs[this.#steps - 1]!;
    this.#step += this.#steps;
    this.#steps = 0;
    this.#taking = [];
    for (const rank of taking) rank.complete();
  }

  stop(nowMs: number): void {
    this.#steps = 0;
    for (const rank of this.#ranks) rank.stop(nowMs);
  }

  /** The worker has died: nothing that it began ends, and it begins nothing. */
  disband(): void {
    this.#steps = 0;
    this.#taking = [];
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
