import { decodePassMs } from "../pass-time.ts";
import { MAX_PLAN, Plan } from "../skipping/plan.ts";
import { speculates } from "../speculation.ts";
import { firstOutputPlace } from "../thinking.ts";
import type { EngineConfig, EngineListener, EngineLoad, FinishedPass, RequestSource } from "../types.ts";
import { DecodeOutlook } from "./decode-outlook.ts";
import { type SglangSequence, totalTokens } from "./sequence.ts";
import { SglangEngine } from "./stepping.ts";

/**
 * The same scheduler for simulations: while the decode batch can't change (nobody ends, is retracted or can be admitted, no
 * event is wanted on the way) many passes are planned at once, and a pass of them costs the same whatever the batch.
 */
export class SkippingSglangEngine extends SglangEngine {
  readonly #plan = new Plan();
  readonly #outlook: DecodeOutlook;
  protected override recordsPasses = false;
  /** Everybody gets a further token in the pass under way, and pages of its own, without anybody being told of these. */
  #isPlain = false;
  readonly #speculates: boolean;

  constructor(config: EngineConfig, requests: RequestSource, listener: EngineListener) {
    super(config, requests, listener);
    this.#outlook = new DecodeOutlook(this);
    this.#speculates = speculates(config);
  }

  override start(nowMs: number, mostPasses = MAX_PLAN): number {
    this.#isPlain = false;
    const endMs = super.start(nowMs);
    if (Number.isNaN(endMs)) return endMs;
    this.#plan.begin(nowMs, endMs);
    // Passes that take no time interleave with whatever else happens at this instant.
    if (this.#isPlain && endMs > nowMs) this.#planFurther(mostPasses);
    return this.#plan.lastEndMs;
  }

  protected override formDecodeBatch(): boolean {
    // What a draft brings differs from request to request.
    if (this.#speculates) return super.formDecodeBatch();
    const { work, pages, running, slotsAhead } = this;
    const outlook = this.#outlook;
    outlook.look();
    if (outlook.pagesNow > pages.cache.room) return super.formDecodeBatch();
    this.outputReserve.decay();
    if (outlook.pagesNow > 0) {
      pages.cache.take(outlook.pagesNow);
      for (let i = 0; i < running.length; i++) {
        const one = running[i]!;
        if (pages.isFull(one, totalTokens(one) + slotsAhead)) one.privatePages++;
      }
    }
    work.decodeCount = running.length;
    work.decodeContextSum = outlook.contextSum;
    this.#isPlain = !outlook.isSpecial && this.config.kvEvents !== true;
    return true;
  }

  override interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean): number {
    const { waiting, running, config } = this;
    // Who queues behind others, or finds no seat, can't join before the plan's end; a sorted queue looks at all.
    const isFull = running.length >= config.maxNumSeqs || waiting.length + this.handOff.arrived.length > 0;
    const cannotJoin = isFull && config.sglang.schedulePolicy === "fifo";
    // Still, the next pass leaves it waiting, which a record of that pass has to tell.
    if (input === "command" || !cannotJoin || this.recordsPasses) this.#plan.cut(nowMs, passesBeginFirst);
    return this.#plan.lastEndMs;
  }

  override get plannedPasses(): number {
    return this.busy ? this.#plan.count : 0;
  }

  override passEndMs(index: number, beginMs: number): number {
    return this.#plan.passEndMs(index, beginMs);
  }

  override lockTo(endsMs: Float64Array, passes: number): void {
    this.#plan.lockTo(endsMs, passes);
  }

  override complete(): void {
    this.#endPasses();
    this.handOff.betweenPasses();
    this.told = false;
  }

  override stop(nowMs: number): void {
    const planned = this.#plan.count;
    const ended = this.busy ? this.#plan.passesOver(nowMs) : 0;
    this.#plan.count = ended;
    if (ended > 0) {
      this.#endPasses();
      // The pass under way took its pages when it began.
      if (ended < planned) for (const one of this.running) this.pages.grow(one, totalTokens(one) + this.slotsAhead);
      this.counters.evictedBlocks = this.pages.cache.evictions;
    }
    super.stop();
  }

  override load(nowMs: number): EngineLoad {
    const load = super.load();
    const over = this.busy ? this.#plan.passesOver(nowMs) : 0;
    if (!this.busy || this.#plan.count === 1) return load;
    let begun = 1;
    while (begun < this.#plan.count && this.#plan.endMs(begun - 1) < nowMs) begun++;
    load.usedBlocks += this.#outlook.pagesUpTo(begun - 1);
    if (over === 0) return load;
    load.kvTokens += over * this.running.length;
    load.computedTokens += over * this.running.length;
    load.lastPassMs = this.#plan.durationMs(over - 1);
    load.lastDecodeBatch = this.work.decodeCount;
    load.lastDecodeKvTokens = this.work.decodeContextSum + (over - 1) * this.work.decodeCount;
    return load;
  }

  override finishedPass(nowMs: number): FinishedPass | null {
    if (!this.recordsPasses) return null;
    const over = this.busy && this.#plan.count > 1 ? this.#plan.passesOver(nowMs) : 0;
    return over > 0 ? this.#plannedPass(over - 1) : super.finishedPass();
  }

  #plannedPass(index: number): FinishedPass {
    const { scheduled, queued } = this.lastBatch();
    const decodeKvTokens = scheduled.decodeKvTokens + index * scheduled.decodeRequests;
    return {
      endMs: this.#plan.endMs(index),
      durationMs: this.#plan.durationMs(index),
      scheduled: { ...scheduled, decodeKvTokens },
      queued,
    };
  }

  // ── planning ────────────────────────────────────────────────────────────────────────────────────────────────────

  #planFurther(mostPasses: number): void {
    const { config, running, waiting, pages, outputReserve } = this;
    // Whoever follows the cache learns of a change at the end of its own pass.
    if (this.told || this.handOff.reservations.length > 0) return;
    const wants = running.length < config.maxNumSeqs && waiting.length + this.handOff.arrived.length > 0;
    // Who is held asks for nothing as long as the plan may get.
    const asks = wants && !this.holdPrefill;
    // Refused for another reason than the memory kept for output, it would look again at every pass, and touch what it finds.
    if (asks && this.refusal?.isForReserve !== true) return;
    const hitsMayGo = this.#hitsMayGo(asks);
    // The scheduled pass may itself have changed what the next one finds.
    const hasEvicted = pages.cache.evictions > this.evictionsAtRefusal;
    if (hasEvicted && hitsMayGo) return;
    const most = Math.min(this.#plan.limit, mostPasses, this.#outlook.passesLeft);
    // Evictions may take what a waiting request hits, or be told at their own times.
    const mayEvict = config.kvEvents === false && !hitsMayGo;
    let room = mayEvict ? pages.cache.room : pages.cache.free;
    const evictable = pages.cache.room - room;
    let { ratio } = outputReserve;
    let contextSum = this.work.decodeContextSum;
    for (let pass = 1; pass < most; pass++) {
      const needed = this.#outlook.pagesAt(pass);
      if (needed > room) return;
      if (asks && this.#isAdmitted((room + evictable) * pages.pageTokens, pass, ratio)) return;
      room -= needed;
      ratio = outputReserve.decayed(ratio);
      contextSum += running.length;
      this.#plan.add(decodePassMs(config, running.length, contextSum));
    }
  }

  /** Whether evictions could change what the first in line finds in the cache, or who that is. */
  #hitsMayGo(asks: boolean): boolean {
    if (this.config.sglang.schedulePolicy === "lpm") return this.waiting.length > 0;
    return asks && this.refusal!.unheldPages > 0;
  }

  /** Whether the first in line may be admitted that many passes after the scheduled one (and before its pages are taken). */
  #isAdmitted(roomTokens: number, pass: number, ratio: number): boolean {
    const { needTokens, unheldPages } = this.refusal!;
    const unheld = this.config.quirks.hitsCountAsRoom ? 0 : unheldPages * this.pages.pageTokens;
    const toCome = this.#outlook.toComeAt(pass);
    return Number.isNaN(toCome) || needTokens < roomTokens - unheld - toCome * ratio;
  }

  // ── booking ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #endPasses(): void {
    const { count } = this.#plan;
    this.endMs = this.#plan.endMs(0);
    if (this.#isPlain) this.#bookPlain(count);
    else this.endPass();
    this.#plan.end();
  }

  /** The plan's passes: a token for everybody who runs in each of them. */
  #bookPlain(passes: number): void {
    const { counters, pages, work } = this;
    const plan = this.#plan;
    const later = passes - 1;
    for (let i = 0; i < later; i++) this.outputReserve.decay();
    if (later > 0) pages.cache.take(this.#outlook.pagesUpTo(later));
    counters.evictedBlocks = pages.cache.evictions;
    counters.passes += passes;
    this.nowMs = plan.endMs(later);
    this.endMs = Number.NaN;
    if (this.recordsPasses) this.bookFinished(this.#plannedPass(later));
    this.lastPass.durationMs = plan.durationMs(later);
    this.lastPass.decodeCount = work.decodeCount;
    this.lastPass.decodeContextSum = work.decodeContextSum + later * work.decodeCount;
    this.#addTokens(passes);
    const ends = this.#outlook.passesLeft === passes;
    if (ends) this.#finishEnded();
    counters.steadyPasses += ends ? later : passes;
    counters.skippedPasses += later;
  }

  /** A token for everybody in each of so many passes; who came in since the last one got its last token later than the others. */
  #addTokens(passes: number): void {
    const { running, pages, slotsAhead, nowMs, listener, config } = this;
    const { pageTokens } = pages;
    const { length } = running;
    const plan = this.#plan;
    const firstMs = plan.endMs(0);
    const uses = pages.cache.keepUses(passes * length);
    let lastMs = running[0]!.lastTokenMs;
    let alike = 0;
    for (let i = 0; i < length; i++) {
      const sequence = running[i]!;
      if (sequence.lastTokenMs !== lastMs) {
        listener.gap(firstMs - lastMs, alike);
        lastMs = sequence.lastTokenMs;
        alike = 0;
      }
      alike++;
      if (sequence.generated === 1) listener.secondToken(sequence.id, firstMs);
      if (config.thinkingRatio > 0) this.#tellFirstOutput(sequence, passes);
      sequence.computed += passes;
      sequence.generated += passes;
      sequence.lastTokenMs = nowMs;
      sequence.recomputing = false;
      sequence.transferred = false;
      const filled = totalTokens(sequence) - 1 + slotsAhead;
      const filledPages = Math.floor(filled / pageTokens);
      const beyond = filled - filledPages * pageTokens;
      const { publishedPages } = sequence;
      sequence.privatePages = (beyond > 0 ? filledPages + 1 : filledPages) - publishedPages;
      if (filledPages <= publishedPages || filledPages <= sequence.filledPages) continue;
      // Pages become the most recently used when they are filled: in the order of passes, then of the batch.
      const pass = Math.max(0, passes - 1 - beyond);
      pages.publishLater(sequence, filledPages, uses + pass * length + i + 1);
    }
    listener.gap(firstMs - lastMs, alike);
    for (let i = 1; i < passes; i++) listener.gap(plan.durationMs(i), length);
  }

  #tellFirstOutput({ id, osl, generated }: SglangSequence, passes: number): void {
    const until = firstOutputPlace(osl, this.config.thinkingRatio) - generated;
    if (until > 0 && until <= passes) this.listener.firstOutputToken?.(id, this.#plan.endMs(until - 1));
  }

  #finishEnded(): void {
    const { running } = this;
    const ended: SglangSequence[] = [];
    let kept = 0;
    for (let i = 0; i < running.length; i++) {
      const sequence = running[i]!;
      if (sequence.generated === sequence.osl) ended.push(sequence);
      else running[kept++] = sequence;
    }
    running.length = kept;
    for (let i = 0; i < ended.length; i++) this.finish(ended[i]!);
  }
}
