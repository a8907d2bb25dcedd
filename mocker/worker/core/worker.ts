import { type Clock, type Lateness, LatenessMeter, type TimerQueue } from "#common";
import {
  type EngineLoad,
  emittedTokens,
  type KvEvent,
  type LiveEngine,
  neverFits,
  newPassCounters,
  type PassBatch,
  type PassCounters,
  type RequestSource,
  transferMs,
} from "#mocker/engine";
import type { KvTransferParams, WorkerCard } from "#mocker/protocol";
import type {
  BlockIdentity,
  Generation,
  GenerationHandle,
  GenerationListener,
  HandoffSource,
  HostBlocks,
  KvPeers,
  Worker,
  WorkerObserver,
  WorkerSettings,
} from "../types.ts";
import { BlockInterner, SequenceBlocks } from "./blocks.ts";
import type { EngineDriver } from "./driver.ts";
import { NOT_READY, STOPPED } from "./errors.ts";
import { FetchHandoff } from "./fetch-handoff.ts";
import { HandoffBook } from "./handoff.ts";
import { type EndedPass, makeRanks, type Rank, type RankOwner } from "./rank.ts";
import { type LiveSequence, SequenceSlots } from "./sequence.ts";

/** Between the arrival of a request's head and its submission lie its body, JSON and tokenizer: a ms or less, mostly. */
const DEFAULT_SETTLE_MS = 1;
/** Instants of other processes that lie further back are not believed, real ms. */
const MOST_TRUSTED_MS = 1000;
/** What Unix seconds in a double lose, and a little more, ms. */
const TRANSPORT_ERROR_MS = 1e-3;

/**
 * A worker: `dpSize` engines on the wall clock, as the simulator has them in virtual time.
 * @param peers how a decode worker reaches prefill workers
 */
export function createWorker(settings: WorkerSettings, clock: Clock, timers: TimerQueue, peers: KvPeers): Worker {
  return new LiveWorker(settings, clock, timers, peers);
}

class LiveWorker implements Worker, RankOwner {
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly ready: Promise<void>;
  readonly #timers: TimerQueue;
  readonly #peers: KvPeers;
  readonly #interner: BlockInterner;
  readonly #slots = new SequenceSlots();
  #taken = 0;
  readonly #ranks: Rank[];
  /** Of all ranks. */
  readonly #driver: EngineDriver;
  readonly #book: HandoffBook | null;
  readonly #observers: WorkerObserver[] = [];
  /** Cancelled ones that an engine may know until its pass ends, by rank. */
  readonly #leaving: LiveSequence[][];
  readonly #drained: (() => void)[] = [];
  #state: WorkerCard["state"] = "starting";
  #stopped = false;
  #nextRank = 0;

  constructor(settings: WorkerSettings, clock: Clock, timers: TimerQueue, peers: KvPeers) {
    this.settings = settings;
    this.clock = clock;
    this.#timers = timers;
    this.#peers = peers;
    const { engine, dpSize, startupMs } = settings;
    this.#interner = new BlockInterner(engine.blockSize, engine.kvEvents !== false);
    this.#book = engine.role === "prefill" ? new HandoffBook(timers, settings.handoffTimeoutMs) : null;
    const settleMs = (settings.settleMs ?? DEFAULT_SETTLE_MS) * clock.timeScale;
    const parts = { requests: this.#requestSource(), timers, owner: this, settleMs };
    // The interner has to know what is cached, whoever else does.
    const { ranks, driver } = makeRanks(dpSize, { ...engine, kvEvents: true }, parts);
    this.#ranks = ranks;
    this.#driver = driver;
    this.#leaving = this.#ranks.map(() => []);
    this.ready = this.#startUp(startupMs);
  }

  get state(): WorkerCard["state"] {
    return this.#state;
  }

  get handoff(): HandoffSource | null {
    return this.#book;
  }

  neverFits(promptTokens: number, outputTokens: number): string | null {
    const { engine } = this.settings;
    return neverFits(engine, promptTokens, emittedTokens(engine, promptTokens, outputTokens));
  }

  submit(generation: Generation, listener: GenerationListener): GenerationHandle {
    if (this.#state !== "ready" || this.#stopped) {
      queueMicrotask(() => listener.failed(NOT_READY, "stopped"));
      return { cancel: () => {} };
    }
    const sequence = this.#newSequence(generation, listener);
    const { kvTransfer, arrivalMs } = generation;
    if (this.settings.engine.role === "decode" && kvTransfer?.do_remote_prefill) {
      this.#fetch(sequence, kvTransfer);
    } else {
      if (this.#book !== null && kvTransfer?.do_remote_decode) this.#expectHandoff(sequence, this.#book);
      sequence.onItsWay = true;
      const submit = (engine: LiveEngine, atMs: number) => {
        sequence.onItsWay = false;
        if (sequence.over) {
          this.#forget(sequence);
          return;
        }
        const reason = engine.submit(sequence.slot, atMs);
        if (reason !== null) queueMicrotask(() => this.#fail(sequence, reason, "rejected"));
      };
      this.#input(sequence.rank, arrivalMs, submit, true);
    }
    return { cancel: () => this.#cancel(sequence) };
  }

  load(): EngineLoad[] {
    return this.#ranks.map((rank) => rank.engine.load());
  }

  batches(): PassBatch[] {
    return this.#ranks.map((rank) => rank.engine.batchNow());
  }

  counters(): PassCounters {
    const sum = newPassCounters();
    for (const { engine } of this.#ranks) {
      for (const name of Object.keys(sum) as (keyof PassCounters)[]) sum[name] += engine.counters[name];
    }
    return sum;
  }

  rankCounters(): PassCounters[] {
    return this.#ranks.map(({ engine }) => engine.counters);
  }

  rankHostBlocks(): HostBlocks[] {
    return this.#ranks.map(({ hostBlocks }) => hostBlocks);
  }

  lag(): Lateness {
    const meter = new LatenessMeter();
    meter.merge(this.#driver.lateness);
    return meter.read();
  }

  blockIdentity(blockId: number): BlockIdentity | null {
    return this.#interner.identity(blockId);
  }

  clearKvBlocks(): void {
    const atMs = this.#timers.nowMs();
    for (const rank of this.#ranks) {
      const { removed, empty } = rank.engine.clearCache();
      for (const blockId of removed) {
        if (!empty) this.#observeKvEvent(rank, { kind: "removed", blockId }, atMs);
        this.#interner.drop(blockId);
      }
      if (empty && this.settings.engine.kvEvents) {
        for (const observer of this.#observers) observer.kvCleared?.(rank.index, atMs);
      }
    }
  }

  observe(observer: WorkerObserver): void {
    this.#observers.push(observer);
  }

  census(): { withoutToken: number; withToken: number; taken: number } {
    const census = { withoutToken: 0, withToken: 0, taken: this.#taken };
    for (const { hasToken } of this.#slots.all()) census[hasToken ? "withToken" : "withoutToken"]++;
    return census;
  }

  setPace(factor: number): void {
    if (factor === Number.POSITIVE_INFINITY) {
      this.#driver.pause();
      return;
    }
    for (const { engine } of this.#ranks) engine.config.speedupRatio = this.settings.engine.speedupRatio / factor;
    this.#driver.resume();
  }

  drain(): Promise<void> {
    this.#state = "draining";
    return new Promise((resolve) => {
      if (this.#slots.count === 0) resolve();
      else this.#drained.push(resolve);
    });
  }

  stop(): void {
    this.#state = "draining";
    this.#stopped = true;
    this.#driver.stop();
    this.#book?.close(STOPPED);
    for (const sequence of this.#slots.all()) {
      this.#fail(sequence, STOPPED, "stopped");
      this.#forget(sequence);
    }
  }

  #startUp(startupMs: number): Promise<void> {
    if (startupMs <= 0) {
      this.#state = "ready";
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#timers.at(this.#timers.nowMs() + startupMs, () => {
        if (this.#state === "starting") this.#state = "ready";
        resolve();
      });
    });
  }

  // ── sequences ───────────────────────────────────────────────────────────────────────────────────────────────────

  #requestSource(): RequestSource {
    const slots = this.#slots;
    return {
      isl: (slot) => slots.at(slot).generation.promptTokens.length,
      osl: (slot) => slots.at(slot).generation.outputTokens,
      contentId: (slot, blockIndex) => slots.at(slot).blocks.contentId(blockIndex),
    };
  }

  #newSequence(generation: Generation, listener: GenerationListener): LiveSequence {
    const rank = this.#ranks[generation.dpRank ?? this.#nextRank]!;
    if (generation.dpRank === undefined) this.#nextRank = (this.#nextRank + 1) % this.#ranks.length;
    const blocks = new SequenceBlocks(this.#interner, generation);
    this.#taken++;
    return this.#slots.add((slot) => ({
      slot,
      generation,
      listener,
      rank,
      blocks,
      fetch: null,
      handoffId: null,
      cachedTokens: 0,
      hasToken: false,
      onItsWay: false,
      over: false,
    }));
  }

  /** Hands input to the rank's engine, as `EngineDriver.input` says. */
  #input(rank: Rank, atMs: number, deliver: (engine: LiveEngine, atMs: number) => void, mayWait = false): void {
    this.#driver.input(atMs, (nowMs) => deliver(rank.engine, nowMs), mayWait);
  }

  /** The same of what engines take between passes only. */
  #command(rank: Rank, atMs: number, give: (engine: LiveEngine, atMs: number) => void): void {
    this.#driver.input(atMs, (nowMs) => rank.command(nowMs, give));
  }

  #cancel(sequence: LiveSequence): void {
    // A computed prompt of a prefill worker has left its request behind: its blocks belong to the hand-off.
    if (sequence.over) return;
    sequence.over = true;
    if (sequence.handoffId !== null) this.#book?.failed(sequence.handoffId, "it was cancelled");
    this.#leave(sequence);
  }

  #fail(sequence: LiveSequence, reason: string, kind: "rejected" | "handoff" | "stopped"): void {
    if (sequence.over) return;
    sequence.over = true;
    if (sequence.handoffId !== null) this.#book?.failed(sequence.handoffId, reason);
    this.#leave(sequence);
    sequence.listener.failed(reason, kind);
  }

  /** Tells the engine, the hand-off and the slots that it goes; what the engine does not know it ignores. */
  #leave(sequence: LiveSequence): void {
    sequence.fetch?.cancel();
    if (this.#stopped || sequence.onItsWay) return;
    this.#command(sequence.rank, this.#timers.nowMs(), (engine, atMs) => {
      engine.cancel(sequence.slot, atMs);
      this.#leaving[sequence.rank.index]!.push(sequence);
    });
  }

  #forget(sequence: LiveSequence): void {
    sequence.over = true;
    sequence.blocks.release();
    this.#slots.remove(sequence);
    if (this.#slots.count > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  // ── hand-off ────────────────────────────────────────────────────────────────────────────────────────────────────

  #expectHandoff(sequence: LiveSequence, book: HandoffBook): void {
    const blocks = {
      release: (atMs: number) => this.#releaseHeld(sequence, atMs),
      cancel: (reason: string) => this.#fail(sequence, reason, "handoff"),
    };
    let handoffId = sequence.generation.requestId;
    for (let i = 2; !book.expect(handoffId, blocks); i++) handoffId = `${sequence.generation.requestId}-${i}`;
    sequence.handoffId = handoffId;
  }

  #releaseHeld(sequence: LiveSequence, atMs: number): void {
    this.#command(sequence.rank, atMs, (engine, nowMs) => engine.release(sequence.slot, nowMs));
  }

  #fetch(sequence: LiveSequence, params: KvTransferParams): void {
    const { generation, rank, slot } = sequence;
    const { transfer, trustRequestStart, handoffTimeoutMs } = this.settings;
    const requestId = params.remote_request_id ?? generation.requestId;
    sequence.fetch = new FetchHandoff(params, requestId, this.#peers(params), this.#timers, {
      reserve: (atMs) => this.#command(rank, atMs, (engine, nowMs) => engine.reserve(slot, nowMs)),
      activate: (atMs) => this.#command(rank, atMs, (engine, nowMs) => engine.activate(slot, nowMs)),
      heldAtMs: ({ held_at }) => {
        const nowMs = this.#timers.nowMs();
        if (!trustRequestStart || held_at === undefined) return nowMs;
        const heldMs = this.clock.fromUnixMs(held_at * 1000);
        const ageMs = nowMs - heldMs;
        return ageMs < TRANSPORT_ERROR_MS || ageMs > MOST_TRUSTED_MS * this.clock.timeScale ? nowMs : heldMs;
      },
      transferMs: (missingTokens) =>
        transferMs(
          transfer,
          transfer?.timing === "destination_missing" ? missingTokens : generation.promptTokens.length,
        ),
      isLost: () => this.settings.losesTransfer?.(generation.requestId) ?? false,
      failed: (reason) => this.#fail(sequence, reason, "handoff"),
    });
    const reason = this.neverFits(generation.promptTokens.length, generation.outputTokens);
    if (reason === null) sequence.fetch.begin(this.#timers.nowMs(), handoffTimeoutMs);
    else queueMicrotask(() => this.#fail(sequence, reason, "rejected"));
  }

  #heldParams(sequence: LiveSequence, atMs: number): KvTransferParams {
    const { id, address } = this.settings;
    return {
      do_remote_decode: false,
      do_remote_prefill: true,
      remote_engine_id: id,
      remote_host: address?.host ?? null,
      remote_port: address?.port ?? null,
      remote_request_id: sequence.handoffId,
      remote_block_ids: null,
      held_at: this.clock.toUnixMs(atMs) / 1000,
      cached_tokens: sequence.cachedTokens,
    };
  }

  // ── what ranks tell ─────────────────────────────────────────────────────────────────────────────────────────────

  admitted(slot: number, atMs: number, cachedTokens: number, hostTokens: number): void {
    const sequence = this.#slots.find(slot);
    if (sequence === null || sequence.over) return;
    const known = sequence.fetch === null ? cachedTokens : (sequence.fetch.params.cached_tokens ?? 0);
    sequence.cachedTokens = Math.max(sequence.cachedTokens, known);
    sequence.listener.admitted(atMs, sequence.cachedTokens, hostTokens);
  }

  token(slot: number, atMs: number, index: number): void {
    const sequence = this.#slots.find(slot);
    if (sequence === null || sequence.over) return;
    sequence.hasToken = true;
    sequence.listener.token(index, atMs);
  }

  finished(slot: number, atMs: number): void {
    const sequence = this.#slots.find(slot);
    if (sequence === null) return;
    const tells = !sequence.over;
    this.#forget(sequence);
    if (tells) sequence.listener.finished(atMs);
  }

  preempted(): void {
    for (const observer of this.#observers) observer.preempted?.();
  }

  rejected(slot: number, reason: string): void {
    const sequence = this.#slots.find(slot);
    if (sequence !== null) this.#fail(sequence, reason, "rejected");
  }

  held(slot: number, atMs: number): void {
    const sequence = this.#slots.find(slot);
    if (sequence === null || sequence.over) return;
    const params = this.#heldParams(sequence, atMs);
    sequence.over = true;
    if (sequence.handoffId === null) this.#releaseHeld(sequence, atMs);
    else this.#book!.held(sequence.handoffId, params, atMs);
    sequence.listener.held(atMs, params);
  }

  reserved(slot: number, atMs: number, missingTokens: number): void {
    this.#slots.find(slot)?.fetch?.reserved(atMs, missingTokens);
  }

  activated(slot: number, atMs: number): void {
    const sequence = this.#slots.find(slot);
    sequence?.fetch?.activated(atMs, () => sequence.hasToken);
  }

  released(slot: number): void {
    const sequence = this.#slots.find(slot);
    if (sequence !== null) this.#forget(sequence);
  }

  /** What host memory keeps is known by the number it had in the KV cache. */
  hostKvEvent({ kind, blockId }: KvEvent): void {
    if (kind === "stored") this.#interner.hold(blockId);
    else this.#interner.drop(blockId);
  }

  kvEvent(rank: Rank, event: KvEvent, atMs: number): void {
    if (event.kind === "stored") this.#interner.hold(event.blockId);
    this.#observeKvEvent(rank, event, atMs);
    if (event.kind === "removed") this.#interner.drop(event.blockId);
  }

  settled(rank: Rank): void {
    const leaving = this.#leaving[rank.index]!;
    if (leaving.length === 0 || rank.engine.busy) return;
    for (const sequence of leaving.splice(0)) this.#forget(sequence);
  }

  passEnded(rank: Rank, pass: EndedPass): void {
    if (this.#observers.length === 0) return;
    const { load } = pass;
    const record = {
      dpRank: rank.index,
      at: this.clock.toUnixMs(pass.endMs) / 1000,
      durationMs: pass.durationMs,
      prefillMs: pass.prefillMs,
      usedBlocks: load.usedBlocks,
      ...pass.batch,
    };
    for (const observer of this.#observers) observer.passEnded?.(record, load);
  }

  #observeKvEvent(rank: Rank, event: KvEvent, atMs: number): void {
    if (!this.settings.engine.kvEvents) return;
    for (const observer of this.#observers) observer.kvEvent?.(rank.index, event, atMs);
  }
}
