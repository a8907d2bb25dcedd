import {
  type Engine,
  type EngineConfig,
  type EngineFactory,
  type EngineListener,
  type EngineLoad,
  effectiveOsl,
  firstOutputPlace,
  type KvEvent,
} from "#mocker/engine";
import type { InvariantNumber } from "./invariants.ts";
import { type EnginePromises, promisesOf } from "./promises.ts";

/** What a checked engine reads of the run around it. */
export interface Surroundings {
  nowMs(): number;
  isl(request: number): number;
  osl(request: number): number;
  sharedContent: boolean;
  /** Nothing keeps an engine from beginning what it could. */
  undisturbed: boolean;
  /** Whether its worker takes requests now. */
  takesRequests(): boolean;
  violated(invariant: InvariantNumber, what: string, atMs?: number): void;
  /** A request has come to this engine, or left it. */
  entered(request: number): void;
  left(request: number): void;
}

/** A request on an engine. */
interface Held {
  state: "queued" | "running" | "held" | "reserving" | "in transfer" | "activated";
  sinceMs: number;
  admittedBefore: boolean;
  firstTokenMs: number;
  secondTokenMs: number;
  firstOutputTokenMs: number;
}

/** Tokens whose times an engine tells. */
const TOKENS = { firstTokenMs: "first", secondTokenMs: "second", firstOutputTokenMs: "first output" } as const;

/**
 * An engine that is watched from outside: what goes in, what it tells, and its load after every pass are held against the invariants. It
 * knows nothing of how the engine does it, so it holds for every family.
 */
export class CheckedEngine implements Engine {
  readonly #engine: Engine;
  readonly #around: Surroundings;
  readonly #promises: EnginePromises;
  readonly #held = new Map<number, Held>();
  /** Requests that wait for their first admission, in the order in which they came. */
  readonly #line = new Set<number>();
  readonly #stored = new Set<number>();
  #lastMs = 0;
  #passStartMs = Number.NaN;
  #dueMs = Number.NaN;
  /** Are to leave when the pass under way is over. */
  readonly #cancelled = new Set<number>();
  /** Are to be given back when the pass under way is over. */
  readonly #released = new Set<number>();
  #isStopped = false;
  /** It is between passes and has work since this time; NaN: it owes nothing. */
  #owesStartMs = Number.NaN;
  /** Tokens it has told of, and gaps between them. */
  gaps = 0;

  constructor(make: EngineFactory, config: EngineConfig, listener: EngineListener, around: Surroundings) {
    this.#around = around;
    this.#promises = promisesOf(config, around.sharedContent);
    this.#engine = make(config, this.#watched(listener));
  }

  get config(): EngineConfig {
    return this.#engine.config;
  }

  get counters(): Engine["counters"] {
    return this.#engine.counters;
  }

  get busy(): boolean {
    return this.#engine.busy;
  }

  /** Requests on this engine now, or when it was stopped, without those that only the pass under way keeps. */
  get requests(): number[] {
    return [...this.#held.keys()].filter((request) => !this.#cancelled.has(request) && !this.#released.has(request));
  }

  hasWork(): boolean {
    return this.#engine.hasWork();
  }

  isEmpty(): boolean {
    const empty = this.#engine.isEmpty();
    if (empty !== (this.#held.size === 0))
      this.#violated(1, `it says that it is ${empty ? "" : "not "}empty with ${this.#held.size} requests on it`);
    return empty;
  }

  get holdPrefill(): boolean {
    return this.#engine.holdPrefill;
  }

  set holdPrefill(held: boolean) {
    this.#engine.holdPrefill = held;
  }

  get hostBlocks(): number {
    return this.#engine.hostBlocks;
  }

  get wakeMs(): number {
    return this.#engine.wakeMs;
  }

  get plannedPasses(): number {
    return this.#engine.plannedPasses;
  }

  passEndMs(index: number, beginMs: number): number {
    return this.#engine.passEndMs(index, beginMs);
  }

  lockTo(endsMs: Float64Array, passes: number): void {
    this.#engine.lockTo(endsMs, passes);
    this.#dueMs = endsMs[passes - 1]!;
  }

  start(nowMs: number, mostPasses?: number): number {
    this.#clock(nowMs, "start");
    if (this.#around.undisturbed && nowMs > this.#owesStartMs) {
      this.#violated(6, `it had work from ${this.#owesStartMs} ms on, and began at ${nowMs} ms`);
    }
    this.#owesStartMs = Number.NaN;
    this.#passStartMs = nowMs;
    const dueMs = this.#engine.start(nowMs, mostPasses);
    if (Number.isNaN(dueMs)) {
      this.#passStartMs = Number.NaN;
      this.#checkBlocked();
    } else if (dueMs < nowMs) {
      this.#violated(8, `a pass that begins at ${nowMs} ms is to end at ${dueMs} ms`);
    }
    this.#dueMs = dueMs;
    this.#checkLoad();
    return dueMs;
  }

  interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean): number {
    this.#clock(nowMs, "interrupt");
    const dueMs = this.#engine.interrupt(nowMs, input, passesBeginFirst);
    if (dueMs > this.#dueMs) this.#violated(8, `input put the end of a plan off, from ${this.#dueMs} to ${dueMs} ms`);
    this.#dueMs = dueMs;
    return dueMs;
  }

  complete(): void {
    const nowMs = this.#around.nowMs();
    if (this.#dueMs !== nowMs) this.#violated(8, `a pass that ends at ${this.#dueMs} ms was ended at ${nowMs} ms`);
    this.#engine.complete();
    for (const request of this.#cancelled) if (this.#held.has(request)) this.#leave(request);
    this.#cancelled.clear();
    this.#released.clear();
    this.#passStartMs = Number.NaN;
    this.#dueMs = Number.NaN;
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    if (!this.#engine.busy && this.#engine.hasWork()) this.#owesStartMs = nowMs;
    this.#checkLoad();
  }

  stop(nowMs: number): void {
    const owes = nowMs > this.#owesStartMs && !this.#engine.busy && this.#engine.hasWork();
    if (this.#around.undisturbed && owes) {
      this.#violated(6, `it had work from ${this.#owesStartMs} ms on and never began`);
    }
    this.#engine.stop(nowMs);
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const request of this.#held.keys()) this.#around.left(request);
  }

  submit(request: number, nowMs: number): string | null {
    this.#enter(request, "queued", nowMs);
    const refused = this.#engine.submit(request, nowMs);
    if (refused !== null) this.#leave(request);
    else if (!this.#engine.busy) this.#owesStartMs = nowMs;
    return refused;
  }

  reserve(request: number, nowMs: number): void {
    this.#enter(request, "reserving", nowMs);
    this.#engine.reserve(request, nowMs);
  }

  activate(request: number, nowMs: number): void {
    this.#clock(nowMs, "activate");
    if (this.#held.get(request)?.state !== "in transfer")
      this.#violated(5, `the transfer of request ${request} ended, which was not under way`);
    this.#engine.activate(request, nowMs);
    if (!this.#engine.busy && this.#engine.hasWork()) this.#owesStartMs = nowMs;
  }

  release(request: number, nowMs: number): void {
    this.#clock(nowMs, "release");
    this.#engine.release(request, nowMs);
    if (this.#engine.busy) this.#released.add(request);
    if (!this.#engine.busy && this.#engine.hasWork()) this.#owesStartMs = nowMs;
  }

  cancel(request: number, nowMs: number): void {
    this.#clock(nowMs, "cancel");
    this.#engine.cancel(request, nowMs);
    // A pass under way goes on with it.
    if (this.#engine.busy) this.#cancelled.add(request);
    else if (this.#held.has(request)) this.#leave(request);
    if (!this.#engine.busy) this.#owesStartMs = this.#engine.hasWork() ? nowMs : Number.NaN;
  }

  load(nowMs: number): EngineLoad {
    return this.#engine.load(nowMs);
  }

  recordPasses(): void {
    this.#engine.recordPasses();
  }

  finishedPass(nowMs: number): ReturnType<Engine["finishedPass"]> {
    return this.#engine.finishedPass(nowMs);
  }

  // ── what is checked ─────────────────────────────────────────────────────────────────────────────────────────────

  #violated(invariant: InvariantNumber, what: string, atMs?: number): void {
    this.#around.violated(invariant, what, atMs);
  }

  #clock(nowMs: number, call: string): void {
    if (nowMs < this.#lastMs) this.#violated(8, `${call} at ${nowMs} ms, after ${this.#lastMs} ms`);
    this.#lastMs = Math.max(this.#lastMs, nowMs);
  }

  #enter(request: number, state: "queued" | "reserving", nowMs: number): void {
    this.#clock(nowMs, "a request");
    if (!this.#around.takesRequests()) this.#violated(10, `request ${request} was given to a worker that takes none`);
    if (this.#held.has(request)) this.#violated(1, `request ${request} came again while it was here`);
    this.#held.set(request, {
      state,
      sinceMs: nowMs,
      admittedBefore: false,
      firstTokenMs: Number.NaN,
      secondTokenMs: Number.NaN,
      firstOutputTokenMs: Number.NaN,
    });
    if (state === "queued") this.#line.add(request);
    this.#around.entered(request);
  }

  #leave(request: number): void {
    this.#line.delete(request);
    if (this.#held.delete(request)) this.#around.left(request);
    else this.#violated(1, `request ${request} left, which was not here`);
  }

  /**
   * Nothing could be scheduled: only for want of blocks that somebody else will give back, or of KV on its way from host memory, or
   * because ranks beside it are owed passes that decode.
   */
  #checkBlocked(): void {
    const { config, wakeMs } = this.#engine;
    const nowMs = this.#around.nowMs();
    const { running, waiting } = this.#engine.load(nowMs);
    if (wakeMs < Number.POSITIVE_INFINITY) {
      if (!(wakeMs > nowMs))
        this.#violated(6, `nothing was scheduled at ${nowMs} ms, though KV arrived at ${wakeMs} ms`);
      return;
    }
    const states = [...this.#held.values()].map(({ state }) => state);
    const comes = states.includes("held") || states.includes("in transfer");
    const isOthersTurn = config.prefillDecodeInterval > 0 && this.#engine.holdPrefill;
    if (running > 0) this.#violated(6, `nothing was scheduled with ${running} requests running`);
    // DynoSim's decode workers may stand still until a reservation comes.
    else if (
      waiting > 0 &&
      !comes &&
      !isOthersTurn &&
      this.#engine.hasWork() &&
      !(config.role === "decode" && config.quirks.abortOnStuck)
    )
      this.#violated(6, `nothing was scheduled with ${waiting} requests waiting and nothing to come back`);
  }

  #checkLoad(): void {
    const { config } = this.#engine;
    const { running, waiting, usedBlocks, computedTokens } = this.#engine.load(this.#around.nowMs());
    this.#checkHost();
    if (!(usedBlocks >= 0 && usedBlocks <= config.numGpuBlocks))
      this.#violated(3, `${usedBlocks} blocks in use of ${config.numGpuBlocks}`);
    if (this.#held.size === 0 && usedBlocks !== 0) this.#violated(3, `${usedBlocks} blocks in use with no request`);
    if (running > config.maxNumSeqs) this.#violated(9, `${running} requests run, at most ${config.maxNumSeqs} may`);
    let held = 0;
    for (const { state } of this.#held.values()) if (state === "held") held++;
    if (running + waiting !== this.#held.size - held) {
      this.#violated(1, `${running} run and ${waiting} wait, of ${this.#held.size - held} that came and have not left`);
    }
    if (this.#promises.unshared && computedTokens > usedBlocks * config.blockSize) {
      this.#violated(
        4,
        `${usedBlocks} blocks of ${config.blockSize} tokens hold ${computedTokens} tokens that are not shared`,
      );
    }
  }

  #checkHost(): void {
    const { config, counters, hostBlocks } = this.#engine;
    const most = config.kvOffload?.hostBlocks ?? 0;
    if (!(hostBlocks >= 0 && hostBlocks <= most)) this.#violated(3, `${hostBlocks} blocks in host memory for ${most}`);
    if (counters.hostHitTokens > counters.prefixHitTokens)
      this.#violated(2, `${counters.hostHitTokens} tokens from host memory, among ${counters.prefixHitTokens} hits`);
  }

  // ── what the engine tells ───────────────────────────────────────────────────────────────────────────────────────

  /** The request that something is told of, at a time that is within the pass and after all that was told before. */
  #told(request: number, atMs: number, what: string): Held {
    const nowMs = this.#around.nowMs();
    if (atMs < this.#lastMs && !(atMs >= this.#passStartMs))
      this.#violated(8, `${what} of request ${request} at ${atMs} ms, after ${this.#lastMs} ms`, atMs);
    if (atMs > nowMs) this.#violated(5, `${what} of request ${request} at ${atMs} ms, told at ${nowMs} ms`, atMs);
    const held = this.#held.get(request);
    if (held === undefined) {
      this.#violated(1, `${what} of request ${request}, which is not here`, atMs);
      const times = { firstTokenMs: atMs, secondTokenMs: atMs, firstOutputTokenMs: atMs };
      return { state: "running", sinceMs: atMs, admittedBefore: true, ...times };
    }
    if (atMs < held.sinceMs)
      this.#violated(
        5,
        `${what} of request ${request} at ${atMs} ms, which was ${held.state} at ${held.sinceMs} ms`,
        atMs,
      );
    return held;
  }

  #admitted(request: number, atMs: number, reusedTokens: number, hostTokens: number): void {
    const held = this.#told(request, atMs, "admission");
    if (held.state !== "queued" && held.state !== "activated")
      this.#violated(1, `request ${request} was admitted while ${held.state}`, atMs);
    const most = this.#around.isl(request) + this.#around.osl(request);
    if (!(reusedTokens >= 0 && reusedTokens <= most))
      this.#violated(2, `request ${request} reuses ${reusedTokens} tokens of ${most}`, atMs);
    if (!(hostTokens >= 0 && hostTokens <= reusedTokens))
      this.#violated(
        2,
        `request ${request} has ${hostTokens} tokens from host memory, of ${reusedTokens} reused`,
        atMs,
      );
    const [first] = this.#line;
    if (this.#promises.fifo && !held.admittedBefore && first !== undefined && first !== request) {
      this.#violated(7, `request ${request} was admitted before request ${first}, which came earlier`, atMs);
    }
    this.#line.delete(request);
    Object.assign(held, { state: "running", sinceMs: atMs, admittedBefore: true });
  }

  #finished(request: number, atMs: number, outputTokens: number): void {
    const held = this.#told(request, atMs, "end");
    const { config } = this.#engine;
    if (held.state !== "running") this.#violated(5, `request ${request} ended while ${held.state}`, atMs);
    const asked = effectiveOsl(config, this.#around.isl(request), this.#around.osl(request));
    if (outputTokens !== asked)
      this.#violated(2, `request ${request} ended with ${outputTokens} tokens of ${asked}`, atMs);
    if (!(atMs >= held.firstTokenMs))
      this.#violated(5, `request ${request} ended at ${atMs} ms, its first token was at ${held.firstTokenMs} ms`, atMs);
    if (outputTokens > 1 && !(atMs >= held.secondTokenMs))
      this.#violated(
        5,
        `request ${request} ended at ${atMs} ms, its second token was at ${held.secondTokenMs} ms`,
        atMs,
      );
    const isExpected = firstOutputPlace(asked, config.thinkingRatio) > 0;
    if (isExpected !== !Number.isNaN(held.firstOutputTokenMs))
      this.#violated(
        2,
        `request ${request} ended ${isExpected ? "without" : "with"} a token that is not reasoning`,
        atMs,
      );
    this.#leave(request);
  }

  #token(request: number, atMs: number, which: keyof typeof TOKENS): void {
    const held = this.#told(request, atMs, "token");
    if (held.state !== "running") this.#violated(5, `request ${request} has a token while ${held.state}`, atMs);
    if (!Number.isNaN(held[which])) this.#violated(2, `request ${request} has a ${TOKENS[which]} token twice`, atMs);
    if (which !== "firstTokenMs" && !(atMs >= held.firstTokenMs))
      this.#violated(
        5,
        `request ${request} has its ${TOKENS[which]} token at ${atMs} ms, its first at ${held.firstTokenMs} ms`,
        atMs,
      );
    held[which] = atMs;
  }

  #move(request: number, atMs: number, what: string, from: readonly Held["state"][], to: Held["state"]): void {
    const held = this.#told(request, atMs, what);
    if (!from.includes(held.state)) this.#violated(5, `${what} of request ${request} while ${held.state}`, atMs);
    Object.assign(held, { state: to, sinceMs: atMs });
  }

  #kvEvent({ kind, blockId }: KvEvent, atMs: number): void {
    if (kind === "stored" && this.#stored.has(blockId))
      this.#violated(4, `block ${blockId} was stored while it was there`, atMs);
    if (kind === "removed" && !this.#stored.has(blockId))
      this.#violated(4, `block ${blockId} was removed, which was not there`, atMs);
    if (kind === "stored") this.#stored.add(blockId);
    else this.#stored.delete(blockId);
    const { numGpuBlocks } = this.#engine.config;
    if (this.#stored.size > numGpuBlocks)
      this.#violated(3, `${this.#stored.size} blocks of different content in a cache of ${numGpuBlocks}`, atMs);
  }

  /** The listener, with everything noted before it is handed on. */
  #watched(listener: EngineListener): EngineListener {
    return {
      admitted: (request, atMs, reusedTokens, hostTokens) => {
        this.#admitted(request, atMs, reusedTokens, hostTokens);
        listener.admitted(request, atMs, reusedTokens, hostTokens);
      },
      firstToken: (request, atMs) => {
        this.#token(request, atMs, "firstTokenMs");
        listener.firstToken(request, atMs);
      },
      secondToken: (request, atMs) => {
        this.#token(request, atMs, "secondTokenMs");
        listener.secondToken(request, atMs);
      },
      firstOutputToken: (request, atMs) => {
        this.#token(request, atMs, "firstOutputTokenMs");
        listener.firstOutputToken?.(request, atMs);
      },
      finished: (request, atMs, outputTokens) => {
        this.#finished(request, atMs, outputTokens);
        listener.finished(request, atMs, outputTokens);
      },
      preempted: (request, atMs) => {
        this.#move(request, atMs, "preemption", ["running"], "queued");
        listener.preempted(request, atMs);
      },
      rejected: (request, atMs, reason) => {
        this.#told(request, atMs, "rejection");
        this.#leave(request);
        listener.rejected(request, atMs, reason);
      },
      gap: (gapMs, weight) => {
        if (!(gapMs >= 0)) this.#violated(8, `a gap of ${gapMs} ms between two tokens`);
        this.gaps += weight;
        listener.gap(gapMs, weight);
      },
      held: (request, atMs) => {
        this.#move(request, atMs, "computed prompt", ["running"], "held");
        listener.held(request, atMs);
      },
      reserved: (request, atMs, missingTokens) => {
        this.#move(request, atMs, "reservation", ["reserving"], "in transfer");
        listener.reserved(request, atMs, missingTokens);
      },
      activated: (request, atMs) => {
        this.#move(request, atMs, "activation", ["in transfer"], "activated");
        listener.activated(request, atMs);
      },
      released: (request, atMs) => {
        this.#move(request, atMs, "release", ["held"], "held");
        this.#leave(request);
        listener.released(request, atMs);
      },
      kvEvent: (event, atMs) => {
        this.#kvEvent(event, atMs);
        listener.kvEvent(event, atMs);
      },
    };
  }
}
