import type { FinishedPass } from "../types.ts";
import type { Plan } from "./plan.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

type Tally = Pick<FinishedPass, "scheduled" | "queued">;

/** What the passes of a skipping engine compute and leave waiting, as `passBatch` tells it of a stepping one. */
export class PassRecord {
  readonly #engine: SkippingEngine;
  #tally = emptyTally();
  #finished: FinishedPass | null = null;

  constructor(engine: SkippingEngine) {
    this.#engine = engine;
  }

  clear(): void {
    this.#tally = emptyTally();
  }

  /** Sequences that are kept as one aggregate; `contextSum` counts the tokens that they add. */
  decoding(count: number, contextSum: number): void {
    this.#tally.scheduled.decodeRequests += count;
    this.#tally.scheduled.decodeKvTokens += contextSum;
  }

  chunk(request: number, tokens: number): void {
    const { store } = this.#engine;
    const flags = store.flags[request]!;
    const isl = store.columns.isl[request]!;
    const before = store.computed[request]!;
    if ((flags & Flag.transferred) !== 0) {
      this.decoding(1, isl);
      return;
    }
    const promptEnd = (flags & Flag.recomputing) !== 0 ? isl + store.generated[request]! : isl;
    if (before >= promptEnd) {
      this.decoding(1, before + tokens);
      return;
    }
    const { scheduled } = this.#tally;
    scheduled.prefillRequests++;
    scheduled.prefillTokens += tokens;
    scheduled.prefillKvTokens += before;
  }

  /** The pass is scheduled: who waits now is who it leaves waiting. */
  scheduled(): void {
    const { config, store, waiting, handOff } = this.#engine;
    const { queued } = this.#tally;
    for (let i = 0; i < waiting.length; i++) {
      const request = waiting.at(i);
      const decodes =
        store.generated[request]! > 0 || (store.flags[request]! & (Flag.inTransfer | Flag.transferred)) !== 0;
      const tokens = store.columns.isl[request]! + (config.role === "decode" ? 0 : store.generated[request]!);
      if (decodes) {
        queued.decodeRequests++;
        queued.decodeKvTokens += tokens;
      } else {
        queued.prefillRequests++;
        queued.prefillTokens += tokens;
      }
    }
    for (const request of handOff.reservations()) {
      queued.decodeRequests++;
      queued.decodeKvTokens += store.columns.isl[request]!;
    }
  }

  /** The plan's first `count` passes are over. */
  ended(plan: Plan, count: number): void {
    this.#finished = this.#ofPlan(plan, count);
  }

  /** The last pass that is over; `count` passes of the plan are, though not yet booked. */
  finished(plan: Plan, count: number): FinishedPass | null {
    return count > 0 ? this.#ofPlan(plan, count) : this.#finished;
  }

  /** In a plan of several all sequences only decode, and each pass adds a token to all of them. */
  #ofPlan(plan: Plan, count: number): FinishedPass {
    const { scheduled, queued } = this.#tally;
    return {
      endMs: plan.endMs(count - 1),
      durationMs: plan.durationMs(count - 1),
      scheduled: {
        ...scheduled,
        decodeKvTokens: scheduled.decodeKvTokens + (count - 1) * scheduled.decodeRequests,
      },
      queued: { ...queued },
    };
  }
}

function emptyTally(): Tally {
  return {
    scheduled: { prefillRequests: 0, prefillTokens: 0, prefillKvTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
    queued: { prefillRequests: 0, prefillTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
  };
}
