import { type CommandKind, Commands } from "./commands.ts";
import { keptFreeBlocks, neverFits, waitsForBudget } from "./config.ts";
import { newPassCounters } from "./counters.ts";
import { emitTokens } from "./emission.ts";
import { engineStuck, GIVEN_UP } from "./errors.ts";
import { HostLoads } from "./host-loads.ts";
import { reservesOutput } from "./no-evict.ts";
import { OwnedBlocks } from "./owned-blocks.ts";
import { passBatch } from "./pass-batch.ts";
import {
  decodeContext,
  decodePassMs,
  dropDecode,
  emptyPassWork,
  type PassWork,
  passWorkOf,
  prefillPassMs,
} from "./pass-time.ts";
import { Reservations } from "./reservations.ts";
import { decodeAll, decodes, type PricedItem, placeOfPreempted, type Sequence, sequenceOf } from "./sequence.ts";
import { sequencesLoad } from "./sequence-load.ts";
import { countDraft, DraftPatience, draftRoomTokens, SpeculativeDraws, speculates } from "./speculation.ts";
import type {
  EngineConfig,
  EngineListener,
  EngineLoad,
  FinishedPass,
  LiveEngine,
  PassBatch,
  RequestSource,
} from "./types.ts";

/**
 * The scheduler, one forward pass at a time, written to be read: vLLM's continuous batching as Dynamo's mocker plays it.
 * A pass first serves the running requests in order, preempting where blocks run out, then admits waiting ones.
 */
export class SteppingEngine implements LiveEngine {
  readonly config: EngineConfig;
  readonly counters = newPassCounters();
  holdPrefill = false;
  readonly #requests: RequestSource;
  readonly #listener: EngineListener;
  readonly #blocks: OwnedBlocks;
  readonly #loads: HostLoads;
  readonly #draws: SpeculativeDraws;
  readonly #patience = new DraftPatience();
  readonly #waiting: Sequence[] = [];
  readonly #running: Sequence[] = [];
  /** Prefill worker: computed prompts whose blocks wait for their transfer. */
  readonly #held = new Map<number, Sequence>();
  readonly #reservations: Reservations;
  readonly #commands = new Commands({
    activate: (request) => this.#activate(request),
    release: (request) => this.#releaseHeld(request),
    cancel: (request) => this.#cancel(request),
  });
  #scheduled: PricedItem[] = [];
  #work: PassWork = emptyPassWork();
  #batch: PassBatch = passBatch([], [], []);
  /** The pass admitted or preempted somebody. */
  #batchChanged = false;
  /** The last pass that could compute prompts left somebody waiting. */
  #leftWaiting = false;
  #nowMs = 0;
  #passStartMs = 0;
  #passEndMs = Number.NaN;
  #lastPass = { durationMs: Number.NaN, decodeCount: 0, decodeContextSum: 0 };
  #finishedPass: FinishedPass | null = null;

  constructor(config: EngineConfig, requests: RequestSource, listener: EngineListener) {
    this.config = config;
    this.#requests = requests;
    this.#listener = listener;
    this.#draws = new SpeculativeDraws(config);
    this.#loads = new HostLoads(config, this.counters);
    this.#blocks = new OwnedBlocks(config, requests, listener, () => this.#nowMs);
    this.#reservations = new Reservations({
      config,
      blocks: this.#blocks,
      running: this.#running,
      waiting: this.#waiting,
      reserved: ({ id }, missingTokens) => listener.reserved(id, this.#nowMs, missingTokens),
    });
  }

  get busy(): boolean {
    return !Number.isNaN(this.#passEndMs);
  }

  hasWork(): boolean {
    return this.#running.length > 0 || this.#waiting.some((sequence) => !sequence.inTransfer);
  }

  isEmpty(): boolean {
    return (
      this.#running.length +
        this.#waiting.length +
        this.#reservations.queue.length +
        this.#held.size +
        this.#commands.length ===
      0
    );
  }

  submit(request: number, nowMs: number): string | null {
    this.#nowMs = nowMs;
    const sequence = sequenceOf(request, this.config, this.#requests);
    const reason = neverFits(this.config, sequence.isl, sequence.osl);
    if (reason === null) this.#waiting.push(sequence);
    return reason;
  }

  /** Joins the queue at once; blocks are looked for between passes. */
  reserve(request: number, nowMs: number): void {
    this.#reservations.queue.push(sequenceOf(request, this.config, this.#requests));
    if (this.busy) return;
    this.#nowMs = nowMs;
    this.#reservations.tryAll();
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

  start(nowMs: number): number {
    this.#nowMs = nowMs;
    this.#passStartMs = nowMs;
    if (this.#loads.any) this.#endLoads();
    for (;;) {
      this.#scheduled = [];
      this.#batchChanged = false;
      const budget = { left: this.config.maxNumBatchedTokens };
      const held = this.#holdsPrefill();
      const preempted = this.#scheduleRunning(budget, held);
      if (!preempted) this.#admitWaiting(budget, held);
      this.#leftWaiting = !held && this.#waiting.some((sequence) => !sequence.inTransfer);
      this.#work = passWorkOf(this.config, this.#scheduled);
      this.#batch = passBatch(this.#scheduled, this.#waiting, this.#reservations.queue, this.config.role);
      if (speculates(this.config)) this.#reserveDrafts();
      if (this.#scheduled.length > 0 || prefillPassMs(this.config, this.#work) > 0) break;
      // A pass of nothing is over at once, and blocks are looked for as after any other.
      if (this.#reservations.tryAll() || preempted) continue;
      const blocksWillReturn = this.#held.size > 0 || this.#waiting.some((sequence) => sequence.inTransfer);
      if (!this.hasWork() || blocksWillReturn || this.#loads.any) return Number.NaN;
      // A reservation may yet come and let the others pass; the owner aborts where none does.
      if (this.config.role === "decode" && this.config.quirks.abortOnStuck) return Number.NaN;
      this.#giveUpHead();
    }
    const prefillMs = prefillPassMs(this.config, this.#work);
    this.counters.prefillMs += prefillMs;
    const decodeMs = decodePassMs(this.config, this.#work.decodeCount, this.#work.decodeContextSum);
    // The order of the additions decides the last bit, and so ties between workers.
    this.#passEndMs = nowMs + prefillMs + decodeMs;
    this.counters.evictedBlocks = this.#blocks.evictions;
    return this.#passEndMs;
  }

  get hostBlocks(): number {
    return this.#blocks.inHost;
  }

  get wakeMs(): number {
    return this.busy ? Number.POSITIVE_INFINITY : this.#loads.nextMs;
  }

  get plannedPasses(): number {
    return this.busy ? 1 : 0;
  }

  passEndMs(): number {
    return this.#passEndMs;
  }

  lockTo(endsMs: Float64Array): void {
    this.#passEndMs = endsMs[0]!;
  }

  stop(): void {
    this.#passEndMs = Number.NaN;
  }

  /** A pass that has begun runs to its end. */
  interrupt(): number {
    return this.#passEndMs;
  }

  complete(): void {
    const endMs = this.#passEndMs;
    this.#nowMs = endMs;
    this.#passEndMs = Number.NaN;
    this.counters.passes++;
    this.#lastPass = {
      durationMs: endMs - this.#passStartMs,
      decodeCount: this.#work.decodeCount,
      decodeContextSum: this.#work.decodeContextSum,
    };
    this.#finishedPass = { endMs, durationMs: this.#lastPass.durationMs, ...this.#batch };
    const running = this.#running.length;
    const isSteady = !this.#batchChanged && this.#scheduled.length === running && decodeAll(this.#scheduled);
    for (const { sequence, tokens } of this.#scheduled) {
      sequence.computed += tokens;
      if (sequence.computed === sequence.isl + sequence.generated) this.#emit(sequence, endMs);
    }
    if (isSteady && this.#running.length === running) this.counters.steadyPasses++;
    this.#scheduled = [];
    this.#reservations.tryAll();
    this.#commands.betweenPasses();
  }

  clearCache(): { removed: number[]; empty: boolean } {
    return { removed: this.#blocks.clear(), empty: this.#blocks.owned === 0 };
  }

  load(): EngineLoad {
    return sequencesLoad({
      running: this.#running,
      waiting: this.#waiting,
      reservations: this.#reservations.queue.length,
      blocks: this.#blocks,
      lastPass: this.#lastPass,
    });
  }

  /** It always does. */
  recordPasses(): void {}

  finishedPass(): FinishedPass | null {
    return this.#finishedPass;
  }

  lastBatch(): PassBatch {
    return this.#batch;
  }

  batchNow(): PassBatch {
    return passBatch(this.#scheduled, this.#waiting, this.#reservations.queue, this.config.role);
  }

  // ── one pass ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether who decodes keeps prompts out of this pass. */
  #holdsPrefill(): boolean {
    if (!this.holdPrefill || this.#leftWaiting || this.config.role === "decode") return false;
    return this.#running.some((sequence) => decodes(sequence));
  }

  /** Step 1: running requests in order; of those `held` who decode alone. Returns whether anything was preempted. */
  #scheduleRunning(budget: { left: number }, held: boolean): boolean {
    let preempted = false;
    let index = 0;
    while (index < this.#running.length && budget.left > 0) {
      const sequence = this.#running[index]!;
      // What was accepted in the step before comes along for the price of one token.
      const missing = sequence.isl + sequence.generated - sequence.computed;
      const waits = !decodes(sequence) && (held || waitsForBudget(this.config, missing, budget.left));
      if (waits || this.#loads.has(sequence.id)) {
        index++;
        continue;
      }
      const cost = decodes(sequence) ? 1 : Math.min(missing, budget.left);
      const tokens = decodes(sequence) ? missing : cost;
      let preemptedItself = false;
      while (!this.#blocks.grow(sequence, sequence.computed + tokens)) {
        preempted = true;
        const victimIndex = this.#victimIndex;
        const victim = this.#running[victimIndex]!;
        this.#preempt(victim, victimIndex, budget);
        if (victim === sequence) {
          preemptedItself = true;
          break;
        }
        if (victimIndex < index && !this.config.quirks.fifoSkipsNext) index--;
      }
      if (preemptedItself) continue;
      this.#schedule(sequence, tokens, budget, cost);
      index++;
    }
    return preempted;
  }

  /** Step 2: waiting requests from the head, while seats, budget and blocks last. */
  #admitWaiting(budget: { left: number }, held: boolean): void {
    const { role, quirks } = this.config;
    const reservationsFirst = role === "decode" && quirks.reservationsFirst;
    const transferredAlone = reservationsFirst && this.#reservations.queue.length > 0;
    let index = 0;
    let headBlocked = false;
    // A prompt that is cached whole costs no budget; past it one alone finds a place.
    const goesOn = reservesOutput(this.config) || quirks.freeTransferredToken;
    const hasBudget = () => budget.left > 0 || goesOn;
    while (index < this.#waiting.length && this.#running.length < this.config.maxNumSeqs && hasBudget()) {
      const sequence = this.#waiting[index]!;
      const isPastBudget = budget.left === 0;
      // Without abortOnStuck somebody must run for a transferred one to wait: nothing else would free what the head waits for.
      const inOrder = reservationsFirst && (quirks.abortOnStuck || this.#running.length > 0);
      const waits = sequence.transferred ? headBlocked && inOrder : headBlocked || transferredAlone;
      if (sequence.inTransfer || waits) {
        index++;
      } else if (sequence.transferred && (budget.left > 0 || quirks.freeTransferredToken)) {
        this.#waiting.splice(index, 1);
        this.#running.push(sequence);
        this.#batchChanged = true;
        this.#listener.admitted(sequence.id, this.#nowMs, 0, 0);
        this.#schedule(sequence, 1, quirks.freeTransferredToken ? { left: 1 } : budget);
        if (isPastBudget) break;
      } else if (!sequence.transferred && this.#admit(sequence, budget, held)) {
        this.#waiting.splice(index, 1);
        if (isPastBudget) break;
      } else {
        headBlocked = true;
        index++;
      }
    }
  }

  #admit(sequence: Sequence, budget: { left: number }, held: boolean): boolean {
    const { blockSize, chunkedPrefill } = this.config;
    const total = sequence.isl + sequence.generated;
    const { hits, hostHits } = this.#blocks.cachedPrefix(sequence, total);
    const missing = total - (hits.length + hostHits) * blockSize;
    // What is only loaded takes nothing of the budget.
    const loads = this.#loads.durationMs(hostHits) > 0;
    if (missing > budget.left && (budget.left === 0 || !(loads || chunkedPrefill))) return false;
    if (!loads && held && missing > 1) return false;
    const blocks = this.#blocks.needed(sequence, Math.ceil(total / blockSize), this.#running, this.#waiting);
    const room = this.#blocks.room - keptFreeBlocks(this.config, this.#running.length);
    if (blocks - hits.length + this.#blocks.unowned(hits) > room) return false;
    this.#blocks.readHost(sequence, hits.length, hostHits);
    this.#blocks.share(sequence, hits);
    this.#loads.begin(sequence.id, hostHits, this.#nowMs);
    sequence.computed = (hits.length + hostHits) * blockSize;
    sequence.recomputing = sequence.generated > 0;
    this.counters.prefixHitTokens += sequence.computed;
    this.#listener.admitted(sequence.id, this.#nowMs, sequence.computed, hostHits * blockSize);
    this.#running.push(sequence);
    this.#batchChanged = true;
    if (missing === 0) {
      // It only decodes, like a prompt that was computed elsewhere, and costs no budget.
      sequence.computed = total - 1;
      sequence.transferred = true;
      this.#schedule(sequence, 1, { left: 1 });
      return true;
    }
    const tokens = loads ? 0 : Math.min(missing, budget.left);
    this.#blocks.grow(sequence, this.config.quirks.gateWithoutReservation ? sequence.computed + tokens : total);
    if (loads) return true;
    if (hostHits > 0) this.#blocks.register(sequence, 0, sequence.computed);
    this.#schedule(sequence, tokens, budget);
    return true;
  }

  /** What has come from host memory is found by others from now on. */
  #endLoads(): void {
    for (const request of this.#loads.arrived(this.#nowMs)) {
      const sequence = this.#running.find(({ id }) => id === request)!;
      this.#blocks.register(sequence, 0, sequence.computed);
    }
  }

  #schedule(sequence: Sequence, tokens: number, budget: { left: number }, cost = tokens): void {
    this.#scheduled.push({ sequence, tokens, cost, computedBefore: sequence.computed });
    budget.left -= cost;
    if (sequence.computed < sequence.isl && !sequence.transferred) this.counters.scheduledPrefillTokens += tokens;
    // Blocks become findable when the pass that fills them is scheduled: later requests of the same pass may hit them.
    this.#blocks.register(sequence, sequence.computed, sequence.computed + tokens);
  }

  /** Step 3, with speculative decoding: blocks for all that may be accepted, in the order of the pass. Whoever has to go gains nothing by it. */
  #reserveDrafts(): void {
    const scheduled = this.#patience.isLeft ? [...this.#scheduled] : [];
    for (const item of scheduled) {
      if (decodeContext(this.config, item) === 0) continue;
      const { sequence, tokens, computedBefore } = item;
      const room = draftRoomTokens(this.config, computedBefore + tokens, sequence.osl - sequence.generated);
      while (this.#scheduled.includes(item) && !this.#blocks.grow(sequence, room)) {
        const victim = this.#running[this.#victimIndex]!;
        const lost = this.#scheduled.find((other) => other.sequence === victim);
        if (lost !== undefined) dropDecode(this.#work, decodeContext(this.config, lost));
        this.#preempt(victim, this.#victimIndex, null);
      }
    }
    this.#patience.scheduled(this.#work.decodeCount, this.#scheduled.length < scheduled.length);
  }

  get #victimIndex(): number {
    return this.config.preemption === "lifo" ? this.#running.length - 1 : 0;
  }

  /** @param budget gets back what the pass had for it; null: it has been computed already */
  #preempt(victim: Sequence, index: number, budget: { left: number } | null): void {
    this.#running.splice(index, 1);
    const scheduledIndex = this.#scheduled.findIndex((item) => item.sequence === victim);
    if (scheduledIndex >= 0) {
      const item = this.#scheduled[scheduledIndex]!;
      if (budget !== null) {
        budget.left += item.cost;
        if (item.computedBefore < victim.isl && !victim.transferred)
          this.counters.scheduledPrefillTokens -= item.tokens;
      }
      this.#scheduled.splice(scheduledIndex, 1);
    }
    this.#loads.drop(victim.id);
    this.#blocks.release(victim);
    victim.computed = 0;
    victim.transferred = false;
    this.#waiting.splice(this.config.quirks.reservationsFirst ? placeOfPreempted(this.#waiting, victim) : 0, 0, victim);
    this.counters.preemptions++;
    this.#batchChanged = true;
    this.#listener.preempted(victim.id, this.#nowMs);
  }

  #emit(sequence: Sequence, endMs: number): void {
    sequence.recomputing = false;
    sequence.transferred = false;
    if (this.config.role === "prefill") {
      this.#running.splice(this.#running.indexOf(sequence), 1);
      this.#held.set(sequence.id, sequence);
      this.#listener.held(sequence.id, endMs);
      return;
    }
    const tokens = this.#draws.tokens(sequence.osl - sequence.generated);
    if (this.#draws.drafted > 0) countDraft(this.counters, this.#draws.drafted, tokens);
    emitTokens(sequence, tokens, endMs, this.config, this.#listener);
    if (sequence.generated === sequence.osl) {
      this.#running.splice(this.#running.indexOf(sequence), 1);
      this.#blocks.release(sequence);
      this.#listener.finished(sequence.id, endMs, sequence.generated);
    } else if (speculates(this.config)) {
      this.#blocks.shrink(sequence, sequence.isl + sequence.generated);
    }
  }

  /** Nothing can be scheduled and no blocks will come back: the head of the queue can never run. */
  #giveUpHead(): void {
    if (this.config.quirks.abortOnStuck) throw engineStuck(this.#waiting[0]!.id);
    const sequence = this.#waiting.shift()!;
    this.#listener.rejected(sequence.id, this.#nowMs, GIVEN_UP);
  }

  // ── disaggregation ──────────────────────────────────────────────────────────────────────────────────────────────

  #command(kind: CommandKind, request: number, nowMs: number): void {
    if (!this.busy) this.#nowMs = nowMs;
    this.#commands.give(kind, request, this.busy);
  }

  #activate(request: number): void {
    const sequence = this.#waiting.find((candidate) => candidate.id === request && candidate.inTransfer);
    if (sequence === undefined) return;
    sequence.inTransfer = false;
    sequence.transferred = true;
    sequence.computed = sequence.isl - 1;
    this.#blocks.register(sequence, 0, sequence.isl);
    this.#listener.activated(request, this.#nowMs);
    this.#reservations.tryAll();
  }

  #releaseHeld(request: number): void {
    const sequence = this.#held.get(request);
    if (sequence === undefined) return;
    this.#held.delete(request);
    this.#blocks.release(sequence);
    this.#listener.released(request, this.#nowMs);
  }

  #cancel(request: number): void {
    this.#loads.drop(request);
    for (const queue of [this.#running, this.#waiting, this.#reservations.queue]) {
      const index = queue.findIndex((sequence) => sequence.id === request);
      if (index >= 0) {
        this.#blocks.release(queue[index]!);
        queue.splice(index, 1);
      }
    }
    this.#releaseHeld(request);
    this.#reservations.forgetRefusal();
    this.#reservations.tryAll();
  }
}
