import { emittedTokens, neverFits } from "../config.ts";
import { newPassCounters } from "../counters.ts";
import { emitTokens } from "../emission.ts";
import { engineStuck, GIVEN_UP } from "../errors.ts";
import { passBatch } from "../pass-batch.ts";
import { clearPassWork, decodePassMs, emptyPassWork, type PassWork, prefillPassMs } from "../pass-time.ts";
import type { ScheduledItem } from "../sequence.ts";
import { countDraft, SpeculativeDraws } from "../speculation.ts";
import type {
  EngineConfig,
  EngineListener,
  EngineLoad,
  FinishedPass,
  LiveEngine,
  PassBatch,
  RequestSource,
} from "../types.ts";
import { HandOff } from "./hand-off.ts";
import { OutputReserve } from "./output-reserve.ts";
import { formPrefillBatch, type PrefillQueue, type Refusal } from "./prefill-batch.ts";
import { waitForSlot, withSlots } from "./prompt-slots.ts";
import { longestPrefixFirst } from "./queue-order.ts";
import { type SglangSequence, totalTokens } from "./sequence.ts";
import { SequencePages } from "./sequence-pages.ts";

interface Item extends ScheduledItem {
  sequence: SglangSequence;
}

/**
 * SGLang's scheduler as Dynamo's mocker plays it, one forward pass at a time. A pass computes prompts where any can be
 * admitted, or else a token for everybody who runs; where the memory does not suffice for those, requests are retracted.
 */
export class SglangEngine implements LiveEngine {
  readonly config: EngineConfig;
  readonly counters = newPassCounters();
  readonly listener: EngineListener;
  readonly pages: SequencePages;
  readonly outputReserve: OutputReserve;
  readonly handOff: HandOff;
  readonly #draws: SpeculativeDraws;
  readonly waiting: SglangSequence[] = [];
  readonly running: SglangSequence[] = [];
  nowMs = 0;
  /** Tokens that a running request has a slot for before they are computed. */
  readonly slotsAhead: number;
  /** Why the pass under way admitted nobody, if anybody asked. */
  protected refusal: Refusal | null = null;
  /** Evictions until then. */
  protected evictionsAtRefusal = 0;
  /** The pass under way computes a token for everybody who runs. */
  protected isDecodePass = false;
  protected readonly work: PassWork = emptyPassWork();
  protected lastPass = { durationMs: Number.NaN, decodeCount: 0, decodeContextSum: 0 };
  protected endMs = Number.NaN;
  holdPrefill = false;
  readonly wakeMs = Number.POSITIVE_INFINITY;
  readonly hostBlocks = 0;
  /** Whether anybody wants to know what passes computed. */
  protected recordsPasses = true;
  readonly #requests: RequestSource;
  readonly #queue: PrefillQueue;
  /** Prompts that the pass under way computes. */
  #prompts: Item[] = [];
  #batch: PassBatch = passBatch([], [], []);
  /** The pass under way began with retractions. */
  protected retracted = false;
  /** The cache has changed since the last pass ended, in a way that the listener was told of. */
  protected told = false;
  #passStartMs = 0;
  /** When it was held last, and decoded for nobody. */
  #heldInVainMs = Number.NaN;
  /** When somebody was retracted twice at one instant, which happens where passes take no time. */
  #circlingMs = Number.NaN;
  #finishedPass: FinishedPass | null = null;

  constructor(config: EngineConfig, requests: RequestSource, listener: EngineListener) {
    this.config = config;
    this.#requests = requests;
    this.listener = listener;
    this.slotsAhead = config.quirks.slotAhead ? 1 : 0;
    this.pages = new SequencePages(config, requests, (event) => {
      this.told = true;
      listener.kvEvent(event, this.nowMs);
    });
    this.outputReserve = new OutputReserve(config);
    this.handOff = new HandOff(this);
    this.#draws = new SpeculativeDraws(config);
    this.#queue = this.#prefillQueue();
  }

  get busy(): boolean {
    return !Number.isNaN(this.endMs);
  }

  hasWork(): boolean {
    return this.running.length + this.waiting.length + this.handOff.arrived.length > 0;
  }

  isEmpty(): boolean {
    return this.#prompts.length + this.running.length + this.waiting.length === 0 && this.handOff.isEmpty;
  }

  submit(request: number, nowMs: number): string | null {
    this.nowMs = nowMs;
    const sequence = this.#newSequence(request);
    const reason = neverFits(this.config, sequence.isl, sequence.osl);
    if (reason === null) this.waiting.push(sequence);
    return reason;
  }

  /** Joins the queue at once; pages are looked for between passes. */
  reserve(request: number, nowMs: number): void {
    if (!this.busy) this.nowMs = nowMs;
    this.handOff.reserve(this.#newSequence(request));
  }

  activate(request: number, nowMs: number): void {
    this.handOff.command("activate", request, nowMs);
  }

  release(request: number, nowMs: number): void {
    this.handOff.command("release", request, nowMs);
  }

  cancel(request: number, nowMs: number): void {
    this.handOff.command("cancel", request, nowMs);
  }

  start(nowMs: number, _mostPasses?: number): number {
    this.nowMs = nowMs;
    this.#passStartMs = nowMs;
    this.retracted = false;
    if (!this.#schedule()) return Number.NaN;
    if (!this.isDecodePass) this.#addUpPrompts();
    if (this.recordsPasses) this.#batch = this.#batchOf(this.#items());
    const prefillMs = prefillPassMs(this.config, this.work);
    this.counters.prefillMs += prefillMs;
    // The order of the additions decides the last bit, and so ties between workers.
    this.endMs = nowMs + prefillMs + decodePassMs(this.config, this.work.decodeCount, this.work.decodeContextSum);
    this.counters.evictedBlocks = this.pages.cache.evictions;
    return this.endMs;
  }

  get plannedPasses(): number {
    return this.busy ? 1 : 0;
  }

  passEndMs(_index: number, _beginMs: number): number {
    return this.endMs;
  }

  lockTo(endsMs: Float64Array, _passes: number): void {
    this.endMs = endsMs[0]!;
  }

  complete(): void {
    this.endPass();
    this.handOff.betweenPasses();
  }

  stop(_nowMs?: number): void {
    this.endMs = Number.NaN;
  }

  /** A pass that has begun runs to its end. */
  interrupt(_nowMs?: number, _input?: "request" | "command", _passesBeginFirst?: boolean): number {
    return this.endMs;
  }

  clearCache(): { removed: number[]; empty: boolean } {
    return { removed: this.pages.cache.clear(), empty: this.pages.cache.owned === 0 };
  }

  load(_nowMs?: number): EngineLoad {
    let queuedPrefillTokens = 0;
    let kvTokens = 0;
    let computedTokens = 0;
    for (const { isl, computed } of this.handOff.with(this.waiting)) queuedPrefillTokens += Math.max(0, isl - computed);
    for (const sequence of this.running) {
      kvTokens += totalTokens(sequence);
      computedTokens += sequence.computed;
    }
    // Who computes a prompt runs as well.
    for (const { sequence } of this.#prompts) {
      kvTokens += totalTokens(sequence);
      computedTokens += sequence.computed;
      queuedPrefillTokens += Math.max(0, sequence.isl - sequence.computed);
    }
    return {
      running: this.running.length + this.#prompts.length,
      waiting: this.waiting.length + this.handOff.waiting,
      queuedPrefillTokens,
      kvTokens,
      computedTokens,
      usedBlocks: this.pages.cache.owned,
      lastPassMs: this.lastPass.durationMs,
      lastDecodeBatch: this.lastPass.decodeCount,
      lastDecodeKvTokens: this.lastPass.decodeContextSum,
    };
  }

  recordPasses(): void {
    this.recordsPasses = true;
  }

  finishedPass(_nowMs?: number): FinishedPass | null {
    return this.#finishedPass;
  }

  lastBatch(): PassBatch {
    return this.#batch;
  }

  batchNow(): PassBatch {
    return this.#batchOf(this.busy ? this.#items() : []);
  }

  #batchOf(items: Item[]): PassBatch {
    return passBatch(items, this.handOff.with(this.waiting), this.handOff.reservations, this.config.role);
  }

  /** What the pass under way computes. */
  #items(): Item[] {
    if (!this.isDecodePass) return this.#prompts;
    return this.running.map((sequence) => ({ sequence, tokens: 1, computedBefore: sequence.computed }));
  }

  #newSequence(request: number): SglangSequence {
    const isl = this.#requests.isl(request);
    return this.pages.newSequence(request, isl, emittedTokens(this.config, isl, this.#requests.osl(request)));
  }

  // ── a pass begins ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether anything could be scheduled. */
  #schedule(): boolean {
    // Nor had other ranks a use for the pass that was held for those who decode: as after idling.
    if (!this.holdPrefill && this.nowMs === this.#heldInVainMs) this.outputReserve.reset();
    clearPassWork(this.work);
    for (let force = false; ; ) {
      this.#admitTransferred();
      this.#formPrefillBatch(force);
      this.isDecodePass = this.#prompts.length === 0;
      if (!this.isDecodePass) return true;
      if (this.running.length > 0 && this.formDecodeBatch()) return true;
      if (this.holdPrefill) this.#heldInVainMs = this.nowMs;
      // Pages that are on their way to others come back; who is held comes in later.
      if (!this.hasWork() || this.handOff.isPending || this.holdPrefill) return false;
      if (this.handOff.arrived.length > 0) continue;
      if (force) this.#giveUpHead();
      else this.#makeWay();
      force = true;
    }
  }

  #admitTransferred(): void {
    const { running, config } = this;
    const { arrived } = this.handOff;
    while (arrived.length > 0 && running.length < config.maxNumSeqs) {
      const sequence = arrived.shift()!;
      running.push(sequence);
      this.listener.admitted(sequence.id, this.nowMs, 0, 0);
    }
  }

  #formPrefillBatch(force: boolean): void {
    if (this.config.sglang.schedulePolicy === "lpm") longestPrefixFirst(this.waiting, this.pages);
    // It would go round for ever at this instant: pages that are on their way to others come back at another.
    const isCircling = this.#circlingMs === this.nowMs && this.handOff.isPending;
    const isNobodys = this.holdPrefill || isCircling || this.waiting.length === 0;
    this.refusal = isNobodys ? null : formPrefillBatch(this.#queue, force);
    this.evictionsAtRefusal = this.pages.cache.evictions;
  }

  #prefillQueue(): PrefillQueue {
    return {
      config: this.config,
      pages: this.pages,
      reserve: this.outputReserve,
      waiting: this.waiting,
      running: this.running,
      admitted: (sequence, hitTokens) => {
        this.counters.prefixHitTokens += hitTokens;
        this.listener.admitted(sequence.id, this.nowMs, hitTokens, 0);
      },
      scheduled: (sequence, tokens) => {
        this.#prompts.push({ sequence, tokens, computedBefore: sequence.computed });
        this.counters.scheduledPrefillTokens += tokens;
      },
    };
  }

  /** Slots for a token of everybody who runs, after retractions if need be. False where nobody is left. */
  protected formDecodeBatch(): boolean {
    if (this.#missingPages() > this.pages.cache.room) this.#retract();
    else this.outputReserve.decay();
    this.work.decodeCount = this.running.length;
    for (const sequence of this.running) {
      this.pages.grow(sequence, this.#slotTokens(sequence));
      this.work.decodeContextSum += totalTokens(sequence);
    }
    return this.running.length > 0;
  }

  #missingPages(): number {
    let missing = 0;
    for (const sequence of this.running) missing += this.pages.missing(sequence, this.#slotTokens(sequence));
    return missing;
  }

  /** Tokens that a running request has slots for in a decode pass: as many as may come out of it. */
  #slotTokens(sequence: SglangSequence): number {
    const most = Math.min(1 + this.#draws.drafted, sequence.osl - sequence.generated);
    return totalTokens(sequence) - 1 + most + this.slotsAhead;
  }

  /** Who has generated least goes back to the end of the queue, the oldest of them first, until the others fit. */
  #retract(): void {
    const { running, waiting, pages, config } = this;
    const byOutput = [...running].sort((a, b) => a.generated - b.generated);
    for (const sequence of byOutput) {
      if (running.length === 1) {
        if (config.quirks.abortOnStuck) throw engineStuck(sequence.id);
        // Who waits with pages in hand lets it go on; else they are on their way to others, and come back.
        if (this.#letPartialGo(null) && this.#missingPages() <= pages.cache.room) break;
      }
      running.splice(running.indexOf(sequence), 1);
      if (!sequence.slotless)
        pages.publish(sequence, config.quirks.slotAhead ? totalTokens(sequence) : sequence.computed);
      this.#backToQueue(sequence);
      waiting.push(sequence);
      if (this.#missingPages() <= pages.cache.room) break;
    }
    this.retracted = true;
    if (running.length > 0) this.outputReserve.estimate(running);
  }

  #backToQueue(sequence: SglangSequence): void {
    this.pages.release(sequence);
    sequence.computed = 0;
    sequence.transferred = false;
    sequence.partial = false;
    sequence.slotless = false;
    if (sequence.retractedMs === this.nowMs) this.#circlingMs = this.nowMs;
    sequence.retractedMs = this.nowMs;
    this.counters.preemptions++;
    this.listener.preempted(sequence.id, this.nowMs);
  }

  /** Nobody runs, and the first in line was refused: it need not leave room for its output any more. */
  #makeWay(): void {
    if (this.config.quirks.abortOnStuck) throw engineStuck(this.waiting[0]!.id);
    this.#letPartialGo(this.waiting[0] ?? null);
  }

  /** Waiting requests with a part of their prompt computed lose it. Whether there were any. */
  #letPartialGo(except: SglangSequence | null): boolean {
    let any = false;
    for (const sequence of this.waiting) {
      if (!sequence.partial || sequence === except) continue;
      this.#backToQueue(sequence);
      any = true;
    }
    return any;
  }

  #giveUpHead(): void {
    const sequence = this.waiting.shift()!;
    this.pages.release(sequence);
    this.listener.rejected(sequence.id, this.nowMs, GIVEN_UP);
  }

  #addUpPrompts(): void {
    const { work, config } = this;
    if (config.role === "decode" && config.quirks.freeDecodeRecompute) return;
    for (let i = 0; i < this.#prompts.length; i++) {
      const { computedBefore, tokens } = this.#prompts[i]!;
      work.prefillCount++;
      work.prefillStartSum += computedBefore;
      work.prefillEndSum += computedBefore + tokens;
      work.chunkWorkMs += config.timing.chunkWorkMs(computedBefore, computedBefore + tokens);
    }
  }

  // ── a pass ends ─────────────────────────────────────────────────────────────────────────────────────────────────

  protected endPass(): void {
    const endMs = this.endMs;
    this.nowMs = endMs;
    this.endMs = Number.NaN;
    this.counters.passes++;
    this.lastPass = {
      durationMs: endMs - this.#passStartMs,
      decodeCount: this.work.decodeCount,
      decodeContextSum: this.work.decodeContextSum,
    };
    if (this.recordsPasses) this.bookFinished({ endMs, durationMs: this.lastPass.durationMs, ...this.#batch });
    if (this.isDecodePass) this.#endDecoding();
    else this.#endPrefill();
    this.counters.evictedBlocks = this.pages.cache.evictions;
  }

  #endDecoding(): void {
    const served = [...this.running];
    for (const sequence of served) {
      const tokens = this.#tokensOf(sequence);
      const filled = totalTokens(sequence) - 1 + tokens + this.slotsAhead;
      this.pages.publish(sequence, filled);
      this.pages.shrink(sequence, filled);
      sequence.computed += tokens;
      this.#emit(sequence, tokens);
    }
    if (!this.retracted && this.running.length === served.length) this.counters.steadyPasses++;
  }

  #endPrefill(): void {
    const prompts = this.#prompts;
    this.#prompts = [];
    const whole: SglangSequence[] = [];
    let cut: SglangSequence | null = null;
    // Loops that are counted: an iterator would make an object for each prompt until this is compiled.
    for (let i = 0; i < prompts.length; i++) {
      const { sequence, tokens } = prompts[i]!;
      sequence.computed += tokens;
      if (sequence.computed < totalTokens(sequence)) {
        cut = sequence;
        sequence.partial = true;
        this.waiting.unshift(sequence);
      } else {
        this.running.push(sequence);
        whole.push(sequence);
      }
    }
    const emitting = this.slotsAhead === 0 ? whole : withSlots(whole, this.pages);
    if (!this.handOff.publishes) {
      for (let i = 0; i < emitting.length; i++) this.pages.publish(emitting[i]!, emitting[i]!.computed);
    }
    if (cut !== null) this.pages.publish(cut, cut.computed);
    if (emitting !== whole) for (const sequence of whole) if (!emitting.includes(sequence)) waitForSlot(sequence);
    for (let i = 0; i < emitting.length; i++) {
      const sequence = emitting[i]!;
      this.#emit(sequence, 1);
      if (this.slotsAhead > 0 && sequence.generated > 0 && sequence.generated < sequence.osl) {
        this.pages.grow(sequence, totalTokens(sequence));
      }
    }
  }

  /** What a decode pass brings a request. */
  #tokensOf({ osl, generated }: SglangSequence): number {
    const tokens = this.#draws.tokens(osl - generated);
    if (this.#draws.drafted > 0) countDraft(this.counters, this.#draws.drafted, tokens);
    return tokens;
  }

  /** A request whose tokens are all computed emits the next ones. */
  #emit(sequence: SglangSequence, tokens: number): void {
    sequence.recomputing = false;
    sequence.transferred = false;
    sequence.slotless = false;
    if (this.config.role === "prefill") {
      this.running.splice(this.running.indexOf(sequence), 1);
      this.handOff.hold(sequence);
      return;
    }
    emitTokens(sequence, tokens, this.nowMs, this.config, this.listener);
    if (sequence.generated < sequence.osl) return;
    this.running.splice(this.running.indexOf(sequence), 1);
    this.finish(sequence);
  }

  /** It has all its tokens, and has left the batch. */
  protected finish(sequence: SglangSequence): void {
    this.pages.release(sequence);
    this.listener.finished(sequence.id, this.nowMs, sequence.generated);
  }

  protected bookFinished(pass: FinishedPass): void {
    this.#finishedPass = pass;
  }
}
