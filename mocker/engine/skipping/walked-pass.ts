import { waitsForBudget } from "../config.ts";
import { dropDecode, prefillPassMs } from "../pass-time.ts";
import { DraftPatience, draftRoomTokens, speculates } from "../speculation.ts";
import { accountChunk, admitWaiting } from "./admission.ts";
import { queueAgain } from "./preemption.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

/** A request that the pass serves, and its tokens. */
interface Item {
  request: number;
  tokens: number;
  /** Of the pass's token budget. */
  cost: number;
  /** Tokens that it decodes with; 0: it adds none by decoding. */
  context: number;
}

/** One pass request by request, as `SteppingEngine` has it, on the skipping engine's state. */
export class WalkedPass {
  readonly #engine: SkippingEngine;
  #items: Item[] = [];
  #changed = false;
  readonly #patience = new DraftPatience();

  constructor(engine: SkippingEngine) {
    this.#engine = engine;
  }

  schedule(): "scheduled" | "preempted" | "nothing" {
    const engine = this.#engine;
    this.#items = [];
    this.#changed = false;
    const budget = { left: engine.config.maxNumBatchedTokens };
    const held = engine.holdsPrefill && this.#someDecode();
    const preempted = this.#scheduleRunning(budget, held);
    for (const item of this.#items) item.context = accountChunk(engine, item.request, item.tokens);
    if (!preempted) {
      admitWaiting(engine, budget.left, held, (request, tokens) => {
        this.#items.push({ request, tokens, cost: tokens, context: accountChunk(engine, request, tokens) });
        this.#changed = true;
      });
    }
    engine.admittedAll(held);
    if (speculates(engine.config)) this.#reserveDrafts(budget);
    if (this.#items.length > 0 || prefillPassMs(engine.config, engine.work) > 0) return "scheduled";
    return preempted ? "preempted" : "nothing";
  }

  /** Ends the pass; true where every running request was served, so that the fast path may take over. */
  complete(endMs: number): boolean {
    const engine = this.#engine;
    const { store } = engine;
    const servedAll = this.#items.length === engine.runningCount;
    let plainDecoding = !this.#changed && servedAll;
    let partials = 0;
    let lastIsPartial = true;
    for (const { request, tokens } of this.#items) {
      const isDecoding = this.#decodes(request);
      store.computed[request]! += tokens;
      const isWhole = store.computed[request]! === store.columns.isl[request]! + store.generated[request]!;
      if (!isWhole) partials++;
      lastIsPartial = !isWhole;
      const stays = !isWhole || engine.emit(request, endMs);
      if (!isDecoding || !stays) plainDecoding = false;
    }
    if (plainDecoding) engine.counters.steadyPasses++;
    return servedAll && (partials === 0 || (partials === 1 && lastIsPartial));
  }

  #someDecode(): boolean {
    const { running, runningCount } = this.#engine;
    return running.subarray(0, runningCount).some((request) => this.#decodes(request));
  }

  #decodes(request: number): boolean {
    const { store } = this.#engine;
    return store.generated[request]! > 0 && (store.flags[request]! & Flag.recomputing) === 0;
  }

  #scheduleRunning(budget: { left: number }, held: boolean): boolean {
    const engine = this.#engine;
    const { store, blocks, config } = engine;
    let preempted = false;
    let index = 0;
    while (index < engine.runningCount && budget.left > 0) {
      const request = engine.running[index]!;
      if (engine.loads.has(request) || (held && !this.#decodes(request))) {
        index++;
        continue;
      }
      const total = store.columns.isl[request]! + store.generated[request]!;
      // What was accepted in the step before comes along for the price of one token.
      const isDecoding = this.#decodes(request);
      const missing = total - store.computed[request]!;
      if (!isDecoding && waitsForBudget(config, missing, budget.left)) {
        index++;
        continue;
      }
      const tokens = isDecoding ? missing : Math.min(missing, budget.left);
      let preemptedItself = false;
      while (!blocks.grow(request, store.computed[request]! + tokens)) {
        preempted = true;
        const victimIndex = config.preemption === "lifo" ? engine.runningCount - 1 : 0;
        const victim = engine.running[victimIndex]!;
        this.#preempt(victim, budget);
        if (victim === request) {
          preemptedItself = true;
          break;
        }
        if (victimIndex < index && !config.quirks.fifoSkipsNext) index--;
      }
      if (preemptedItself) continue;
      const cost = isDecoding ? 1 : tokens;
      this.#items.push({ request, tokens, cost, context: 0 });
      budget.left -= cost;
      blocks.fill(request, store.computed[request]!, store.computed[request]! + tokens);
      index++;
    }
    if (preempted) this.#changed = true;
    return preempted;
  }

  /** Step 3, with speculative decoding: blocks for all that may be accepted, as `SteppingEngine` has it. */
  #reserveDrafts(budget: { left: number }): void {
    const engine = this.#engine;
    const { store, config } = engine;
    const items = this.#patience.isLeft ? [...this.#items] : [];
    for (const item of items) {
      if (item.context === 0) continue;
      const { request, tokens } = item;
      const stillAsked = store.osl[request]! - store.generated[request]!;
      const room = draftRoomTokens(config, store.computed[request]! + tokens, stillAsked);
      while (this.#items.includes(item) && !engine.blocks.grow(request, room)) {
        const victim = engine.running[config.preemption === "lifo" ? engine.runningCount - 1 : 0]!;
        dropDecode(engine.work, this.#items.find((other) => other.request === victim)?.context ?? 0);
        this.#preempt(victim, budget);
        this.#changed = true;
      }
    }
    this.#patience.scheduled(engine.work.decodeCount, this.#items.length < items.length);
  }

  #preempt(victim: number, budget: { left: number }): void {
    const engine = this.#engine;
    engine.removeRunning(victim);
    let filled = engine.filledTokens(victim);
    engine.loads.drop(victim);
    const scheduled = this.#items.findIndex((item) => item.request === victim);
    if (scheduled >= 0) {
      const { tokens, cost } = this.#items[scheduled]!;
      budget.left += cost;
      filled += tokens;
      this.#items.splice(scheduled, 1);
    }
    queueAgain(engine, victim, filled);
  }
}
