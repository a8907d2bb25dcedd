import { waitsForBudget } from "../config.ts";
import { accountChunk, admitWaiting } from "./admission.ts";
import { NO_END } from "./decode-batch.ts";
import { FirstOutputs } from "./first-outputs.ts";
import type { Plan } from "./plan.ts";
import { queueAgain } from "./preemption.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

/** A pass in which all decoding requests are served as one aggregate; `WalkedPass` is for all other cases. */
export class FastPass {
  readonly #engine: SkippingEngine;
  readonly #plan: Plan;
  /** Requests of the pass that are not plain decoding: request and tokens, one after the other. */
  #items = new Int32Array(24);
  #itemCount = 0;
  /** Got their first token at the end of the last pass. */
  fresh: number[] = [];
  /** The one running request that still computes its prompt, the last; −1: all decode. */
  #partial = -1;
  /** null: the model does not reason. */
  readonly #firstOutputs: FirstOutputs | null;
  #preempted = false;
  /** Blocks that its decoding requests have taken before it was scheduled. */
  #taken = 0;
  /** Scratch: requests that end with a pass. */
  readonly #ended: number[] = [];
  /** Where the last pass ended, ms. */
  lastEndMs = Number.NaN;

  constructor(engine: SkippingEngine, plan: Plan) {
    this.#engine = engine;
    this.#plan = plan;
    const { store, batch, config } = engine;
    this.#firstOutputs = config.thinkingRatio > 0 ? new FirstOutputs(store, batch, config.thinkingRatio) : null;
  }

  /**
   * Whether every running request can be served without looking at the decoding ones one by one, once the last have made room for
   * the others where they have to.
   */
  prepare(): boolean {
    const { batch, config, blocks, loads } = this.#engine;
    this.#preempted = false;
    this.#taken = 0;
    if (batch.size > config.maxNumBatchedTokens || loads.any) return false;
    const needed = batch.size === 0 ? 0 : batch.newBlocks(0);
    if (needed + this.#missingBlocks() <= blocks.pool.room) return true;
    if (config.preemption !== "lifo") return false;
    this.#makeRoom();
    return true;
  }

  /** Blocks that the partial one needs to go on. */
  #missingBlocks(): number {
    const { blocks, store } = this.#engine;
    return this.#partial < 0 ? 0 : blocks.missing(this.#partial, store.computed[this.#partial]! + this.#chunk());
  }

  /** The decoding requests take blocks in their order, so that the last has to go when there are none left; and the partial one comes last. */
  #makeRoom(): void {
    const engine = this.#engine;
    const { batch, blocks } = engine;
    const decodersNeed = () => (batch.size === 0 ? 0 : batch.newBlocks(0)) - this.#taken;
    while (decodersNeed() > blocks.pool.room) {
      this.#taken += blocks.pool.room;
      blocks.takeDecoding(blocks.pool.room);
      this.#preemptLast();
    }
    const goesOn = this.#partial >= 0 && this.#goesOn(engine.config.maxNumBatchedTokens - batch.size);
    if (goesOn && decodersNeed() + this.#missingBlocks() > blocks.pool.room) {
      const needed = decodersNeed();
      this.#taken += needed;
      blocks.takeDecoding(needed);
      this.#preemptLast();
    }
  }

  #preemptLast(): void {
    const engine = this.#engine;
    const { batch, store } = engine;
    const victim = engine.running[--engine.runningCount]!;
    if (victim === this.#partial) {
      this.#partial = -1;
    } else {
      this.#firstOutputs?.remove(victim);
      batch.remove(victim, this.lastEndMs);
      if (store.endPass[victim] === batch.nextEnd) batch.findNextEnd(engine.ends, engine.runningCount);
      const fresh = this.fresh.lastIndexOf(victim);
      if (fresh >= 0) this.fresh.splice(fresh, 1);
    }
    queueAgain(engine, victim, store.computed[victim]!);
    this.#preempted = true;
  }

  /** Whether the partial one is computed further in this pass, of whose budget so much is left. */
  #goesOn(budget: number): boolean {
    const { batch, config, holdsPrefill } = this.#engine;
    const held = holdsPrefill && batch.size > 0;
    return budget > 0 && !held && !waitsForBudget(config, this.#missing(), budget);
  }

  /** Tokens of the partial one that are left to compute. */
  #missing(): number {
    const { store } = this.#engine;
    const request = this.#partial;
    return store.columns.isl[request]! + store.generated[request]! - store.computed[request]!;
  }

  #chunk(): number {
    const { batch, config } = this.#engine;
    return Math.min(this.#missing(), config.maxNumBatchedTokens - batch.size);
  }

  /** Whether anything runs now. */
  schedule(): boolean {
    const engine = this.#engine;
    const { batch, work, blocks } = engine;
    this.#itemCount = 0;
    let budget = engine.config.maxNumBatchedTokens - batch.size;
    if (batch.size > 0) {
      const needed = batch.newBlocks(0) - this.#taken;
      if (needed > 0) blocks.takeDecoding(needed);
      work.decodeCount = batch.size;
      work.decodeContextSum = batch.contextSum;
      engine.record?.decoding(batch.size, batch.contextSum);
    }
    // Behind those who decode.
    const held = engine.holdsPrefill && batch.size > 0;
    if (this.#partial >= 0 && this.#goesOn(budget)) {
      const tokens = this.#chunk();
      blocks.grow(this.#partial, engine.store.computed[this.#partial]! + tokens);
      this.#addItem(this.#partial, tokens);
      budget -= tokens;
    }
    if (!this.#preempted && engine.waiting.length > engine.handOff.inTransferCount)
      admitWaiting(engine, budget, held, this.#addItem);
    engine.admittedAll(held);
    return batch.size + this.#itemCount > 0;
  }

  /** Somebody has gone for want of blocks as the pass was prepared: nobody else is admitted in it. */
  get hasPreempted(): boolean {
    return this.#preempted;
  }

  /** Nothing but decoding in the pass that was scheduled, nor left over from it, nor loaded, and nobody had to go. */
  get isSteady(): boolean {
    return this.#itemCount === 0 && this.#partial < 0 && !this.#preempted && !this.#engine.loads.any;
  }

  readonly #addItem = (request: number, tokens: number): void => {
    const at = 2 * this.#itemCount++;
    if (at + 2 > this.#items.length) {
      const larger = new Int32Array(this.#items.length * 2);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[at] = request;
    this.#items[at + 1] = tokens;
    accountChunk(this.#engine, request, tokens);
  };

  /** Ends `count` passes; false where the next one must be walked. */
  complete(count: number, endMs: number): boolean {
    const engine = this.#engine;
    const { batch, listener, counters, blocks, store } = engine;
    if (batch.size > 0) this.#gaps(count);
    // The first pass took its blocks when it was scheduled.
    const newBlocks = count > 1 ? batch.newBlocksBetween(1, count) : 0;
    if (newBlocks > 0) {
      blocks.takeDecoding(newBlocks);
      counters.evictedBlocks = blocks.pool.evictions;
    }
    if (this.fresh.length > 0) {
      for (const request of this.fresh) listener.secondToken(request, this.#plan.endMs(0));
      this.fresh.length = 0;
    }
    this.#firstOutputs?.tell(count, this.#plan, listener);
    this.lastEndMs = endMs;
    batch.advance(count);
    const ends = batch.pass >= batch.nextEnd;
    if (this.isSteady) {
      const steady = ends ? count - 1 : count;
      counters.steadyPasses += steady;
      counters.skippedPasses += steady;
    }
    if (ends) this.#finishDecoders(endMs);
    for (let i = 0; i < this.#itemCount; i++) this.#completeItem(this.#items[2 * i]!, this.#items[2 * i + 1]!, endMs);
    return this.#partial < 0 || (store.flags[engine.running[engine.runningCount - 1]!]! & Flag.decoding) === 0;
  }

  #gaps(count: number): void {
    const { listener, batch } = this.#engine;
    let previous = this.lastEndMs;
    for (let i = 0; i < count; i++) {
      const endMs = this.#plan.endMs(i);
      listener.gap(endMs - previous, batch.size);
      previous = endMs;
    }
  }

  #finishDecoders(endMs: number): void {
    const engine = this.#engine;
    const { batch, running, ends } = engine;
    let kept = 0;
    let nextEnd = NO_END;
    const ended = this.#ended;
    let endedCount = 0;
    for (let i = 0; i < engine.runningCount; i++) {
      const end = ends[i]!;
      if (end === batch.pass) {
        ended[endedCount++] = running[i]!;
        continue;
      }
      running[kept] = running[i]!;
      ends[kept++] = end;
      if (end < nextEnd) nextEnd = end;
    }
    engine.runningCount = kept;
    batch.nextEnd = nextEnd;
    for (let i = 0; i < endedCount; i++) {
      batch.remove(ended[i]!, endMs);
      engine.finish(ended[i]!, endMs);
    }
  }

  #completeItem(request: number, tokens: number, endMs: number): void {
    const { store } = this.#engine;
    const computed = store.computed[request]! + tokens;
    store.computed[request] = computed;
    const isWhole = computed === store.columns.isl[request]! + store.generated[request]!;
    if (!isWhole) this.#partial = request;
    else if (request === this.#partial) this.#partial = -1;
    if (!isWhole || !this.#engine.emit(request, endMs)) return;
    // Those that had something to compute are the last, and few.
    const { running, runningCount } = this.#engine;
    let place = runningCount - 1;
    while (place > 0 && running[place] !== request) place--;
    this.#decode(request, place);
  }

  #decode(request: number, place: number): void {
    this.#engine.ends[place] = this.#engine.batch.add(request);
    this.#firstOutputs?.add(request);
  }

  /** A running request is cancelled. */
  forget(request: number): void {
    const { store, batch } = this.#engine;
    if ((store.flags[request]! & Flag.decoding) !== 0) {
      this.#firstOutputs?.remove(request);
      batch.remove(request, this.lastEndMs);
    }
    if (request === this.#partial) this.#partial = -1;
    this.fresh = this.fresh.filter((other) => other !== request);
  }

  /** Every request's own state is written back: passes are going to be walked. */
  handOver(): void {
    const { batch, store, running, runningCount } = this.#engine;
    this.#partial = -1;
    this.fresh.length = 0;
    this.#firstOutputs?.clear();
    for (let i = 0; i < runningCount; i++) {
      const request = running[i]!;
      if ((store.flags[request]! & Flag.decoding) !== 0) batch.remove(request, this.lastEndMs);
    }
    batch.nextEnd = NO_END;
    this.#engine.ends.fill(NO_END, 0, runningCount);
  }

  /** The walked pass served everyone: whoever emitted at its end decodes on, and at most the last computes its prompt. */
  takeOver(): void {
    const { store, running, runningCount } = this.#engine;
    this.#partial = -1;
    this.#itemCount = 0;
    this.fresh.length = 0;
    for (let i = 0; i < runningCount; i++) {
      const request = running[i]!;
      const isRecomputing = (store.flags[request]! & Flag.recomputing) !== 0;
      const missing = store.columns.isl[request]! + store.generated[request]! - store.computed[request]!;
      if (missing === 1 && store.generated[request]! > 0 && !isRecomputing) {
        if (store.generated[request] === 1) this.fresh.push(request);
        this.#decode(request, i);
      } else {
        this.#partial = request;
      }
    }
  }
}
