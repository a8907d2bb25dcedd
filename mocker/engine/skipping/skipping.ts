import { type CommandKind, Commands } from "../commands.ts";
import { emittedTokens, neverFits } from "../config.ts";
import { newPassCounters } from "../counters.ts";
import { engineStuck, GIVEN_UP } from "../errors.ts";
import { HostLoads } from "../host-loads.ts";
import { clearPassWork, decodePassMs, emptyPassWork, type PassWork, prefillPassMs } from "../pass-time.ts";
import { countDraft, SpeculativeDraws, speculates } from "../speculation.ts";
import { firstOutputPlace } from "../thinking.ts";
import type { Engine, EngineConfig, EngineListener, EngineLoad, FinishedPass } from "../types.ts";
import { DecodeBatch, NO_END } from "./decode-batch.ts";
import { engineLoad, type LastPass } from "./engine-load.ts";
import { FastPass } from "./fast-pass.ts";
import { HandOff } from "./hand-off.ts";
import { IntDeque } from "./int-deque.ts";
import { PassRecord } from "./pass-record.ts";
import { MAX_PLAN, Plan } from "./plan.ts";
import { SequenceBlocks } from "./sequence-blocks.ts";
import { Flag, type SequenceStore } from "./sequence-store.ts";
import { WalkedPass } from "./walked-pass.ts";

/** Running requests for which there is room at once. */
const SEATS = 64;

/**
 * The scheduler of `SteppingEngine` for simulations. Decoding sequences are kept as aggregates (`DecodeBatch`), so a pass
 * costs the same whatever the batch; while the batch can't change (no admission possible, none ends, no block runs out) many
 * passes are planned at once. Where that can't be proved (a preemption threatens, the token budget does not reach everyone,
 * KV events are wanted) a pass is walked request by request (`WalkedPass`).
 */
export class SkippingEngine implements Engine {
  readonly config: EngineConfig;
  readonly counters = newPassCounters();
  readonly listener: EngineListener;
  readonly store: SequenceStore;
  readonly blocks: SequenceBlocks;
  readonly batch: DecodeBatch;
  readonly handOff: HandOff;
  readonly loads: HostLoads;
  readonly waiting = new IntDeque();
  /** Running requests in the order of their admission. */
  running: Int32Array;
  /** The passes after which they end (`DecodeBatch`), `NO_END` of those that don't decode: side by side, as all are looked at where one ends. */
  ends: Int32Array;
  runningCount = 0;
  nowMs = Number.NaN;
  holdPrefill = false;
  /** The last pass that could compute prompts left somebody waiting. */
  #leftWaiting = false;
  readonly work: PassWork = emptyPassWork();
  record: PassRecord | null = null;
  readonly #fast: FastPass;
  #walkedPass: WalkedPass | null = null;
  #walking: boolean;
  readonly #alwaysWalks: boolean;
  readonly #draws: SpeculativeDraws;
  readonly #plan = new Plan();
  readonly #lastPass: LastPass = { durationMs: Number.NaN, decodeCount: 0, decodeContextSum: 0 };
  /** Made with the first. */
  #commands: Commands | null = null;
  /** The pass has changed the cache in a way that the listener was told of. */
  #told = false;

  constructor(config: EngineConfig, store: SequenceStore, listener: EngineListener) {
    this.config = config;
    this.store = store;
    this.listener = listener;
    this.blocks = new SequenceBlocks(config, store, (event) => {
      this.#told = true;
      listener.kvEvent(event, this.nowMs);
    });
    const seats = Math.min(config.maxNumSeqs, SEATS);
    this.running = new Int32Array(seats);
    this.ends = new Int32Array(seats);
    this.batch = new DecodeBatch(store, config.blockSize);
    this.handOff = new HandOff(this);
    this.loads = new HostLoads(config, this.counters);
    this.#fast = new FastPass(this, this.#plan);
    // What a draft brings differs from sequence to sequence.
    this.#alwaysWalks = config.kvEvents === true || speculates(config);
    this.#walking = this.#alwaysWalks;
    this.#draws = new SpeculativeDraws(config);
  }

  /** Made where one is walked. */
  get #walked(): WalkedPass {
    this.#walkedPass ??= new WalkedPass(this);
    return this.#walkedPass;
  }

  get busy(): boolean {
    return this.#plan.count > 0;
  }

  hasWork(): boolean {
    return this.runningCount > 0 || this.waiting.length > this.handOff.inTransferCount;
  }

  isEmpty(): boolean {
    const { length } = this.waiting;
    const commands = this.#commands?.length ?? 0;
    return this.runningCount + length + this.handOff.reservationCount + this.handOff.heldCount + commands === 0;
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
    this.handOff.queueReservation(request);
    if (this.busy) return;
    this.nowMs = nowMs;
    this.handOff.tryReservations();
  }

  activate(request: number, nowMs: number): void {
    this.#command("activate", request, nowMs);
  }

  release(request: number, nowMs: number): void {
    this.#command("release", request, nowMs);
  }

  cancel(request: number, nowMs: number): void {
    this.#command("cancel", request, nowMs);
  }

  start(nowMs: number, mostPasses = MAX_PLAN): number {
    this.nowMs = nowMs;
    this.#told = false;
    if (this.loads.any) this.#endLoads();
    for (;;) {
      clearPassWork(this.work);
      this.record?.clear();
      if (!this.#walking && !this.#fast.prepare()) this.#beginWalking();
      if (this.#walking) {
        const outcome = this.#walked.schedule();
        if (outcome === "scheduled") break;
        // A pass of nothing is over at once, and blocks are looked for as after any other.
        if (this.handOff.tryReservations() || outcome === "preempted") continue;
      } else {
        if (this.#fast.schedule()) break;
        // Whose blocks are on their way is served by a walked pass.
        if (this.loads.any) this.#beginWalking();
        if (this.handOff.tryReservations() || this.#fast.hasPreempted) continue;
      }
      const blocksWillReturn = this.handOff.heldCount > 0 || this.handOff.inTransferCount > 0;
      if (!this.hasWork() || blocksWillReturn || this.loads.any) return Number.NaN;
      // A reservation may yet come and let the others pass; the owner aborts where none does.
      if (this.config.role === "decode" && this.config.quirks.abortOnStuck) return Number.NaN;
      this.#giveUpHead();
    }
    this.#makePlan(nowMs, mostPasses);
    this.counters.evictedBlocks = this.blocks.pool.evictions;
    return this.#plan.lastEndMs;
  }

  interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean): number {
    // Whoever queues behind others, or finds no seat, can't join before the plan's end.
    const cannotJoin = this.waiting.length > 0 || this.runningCount >= this.config.maxNumSeqs;
    // Still, the next pass leaves it waiting, which a record of that pass has to tell.
    if (input === "command" || !cannotJoin || this.record !== null) this.#plan.cut(nowMs, passesBeginFirst);
    return this.#plan.lastEndMs;
  }

  get hostBlocks(): number {
    return this.blocks.inHost;
  }

  get wakeMs(): number {
    return this.busy ? Number.POSITIVE_INFINITY : this.loads.nextMs;
  }

  get plannedPasses(): number {
    return this.#plan.count;
  }

  passEndMs(index: number, beginMs: number): number {
    return this.#plan.passEndMs(index, beginMs);
  }

  lockTo(endsMs: Float64Array, passes: number): void {
    this.#plan.lockTo(endsMs, passes);
  }

  complete(): void {
    this.#endPasses();
    this.handOff.tryReservations();
    this.#commands?.betweenPasses();
  }

  stop(nowMs: number): void {
    const planned = this.#plan.count;
    const ended = this.#plan.passesOver(nowMs);
    this.#plan.count = ended;
    if (ended === 0) return;
    this.#endPasses();
    if (ended === planned) return;
    // The pass under way took its blocks when it began.
    const needed = this.batch.newBlocks(0);
    if (needed > 0) this.blocks.takeDecoding(needed);
    this.counters.evictedBlocks = this.blocks.pool.evictions;
  }

  #endPasses(): void {
    const { lastEndMs: endMs } = this.#plan;
    const count = this.#plan.end();
    this.record?.ended(this.#plan, count);
    this.nowMs = endMs;
    this.counters.passes += count;
    const { decodeCount, decodeContextSum } = this.work;
    this.#lastPass.durationMs = this.#plan.durationMs(count - 1);
    this.#lastPass.decodeCount = decodeCount;
    this.#lastPass.decodeContextSum = decodeContextSum + (count - 1) * decodeCount;
    if (this.#walking) {
      this.#fast.lastEndMs = endMs;
      if (this.#walked.complete(endMs) && !this.#alwaysWalks) {
        this.#walking = false;
        this.#fast.takeOver();
      }
    } else if (!this.#fast.complete(count, endMs) || this.loads.any) {
      this.#beginWalking();
    }
  }

  load(nowMs: number): EngineLoad {
    return engineLoad(this, this.#plan, this.#lastPass, nowMs);
  }

  recordPasses(): void {
    this.record ??= new PassRecord(this);
  }

  finishedPass(nowMs: number): FinishedPass | null {
    return this.record?.finished(this.#plan, this.#plan.passesOver(nowMs)) ?? null;
  }

  /** A pass is scheduled, in which prompts were held or not. */
  admittedAll(held: boolean): void {
    this.#leftWaiting = !held && this.waiting.length > this.handOff.inTransferCount;
    this.record?.scheduled();
  }

  /** Whether those who decode, if there are any, keep prompts out of this pass. */
  get holdsPrefill(): boolean {
    return this.holdPrefill && !this.#leftWaiting && this.config.role !== "decode";
  }

  // ── shared with the walked pass ─────────────────────────────────────────────────────────────────────────────────

  pushRunning(request: number): void {
    if (this.runningCount === this.running.length) {
      const larger = new Int32Array(this.running.length * 2);
      larger.set(this.running);
      this.running = larger;
      const ends = new Int32Array(larger.length);
      ends.set(this.ends);
      this.ends = ends;
    }
    this.ends[this.runningCount] = NO_END;
    this.running[this.runningCount++] = request;
  }

  removeRunning(request: number): void {
    // By hand: calls of `indexOf` and `copyWithin` cost more than the few places that there mostly are.
    const { running, ends } = this;
    const last = --this.runningCount;
    let at = 0;
    while (at < last && running[at] !== request) at++;
    for (; at < last; at++) {
      running[at] = running[at + 1]!;
      ends[at] = ends[at + 1]!;
    }
  }

  /** A request whose tokens are all computed emits one. Returns false where it has left the batch. */
  emit(request: number, endMs: number): boolean {
    const { store, listener } = this;
    store.flags[request]! &= ~(Flag.recomputing | Flag.transferred);
    if (this.config.role === "prefill") {
      this.removeRunning(request);
      this.handOff.hold(request);
      listener.held(request, endMs);
      return false;
    }
    const before = store.generated[request]!;
    const tokens = this.#draws.tokens(store.osl[request]! - before);
    if (this.#draws.drafted > 0) countDraft(this.counters, this.#draws.drafted, tokens);
    const generated = before + tokens;
    store.generated[request] = generated;
    if (before === 0) {
      listener.firstToken(request, endMs);
      if (!this.#walking && store.osl[request]! > 1) this.#fast.fresh.push(request);
    } else {
      listener.gap(endMs - store.lastTokenMs[request]!, 1);
    }
    if (before < 2 && generated >= 2) listener.secondToken(request, endMs);
    const firstOutput = firstOutputPlace(store.osl[request]!, this.config.thinkingRatio);
    if (before < firstOutput && generated >= firstOutput) listener.firstOutputToken?.(request, endMs);
    if (tokens > 1) listener.gap(0, tokens - 1);
    store.lastTokenMs[request] = endMs;
    if (generated < store.osl[request]!) {
      if (speculates(this.config)) this.blocks.shrink(request, store.columns.isl[request]! + generated);
      return true;
    }
    this.removeRunning(request);
    this.finish(request, endMs);
    return false;
  }

  /** It has all its tokens, and has left the batch. */
  finish(request: number, endMs: number): void {
    const { store } = this;
    this.blocks.releaseFinished(request, store.computed[request]!);
    this.listener.finished(request, endMs, store.generated[request]!);
  }

  /** Times of the pass that was scheduled, and of those that are sure to follow it. */
  #makePlan(nowMs: number, mostPasses: number): void {
    const { config, work, batch } = this;
    const prefillMs = prefillPassMs(config, work);
    this.counters.prefillMs += prefillMs;
    // The order of the additions decides the last bit, and so ties between workers.
    const endMs = nowMs + prefillMs + decodePassMs(config, work.decodeCount, work.decodeContextSum);
    this.#plan.begin(nowMs, endMs);
    if (this.#walking || !this.#fast.isSteady) return;
    // Passes that take no time interleave with whatever else happens at this instant.
    if (this.handOff.reservationCount > 0 || endMs === nowMs) return;
    const most = Math.min(this.#plan.limit, mostPasses, batch.nextEnd - batch.pass);
    // Whoever follows the cache learns of a change at the end of its own pass.
    const tells = config.kvEvents !== false;
    if (tells && this.#told) return;
    const following = batch.passesThatFit(1, most - 1, this.#plannedRoom(tells));
    let contextSum = work.decodeContextSum;
    for (let i = 0; i < following; i++) {
      contextSum += batch.size;
      this.#plan.add(decodePassMs(config, batch.size, contextSum));
    }
  }

  /** Blocks that the passes of a plan may take without changing anything for anybody else. */
  #plannedRoom(tells: boolean): number {
    const { pool } = this.blocks;
    // Who waits for the budget comes in at once where what it finds moves to host memory, and has to be loaded first.
    const mayCome = this.waiting.length > 0 && (this.holdPrefill || !this.config.chunkedPrefill);
    return tells || (this.config.kvOffload !== null && mayCome) ? pool.quietRoom : pool.room;
  }

  /** What has come from host memory is found by others from now on. */
  #endLoads(): void {
    for (const request of this.loads.arrived(this.nowMs)) this.blocks.fill(request, 0, this.store.computed[request]!);
  }

  /** Tokens of a running request, or one that waits with blocks, whose KV is there. */
  filledTokens(request: number): number {
    return this.loads.has(request)
      ? this.store.recordCount(request) * this.config.blockSize
      : this.store.computed[request]!;
  }

  #beginWalking(): void {
    this.#walking = true;
    this.#fast.handOver();
  }

  #giveUpHead(): void {
    const request = this.waiting.at(0);
    if (this.config.quirks.abortOnStuck) throw engineStuck(request);
    this.waiting.removeAt(0);
    this.listener.rejected(request, this.nowMs, GIVEN_UP);
  }

  // ── disaggregation ──────────────────────────────────────────────────────────────────────────────────────────────

  #register(request: number): number {
    const isl = this.store.columns.isl[request]!;
    const osl = emittedTokens(this.config, isl, this.store.columns.osl[request]!);
    this.store.reset(request, osl);
    return osl;
  }

  #command(kind: CommandKind, request: number, nowMs: number): void {
    if (!this.busy) this.nowMs = nowMs;
    this.#commands ??= this.#newCommands();
    this.#commands.give(kind, request, this.busy);
  }

  #newCommands(): Commands {
    return new Commands({
      activate: (request) => this.handOff.activate(request),
      release: (request) => this.handOff.releaseHeld(request),
      cancel: (request) => this.#cancel(request),
    });
  }

  #cancel(request: number): void {
    const { store, batch } = this;
    const flags = store.flags[request]!;
    const queued = this.waiting.indexOf(request);
    if (this.running.subarray(0, this.runningCount).includes(request)) {
      this.#fast.forget(request);
      this.removeRunning(request);
      batch.findNextEnd(this.ends, this.runningCount);
      this.blocks.releaseFinished(request, this.filledTokens(request));
      this.loads.drop(request);
    } else if (queued >= 0) {
      this.waiting.removeAt(queued);
      if ((flags & Flag.inTransfer) !== 0) this.handOff.inTransferCount--;
      // The transfer may still arrive: it must find nobody.
      store.flags[request]! &= ~Flag.inTransfer;
      // The transfer filled all blocks of the prompt, though its last token has yet to run.
      const filled = (flags & Flag.transferred) !== 0 ? store.columns.isl[request]! : store.computed[request]!;
      this.blocks.releaseFinished(request, filled);
    } else if (!this.handOff.dropReservation(request)) {
      this.handOff.releaseHeld(request);
    }
    this.handOff.forgetRefusal();
    this.handOff.tryReservations();
  }
}
