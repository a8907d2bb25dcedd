import { UserError } from "#common";
import { effectiveOsl, neverFits } from "../config.ts";
import { clearPassWork, decodePassMs, emptyPassWork, type PassWork, prefillPassMs } from "../pass-time.ts";
import type { Engine, EngineConfig, EngineListener, EngineLoad, PassCounters } from "../types.ts";
import { DecodeBatch } from "./decode-batch.ts";
import { IntDeque } from "./int-deque.ts";
import { SequenceBlocks } from "./sequence-blocks.ts";
import { Flag, type SequenceStore } from "./sequence-store.ts";
import { WalkedPass } from "./walked-pass.ts";

/** Longest plan, in passes: bounds the work thrown away when input interrupts it. */
const MAX_PLAN = 4096;

type Command = { kind: "activate" | "release" | "cancel"; request: number };

/**
 * The scheduler of `SteppingEngine` for simulations. Decoding sequences are kept as aggregates (`DecodeBatch`), so a pass
 * costs the same whatever the batch; while the batch can't change (no admission possible, none ends, no block runs out) many
 * passes are planned at once. Where that can't be proved (a preemption threatens, the token budget does not reach everyone,
 * KV events are wanted) a pass is walked request by request (`WalkedPass`).
 */
export class SkippingEngine implements Engine {
  readonly config: EngineConfig;
  readonly counters: PassCounters = {
    passes: 0,
    steadyPasses: 0,
    skippedPasses: 0,
    scheduledPrefillTokens: 0,
    preemptions: 0,
    prefixHitTokens: 0,
    evictedBlocks: 0,
    prefillMs: 0,
  };
  readonly listener: EngineListener;
  readonly store: SequenceStore;
  readonly blocks: SequenceBlocks;
  readonly batch: DecodeBatch;
  readonly waiting = new IntDeque();
  /** Running requests in the order of their admission. */
  running = new Int32Array(16);
  runningCount = 0;
  nowMs = 0;
  readonly work: PassWork = emptyPassWork();
  /** Requests of the pass that are not plain decoding: [request, tokens, computed before] each. */
  #items = new Int32Array(24);
  #itemCount = 0;
  /** Got their first token at the end of the last pass. */
  #fresh: number[] = [];
  /** Running requests that still compute their prompt; the fast path wants at most one, the last. */
  #partialCount = 0;
  /** Scratch: requests that end with a pass. */
  readonly #ended: number[] = [];
  readonly #walked: WalkedPass;
  #walking: boolean;
  #planEnds = new Float64Array(16);
  #planCount = 0;
  #passStartMs = 0;
  #lastEndMs = Number.NaN;
  #lastPass = { durationMs: Number.NaN, decodeCount: 0, decodeContextSum: 0 };
  #inTransferCount = 0;
  readonly #held = new Set<number>();
  readonly #reservations = new IntDeque();
  #commands: Command[] = [];

  constructor(config: EngineConfig, store: SequenceStore, listener: EngineListener) {
    this.config = config;
    this.store = store;
    this.listener = listener;
    this.blocks = new SequenceBlocks(config, store, (event) => listener.kvEvent(event, this.nowMs));
    this.batch = new DecodeBatch(store, config.blockSize);
    this.#walked = new WalkedPass(this);
    this.#walking = config.kvEvents;
  }

  get busy(): boolean {
    return this.#planCount > 0;
  }

  hasWork(): boolean {
    return this.runningCount > 0 || this.waiting.length > this.#inTransferCount;
  }

  isEmpty(): boolean {
    const { length } = this.waiting;
    return this.runningCount + length + this.#reservations.length + this.#held.size + this.#commands.length === 0;
  }

  submit(request: number, nowMs: number): string | null {
    this.nowMs = nowMs;
    const isl = this.store.columns.isl[request]!;
    const osl = this.#register(request);
    const reason = neverFits(this.config, isl, osl);
    if (reason === null) this.waiting.pushBack(request);
    return reason;
  }

  /** Joins the queue at once; blocks are looked for between passes. */
  reserve(request: number, nowMs: number): void {
    this.#register(request);
    this.#reservations.pushBack(request);
    if (this.busy) return;
    this.nowMs = nowMs;
    this.#tryReservations();
  }

  activate(request: number, nowMs: number): void {
    this.#command({ kind: "activate", request }, nowMs);
  }

  release(request: number, nowMs: number): void {
    this.#command({ kind: "release", request }, nowMs);
  }

  cancel(request: number, nowMs: number): void {
    this.#command({ kind: "cancel", request }, nowMs);
  }

  start(nowMs: number): number {
    this.nowMs = nowMs;
    this.#passStartMs = nowMs;
    for (;;) {
      this.#itemCount = 0;
      clearPassWork(this.work);
      if (!this.#walking && !this.#canRunFast()) this.#beginWalking();
      if (this.#walking) {
        const outcome = this.#walked.schedule();
        if (outcome === "scheduled") break;
        if (outcome === "preempted") continue;
      } else if (this.#scheduleFast()) {
        break;
      }
      if (!this.hasWork() || this.#held.size > 0 || this.#inTransferCount > 0) return Number.NaN;
      this.#giveUpHead();
    }
    this.#plan(nowMs);
    this.counters.evictedBlocks = this.blocks.pool.evictions;
    return this.#planEnds[this.#planCount - 1]!;
  }

  interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean): number {
    const last = this.#planCount - 1;
    // Whoever queues behind others, or finds no seat, can't join before the plan's end.
    const cannotJoin = this.waiting.length > 0 || this.runningCount >= this.config.maxNumSeqs;
    if (last === 0 || (input === "request" && cannotJoin)) return this.#planEnds[last]!;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      const endMs = this.#planEnds[middle]!;
      if (endMs > nowMs || (!passesBeginFirst && endMs === nowMs)) high = middle;
      else low = middle + 1;
    }
    this.#planCount = low + 1;
    return this.#planEnds[low]!;
  }

  complete(): void {
    const count = this.#planCount;
    const endMs = this.#planEnds[count - 1]!;
    this.#planCount = 0;
    this.nowMs = endMs;
    this.counters.passes += count;
    const { decodeCount, decodeContextSum } = this.work;
    const startMs = count > 1 ? this.#planEnds[count - 2]! : this.#passStartMs;
    this.#lastPass.durationMs = endMs - startMs;
    this.#lastPass.decodeCount = decodeCount;
    this.#lastPass.decodeContextSum = decodeContextSum + (count - 1) * decodeCount;
    if (this.#walking) {
      this.#lastEndMs = endMs;
      if (this.#walked.complete(endMs) && !this.config.kvEvents) this.#endWalking();
    } else {
      this.#completeFast(count, endMs);
    }
    this.#tryReservations();
    if (this.#commands.length > 0) {
      const commands = this.#commands;
      this.#commands = [];
      for (const command of commands) this.#apply(command);
    }
  }

  load(nowMs: number): EngineLoad {
    const { store } = this;
    let passesOver = 0;
    if (!this.#walking) while (passesOver < this.#planCount && this.#planEnds[passesOver]! <= nowMs) passesOver++;
    let kvTokens = this.batch.contextSum + passesOver * this.batch.size;
    let queuedPrefillTokens = 0;
    const { isl } = store.columns;
    for (let i = 0; i < this.waiting.length; i++) {
      const request = this.waiting.at(i);
      queuedPrefillTokens += Math.max(0, isl[request]! - store.computed[request]!);
    }
    for (let i = this.runningCount - 1; i >= 0; i--) {
      const request = this.running[i]!;
      // Whoever computes a prompt runs behind all that decode; walking, nobody counts as decoding.
      if ((store.flags[request]! & Flag.decoding) !== 0) break;
      queuedPrefillTokens += Math.max(0, isl[request]! - store.computed[request]!);
      kvTokens += isl[request]! + store.generated[request]!;
    }
    return {
      running: this.runningCount,
      waiting: this.waiting.length + this.#reservations.length,
      queuedPrefillTokens,
      kvTokens,
      usedBlocks: this.blocks.pool.owned + this.#plannedBlocks(nowMs),
      lastPassMs: passesOver > 0 ? this.#planDurationMs(passesOver - 1) : this.#lastPass.durationMs,
      lastDecodeBatch: passesOver > 0 ? this.work.decodeCount : this.#lastPass.decodeCount,
      lastDecodeKvTokens:
        passesOver > 0
          ? this.work.decodeContextSum + (passesOver - 1) * this.work.decodeCount
          : this.#lastPass.decodeContextSum,
    };
  }

  /** Blocks taken by passes of the plan that began before `nowMs`; the first took its own when it was scheduled. */
  #plannedBlocks(nowMs: number): number {
    let blocks = 0;
    for (let ahead = 1; ahead < this.#planCount && this.#planEnds[ahead - 1]! < nowMs; ahead++) {
      blocks += this.batch.newBlocks(ahead);
    }
    return blocks;
  }

  // ── shared with the walked pass ─────────────────────────────────────────────────────────────────────────────────

  pushRunning(request: number): void {
    if (this.runningCount === this.running.length) {
      const larger = new Int32Array(this.running.length * 2);
      larger.set(this.running);
      this.running = larger;
    }
    this.running[this.runningCount++] = request;
  }

  removeRunning(request: number): void {
    const at = this.running.indexOf(request);
    this.running.copyWithin(at, at + 1, this.runningCount);
    this.runningCount--;
  }

  /**
   * Step 2 of a pass: waiting requests from the head, while seats, budget and blocks last.
   * @returns the budget that is left
   */
  admitWaiting(budget: number, schedule: (request: number, tokens: number) => void): number {
    const { waiting, store, config } = this;
    let index = 0;
    let headBlocked = false;
    let left = budget;
    while (index < waiting.length && this.runningCount < config.maxNumSeqs && left > 0) {
      const request = waiting.at(index);
      const flags = store.flags[request]!;
      const transferred = (flags & Flag.transferred) !== 0;
      // Somebody must run for a request to wait: otherwise nothing would ever free what it waits for.
      const lastInLine = config.role === "decode" && config.quirks.reservationsFirst && this.runningCount > 0;
      const waits = transferred
        ? headBlocked && lastInLine
        : headBlocked || (lastInLine && this.#reservations.length > 0);
      if ((flags & Flag.inTransfer) !== 0 || waits) {
        index++;
        continue;
      }
      const tokens = transferred ? 1 : this.#admit(request, left);
      if (tokens === 0) {
        headBlocked = true;
        if (this.#inTransferCount === 0 && config.role !== "decode") break;
        index++;
        continue;
      }
      waiting.removeAt(index);
      this.pushRunning(request);
      const reused = transferred ? 0 : store.computed[request]!;
      this.counters.prefixHitTokens += reused;
      this.listener.admitted(request, this.nowMs, reused);
      schedule(request, tokens);
      left -= tokens;
    }
    return left;
  }

  /** Takes hits and blocks for the first chunk of a waiting request; its tokens, or 0 where it has to wait. */
  #admit(request: number, budget: number): number {
    const { store, blocks, config } = this;
    const { blockSize } = config;
    const total = store.columns.isl[request]! + store.generated[request]!;
    blocks.lookup(request, Math.floor((total - 1) / blockSize));
    const hits = blocks.hitCount;
    const missing = total - hits * blockSize;
    if (missing > budget && !config.chunkedPrefill) return 0;
    const needed = Math.ceil(total / blockSize) - hits + blocks.unownedHits;
    if (needed > blocks.pool.room - this.#keptFree()) return 0;
    blocks.takeHits(request);
    store.computed[request] = hits * blockSize;
    if (store.generated[request]! > 0) store.flags[request]! |= Flag.recomputing;
    const tokens = Math.min(missing, budget);
    blocks.grow(request, config.quirks.gateWithoutReservation ? hits * blockSize + tokens : total);
    return tokens;
  }

  /** Blocks that admissions leave alone. */
  #keptFree(): number {
    return this.runningCount === 0 ? 0 : Math.floor(this.config.watermark * this.config.numGpuBlocks);
  }

  /** Adds a scheduled chunk to the pass: its time, its tokens, the blocks it fills. */
  accountChunk(request: number, tokens: number): void {
    const { store, work, config } = this;
    const flags = store.flags[request]!;
    const isl = store.columns.isl[request]!;
    const before = store.computed[request]!;
    const end = before + tokens;
    this.blocks.fill(request, before, end);
    if ((flags & Flag.transferred) !== 0) {
      work.decodeCount++;
      work.decodeContextSum += isl;
      return;
    }
    if (before < isl) this.counters.scheduledPrefillTokens += tokens;
    const { quirks } = config;
    const total = isl + store.generated[request]!;
    const promptEnd = (flags & Flag.recomputing) !== 0 && !quirks.freeOutputRecompute ? total : isl;
    if (before < promptEnd && !(config.role === "decode" && quirks.freeDecodeRecompute)) {
      work.prefillCount++;
      work.prefillEndSum += Math.min(end, promptEnd);
      work.prefillStartSum += before;
      work.chunkWorkMs += config.timing.chunkWorkMs(before, Math.min(end, promptEnd));
    }
    if (end === total && end > promptEnd) {
      work.decodeCount++;
      work.decodeContextSum += end;
    }
  }

  /** A request whose tokens are all computed emits one. Returns false where it has left the batch. */
  emit(request: number, endMs: number): boolean {
    const { store, listener } = this;
    store.flags[request]! &= ~(Flag.recomputing | Flag.transferred);
    if (this.config.role === "prefill") {
      this.removeRunning(request);
      this.#held.add(request);
      listener.held(request, endMs);
      return false;
    }
    const generated = ++store.generated[request]!;
    if (generated === 1) {
      listener.firstToken(request, endMs);
      if (!this.#walking && store.osl[request]! > 1) this.#fresh.push(request);
    } else {
      if (generated === 2) listener.secondToken(request, endMs);
      listener.gap(endMs - store.lastTokenMs[request]!, 1);
    }
    store.lastTokenMs[request] = endMs;
    if (generated < store.osl[request]!) return true;
    this.removeRunning(request);
    this.#finish(request, endMs);
    return false;
  }

  #finish(request: number, endMs: number): void {
    const { store } = this;
    this.blocks.releaseFinished(request, store.computed[request]!);
    this.listener.finished(request, endMs, store.generated[request]!);
  }

  // ── the fast path ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether every running request can be served without looking at the decoding ones one by one. */
  #canRunFast(): boolean {
    const { batch, config } = this;
    if (batch.size > config.maxNumBatchedTokens || this.#partialCount > 1) return false;
    let needed = batch.size === 0 ? 0 : batch.newBlocks(0);
    if (this.#partialCount === 1) {
      const request = this.running[this.runningCount - 1]!;
      if ((this.store.flags[request]! & Flag.decoding) !== 0) return false;
      needed += this.blocks.missing(request, this.store.computed[request]! + this.#chunk(request));
    }
    return needed <= this.blocks.pool.room;
  }

  #chunk(request: number): number {
    const { store } = this;
    const left = store.columns.isl[request]! + store.generated[request]! - store.computed[request]!;
    return Math.min(left, this.config.maxNumBatchedTokens - this.batch.size);
  }

  #scheduleFast(): boolean {
    const { batch, work } = this;
    let budget = this.config.maxNumBatchedTokens - batch.size;
    if (batch.size > 0) {
      const needed = batch.newBlocks(0);
      if (needed > 0) this.blocks.pool.takeAnonymous(needed);
      work.decodeCount = batch.size;
      work.decodeContextSum = batch.contextSum;
    }
    if (this.#partialCount === 1 && budget > 0) {
      const request = this.running[this.runningCount - 1]!;
      const tokens = this.#chunk(request);
      this.blocks.grow(request, this.store.computed[request]! + tokens);
      this.#addItem(request, tokens);
      budget -= tokens;
    }
    if (this.waiting.length > this.#inTransferCount) this.admitWaiting(budget, this.#addItem);
    return this.runningCount > 0;
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
    this.accountChunk(request, tokens);
  };

  /** Times of the pass that was scheduled, and of those that are sure to follow it. */
  #plan(nowMs: number): void {
    const { config, work, batch } = this;
    const prefillMs = prefillPassMs(config, work);
    this.counters.prefillMs += prefillMs;
    // The order of the additions decides the last bit, and so ties between workers.
    let endMs = nowMs + prefillMs + decodePassMs(config, work.decodeCount, work.decodeContextSum);
    this.#planEnds[0] = endMs;
    this.#planCount = 1;
    if (this.#walking || this.#itemCount > 0 || this.#partialCount > 0) return;
    // Passes that take no time interleave with whatever else happens at this instant.
    if (this.#reservations.length > 0 || endMs === nowMs) return;
    const most = Math.min(MAX_PLAN, batch.nextEnd - batch.pass);
    let room = this.blocks.pool.room;
    let contextSum = work.decodeContextSum;
    let count = 1;
    while (count < most) {
      room -= batch.newBlocks(count);
      if (room < 0) break;
      contextSum += batch.size;
      endMs += decodePassMs(config, batch.size, contextSum);
      if (count === this.#planEnds.length) this.#enlargePlan();
      this.#planEnds[count++] = endMs;
    }
    this.#planCount = count;
  }

  #enlargePlan(): void {
    const larger = new Float64Array(this.#planEnds.length * 2);
    larger.set(this.#planEnds);
    this.#planEnds = larger;
  }

  #planDurationMs(index: number): number {
    return this.#planEnds[index]! - (index === 0 ? this.#passStartMs : this.#planEnds[index - 1]!);
  }

  #completeFast(count: number, endMs: number): void {
    const { batch, listener, counters } = this;
    if (batch.size > 0) this.#gaps(count);
    // The first pass took its blocks when it was scheduled.
    let newBlocks = 0;
    for (let ahead = 1; ahead < count; ahead++) newBlocks += batch.newBlocks(ahead);
    if (newBlocks > 0) {
      this.blocks.pool.takeAnonymous(newBlocks);
      counters.evictedBlocks = this.blocks.pool.evictions;
    }
    if (this.#fresh.length > 0) {
      for (const request of this.#fresh) listener.secondToken(request, this.#planEnds[0]!);
      this.#fresh.length = 0;
    }
    this.#lastEndMs = endMs;
    batch.advance(count);
    const ends = batch.pass >= batch.nextEnd;
    if (this.#itemCount === 0 && this.#partialCount === 0) {
      const steady = ends ? count - 1 : count;
      counters.steadyPasses += steady;
      counters.skippedPasses += steady;
    }
    const waitingItems = this.#itemCount;
    if (ends) this.#finishDecoders(endMs);
    for (let i = 0; i < waitingItems; i++) this.#completeItem(this.#items[2 * i]!, this.#items[2 * i + 1]!, endMs);
  }

  #gaps(count: number): void {
    let previous = this.#lastEndMs;
    for (let i = 0; i < count; i++) {
      const endMs = this.#planEnds[i]!;
      this.listener.gap(endMs - previous, this.batch.size);
      previous = endMs;
    }
  }

  #finishDecoders(endMs: number): void {
    const { batch, store } = this;
    let kept = 0;
    let nextEnd = Number.POSITIVE_INFINITY;
    const ended = this.#ended;
    let endedCount = 0;
    for (let i = 0; i < this.runningCount; i++) {
      const request = this.running[i]!;
      const isDecoding = (store.flags[request]! & Flag.decoding) !== 0;
      const endPass = store.endPass[request]!;
      if (isDecoding && endPass === batch.pass) {
        ended[endedCount++] = request;
        continue;
      }
      this.running[kept++] = request;
      if (isDecoding && endPass < nextEnd) nextEnd = endPass;
    }
    this.runningCount = kept;
    batch.nextEnd = nextEnd;
    for (let i = 0; i < endedCount; i++) {
      batch.remove(ended[i]!, endMs);
      this.#finish(ended[i]!, endMs);
    }
  }

  #completeItem(request: number, tokens: number, endMs: number): void {
    const { store } = this;
    const computed = store.computed[request]! + tokens;
    store.computed[request] = computed;
    const isWhole = computed === store.columns.isl[request]! + store.generated[request]!;
    this.#partialCount = isWhole ? 0 : 1;
    if (isWhole && this.emit(request, endMs)) this.batch.add(request);
  }

  // ── the walked path ─────────────────────────────────────────────────────────────────────────────────────────────

  #beginWalking(): void {
    const { batch, store } = this;
    this.#walking = true;
    this.#fresh.length = 0;
    for (let i = 0; i < this.runningCount; i++) {
      const request = this.running[i]!;
      if ((store.flags[request]! & Flag.decoding) !== 0) batch.remove(request, this.#lastEndMs);
    }
    batch.nextEnd = Number.POSITIVE_INFINITY;
  }

  /** The walked pass served everyone: whoever emitted at its end decodes on, and at most the last computes its prompt. */
  #endWalking(): void {
    const { batch, store } = this;
    this.#walking = false;
    this.#partialCount = 0;
    this.#fresh.length = 0;
    for (let i = 0; i < this.runningCount; i++) {
      const request = this.running[i]!;
      if (
        store.computed[request]! === store.columns.isl[request]! + store.generated[request]! - 1 &&
        store.generated[request]! > 0
      ) {
        if (store.generated[request] === 1) this.#fresh.push(request);
        batch.add(request);
      } else {
        this.#partialCount++;
      }
    }
  }

  #giveUpHead(): void {
    const request = this.waiting.at(0);
    if (this.config.quirks.abortOnStuck) {
      throw new UserError({
        code: "ENGINE_STUCK",
        message: `request ${request} can never be scheduled: an effect-free zero-duration pass with requests in flight`,
        hint: "give the engine more blocks or a larger token budget, or leave out the quirk abortOnStuck to reject such requests",
        exitCode: 1,
      });
    }
    this.waiting.removeAt(0);
    this.listener.rejected(request, this.nowMs, "it does not fit the token budget or the KV cache");
  }

  // ── disaggregation ──────────────────────────────────────────────────────────────────────────────────────────────

  #register(request: number): number {
    const isl = this.store.columns.isl[request]!;
    const osl = this.config.role === "prefill" ? 1 : effectiveOsl(this.config, isl, this.store.columns.osl[request]!);
    this.store.reset(request, osl);
    return osl;
  }

  #command(command: Command, nowMs: number): void {
    if (this.busy) {
      this.#commands.push(command);
    } else {
      this.nowMs = nowMs;
      this.#apply(command);
    }
  }

  #apply(command: Command): void {
    const { request } = command;
    switch (command.kind) {
      case "activate":
        this.#activate(request);
        break;
      case "release":
        this.#releaseHeld(request);
        break;
      case "cancel":
        this.#cancel(request);
        break;
    }
  }

  #tryReservations(): void {
    while (this.#reservations.length > 0 && this.runningCount < this.config.maxNumSeqs) {
      if (!this.#reserve(this.#reservations.at(0))) return;
      this.#reservations.removeAt(0);
      if (this.config.quirks.oneReservationPerTrigger) return;
    }
  }

  #reserve(request: number): boolean {
    const { blocks, store, config } = this;
    const isl = store.columns.isl[request]!;
    blocks.lookup(request, Math.floor(isl / config.blockSize));
    const hits = blocks.hitCount;
    const all = Math.ceil(isl / config.blockSize);
    if (all - hits + blocks.unownedHits > blocks.pool.room) return false;
    blocks.takeHits(request);
    blocks.grow(request, isl);
    store.flags[request]! |= Flag.inTransfer;
    this.#inTransferCount++;
    this.waiting.pushBack(request);
    this.listener.reserved(request, this.nowMs, (all - hits) * config.blockSize);
    return true;
  }

  #activate(request: number): void {
    const { store } = this;
    if ((store.flags[request]! & Flag.inTransfer) === 0) return;
    store.flags[request] = (store.flags[request]! & ~Flag.inTransfer) | Flag.transferred;
    this.#inTransferCount--;
    const isl = store.columns.isl[request]!;
    this.blocks.fill(request, 0, isl);
    store.computed[request] = isl - 1;
    this.listener.activated(request, this.nowMs);
    this.#tryReservations();
  }

  #releaseHeld(request: number): void {
    if (!this.#held.delete(request)) return;
    this.blocks.releaseFinished(request, this.store.computed[request]!);
    this.listener.released(request, this.nowMs);
  }

  #cancel(request: number): void {
    const { store, batch } = this;
    const flags = store.flags[request]!;
    const queued = this.waiting.indexOf(request);
    const reserved = this.#reservations.indexOf(request);
    if (this.running.subarray(0, this.runningCount).includes(request)) {
      if ((flags & Flag.decoding) !== 0) batch.remove(request, this.#lastEndMs);
      else if (!this.#walking) this.#partialCount = 0;
      this.removeRunning(request);
      batch.findNextEnd(this.running, this.runningCount);
      this.#fresh = this.#fresh.filter((other) => other !== request);
      this.blocks.releaseFinished(request, store.computed[request]!);
    } else if (queued >= 0) {
      this.waiting.removeAt(queued);
      if ((flags & Flag.inTransfer) !== 0) this.#inTransferCount--;
      // The transfer may still arrive: it must find nobody.
      store.flags[request]! &= ~Flag.inTransfer;
      // The transfer filled all blocks of the prompt, though its last token has yet to run.
      const filled = (flags & Flag.transferred) !== 0 ? store.columns.isl[request]! : store.computed[request]!;
      this.blocks.releaseFinished(request, filled);
    } else if (reserved >= 0) {
      this.#reservations.removeAt(reserved);
    } else {
      this.#releaseHeld(request);
    }
    this.#tryReservations();
  }
}
