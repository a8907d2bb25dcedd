import { type Clock, type Timer, TimerQueue } from "#common";
import { Clients, type ClosedLoop, FollowUps, loopsOfRequests, type Workload } from "#scenarios";
import { GapSketch } from "#src/record";
import { Bodies } from "./bodies.ts";
import { cancelAfter } from "./cancellation.ts";
import { beginAttempt, type LoadColumns } from "./columns.ts";
import { Connections } from "./connections.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { isFinal } from "./failures.ts";
import { RequestFactory } from "./requests.ts";
import { type LoadRows, wholeRows } from "./rows.ts";
import type { LoadClients, LoadFailure, LoadTarget, PromptOptions } from "./types.ts";

/** Bodies made before they are due. */
const AHEAD = 32;
/** Bodies of a closed loop's first requests that are made before it starts. */
const MOST_AT_ONCE = 4096;
/** Real ms after which others have their turn while bodies are made. */
const TURN_MS = 5;
/** How often requests are checked for their time limit, real ms. */
const SWEEP_MS = 100;

/** The part of a load run that one thread drives. */
export interface DriverPlan {
  workload: Workload;
  /** First turns of the open loop that are this thread's, by arrival. */
  openHeads: Int32Array;
  closedLoops: ClosedLoop[];
  target: LoadTarget;
  prompts: PromptOptions;
  runId: string;
  sendRequestStart: boolean;
  cancelShare: number;
  requestTimeoutMs: number | null;
  clients: LoadClients | null;
  endMs: number | null;
  reasoningTokens?: Int32Array;
  onTokens?: (request: number, count: number, atMs: number) => void;
}

export interface DriverCounts {
  sent: number;
  done: number;
  failed: number;
}

/** Sends the requests of a plan on schedule and writes down what becomes of them. One per thread. */
export class Driver implements ExchangeOwner {
  readonly rows: LoadRows;
  readonly gaps = new GapSketch();
  /** Dispatch − schedule, model ms. */
  readonly lateness = new GapSketch();
  readonly failures: LoadFailure[] = [];
  readonly retries: { endedMs: number[]; sentMs: number[] } = { endedMs: [], sentMs: [] };
  readonly counts: DriverCounts = { sent: 0, done: 0, failed: 0 };
  readonly #plan: DriverPlan;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #factory: RequestFactory;
  readonly #connections: Connections;
  readonly #endpoint: "chat" | "completions";
  /** By row, in order of dispatch. */
  readonly #underWay = new Map<number, Exchange>();
  readonly #bodies: Bodies;
  readonly #followUps: FollowUps;
  /** null: they are patient. */
  readonly #clients: Clients | null;
  /** Closed loop of a request, −1 for the open loop; null where there is no closed loop. */
  readonly #loopOf: Int32Array | null;
  readonly #inLoop: number[];
  readonly #loopCursor: number[];
  readonly #sweep: NodeJS.Timeout | undefined;
  #startMs = 0;
  #openCursor = 0;
  #pendingTurns = 0;
  #aheadCursor = 0;
  #closed = false;
  #resolve: () => void = () => {};
  #endWarmUp: () => void = () => {};

  constructor(plan: DriverPlan, rows: LoadRows, clock: Clock, timers?: TimerQueue) {
    this.#plan = plan;
    this.rows = rows;
    this.#clock = clock;
    this.#timers = timers ?? new TimerQueue(clock);
    const { workload, target, prompts, sendRequestStart, runId } = plan;
    this.#factory = new RequestFactory(workload, target, prompts, sendRequestStart ? clock : null, runId);
    this.#bodies = new Bodies(
      (request) => this.#factory.body(request),
      () => this.#upcoming(),
    );
    this.#connections = new Connections(this.#factory.parts.origin);
    this.#endpoint = target.endpoint ?? "chat";
    this.#loopOf = loopsOfRequests({ ...workload, closedLoops: plan.closedLoops });
    this.#followUps = new FollowUps(workload, (request, atMs) => this.#follow(request, atMs));
    this.#clients =
      plan.clients === null
        ? null
        : new Clients(plan.clients.behaviour, plan.clients.seed, workload.count, {
            at: (atMs, act) => void this.#timers.at(this.#startMs + atMs, act),
            waits: (request) => this.#underWay.has(request),
            hasToken: (request) => !Number.isNaN(rows.columns(request).requests.firstTokenMs[rows.place(request)]!),
            giveUp: (request, atMs) => this.#giveUp(request, atMs),
          });
    this.#inLoop = plan.closedLoops.map(() => 0);
    this.#loopCursor = plan.closedLoops.map(() => 0);
    const timeoutMs = plan.requestTimeoutMs;
    if (timeoutMs !== null) {
      const everyMs = Math.max(1, Math.min(SWEEP_MS, timeoutMs / clock.timeScale / 4));
      this.#sweep = setInterval(() => this.#stopSlowOnes(timeoutMs), everyMs);
    }
  }

  get connections(): number {
    return this.#connections.count;
  }

  get inFlight(): number {
    return this.#underWay.size;
  }

  /** ms from the start, now. */
  nowMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }

  /**
   * Sends `count` requests that are not measured, so many at a time. Their lengths are those of the workload's first
   * requests, their contents their own. Returns the messages of those that failed.
   */
  async warmUp(count: number, concurrency: number, columns: LoadColumns): Promise<string[]> {
    const failures: string[] = [];
    const { workload } = this.#plan;
    let next = 0;
    let left = count;
    await new Promise<void>((resolve) => {
      this.#endWarmUp = resolve;
      const send = () => {
        if (next >= count || this.#closed) return;
        const row = next++;
        const client = this.#connections.take();
        const exchange = new Exchange(owner, row, client, this.#endpoint, this.nowMs(), 0);
        this.#underWay.set(row, exchange);
        const body = this.#factory.body(row % workload.count, workload.count + row);
        this.#send(exchange, body, this.#factory.headers(workload.count + row, this.#clock.nowMs()));
      };
      const owner: ExchangeOwner = {
        rows: wholeRows(columns),
        nowMs: () => this.nowMs(),
        gap: () => {},
        ended: (exchange) => {
          if (exchange.failure !== null) failures.push(exchange.failure.message);
          this.#underWay.delete(exchange.row);
          this.#connections.giveBack(exchange.client);
          left--;
          if (left === 0) resolve();
          else send();
        },
      };
      if (count === 0) resolve();
      for (let i = 0; i < Math.min(count, concurrency); i++) send();
    });
    return failures;
  }

  /**
   * Makes the bodies of the first requests, above all of those that a closed loop sends at once; ends at model time
   * `untilMs` of the clock at the latest.
   */
  async prepare(untilMs: number): Promise<void> {
    const { openHeads, closedLoops } = this.#plan;
    const first = closedLoops.map(({ heads, concurrency }) => heads.subarray(0, Math.min(concurrency, MOST_AT_ONCE)));
    let turnEndsMs = performance.now() + TURN_MS;
    for (const request of [openHeads.subarray(0, AHEAD), ...first].flatMap((heads) => [...heads])) {
      if (this.#closed || this.#clock.nowMs() >= untilMs) return;
      this.#bodies.prepare(request);
      if (performance.now() < turnEndsMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnEndsMs = performance.now() + TURN_MS;
    }
  }

  /** Runs the plan from model time `startMs` of the clock; resolves when all is done, or cut off. */
  async run(startMs: number): Promise<void> {
    this.#startMs = startMs;
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
      if (this.#closed) return resolve();
      const { closedLoops, endMs } = this.#plan;
      closedLoops.forEach((loop, index) => {
        this.#timers.at(startMs + loop.startMs, () => this.#refill(index));
        if (Number.isFinite(loop.endMs)) this.#timers.at(startMs + loop.endMs, () => this.#finishIfDone());
      });
      if (endMs !== null) this.#timers.at(startMs + endMs, () => this.cut());
      this.#armOpenLoop();
      this.#finishIfDone();
    });
    await this.close();
  }

  /** Frees what it holds; requests under way end as cut off. */
  async close(): Promise<void> {
    this.cut();
    clearInterval(this.#sweep);
    this.#timers.close();
    this.#bodies.close();
    await this.#connections.close();
  }

  /** Sends nothing more and gives up what is under way. */
  cut(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const exchange of [...this.#underWay.values()]) exchange.stop("cut");
    // What has no connection yet cannot be aborted and will not be told of: its row stays unfinished.
    this.#endWarmUp();
    this.#resolve();
  }

  // ── what exchanges tell ─────────────────────────────────────────────────────────────────────────────────────────

  gap(gapMs: number, weight: number): void {
    this.gaps.add(gapMs, weight);
  }

  tokens(row: number, count: number, atMs: number): void {
    this.#plan.onTokens?.(row, count, atMs);
  }

  ended(exchange: Exchange, atMs: number): void {
    this.#underWay.delete(exchange.row);
    this.#connections.giveBack(exchange.client);
    if (this.#triesAgain(exchange, atMs)) return;
    this.rows.ended(exchange.row);
    this.counts.done++;
    if (exchange.failure !== null) {
      this.counts.failed++;
      this.failures.push(exchange.failure);
    }
    if (this.#closed) return;
    const isSessionOver = this.#followUps.ended(exchange.row, atMs);
    const loop = this.#loopOf?.[exchange.row] ?? -1;
    if (isSessionOver && loop >= 0) {
      this.#inLoop[loop]!--;
      this.#refill(loop);
    }
    this.#finishIfDone();
  }

  // ── schedule ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a request that others have set free. */
  #follow(request: number, dueMs: number): void {
    this.#later(request, dueMs, () => this.#dispatch(request, dueMs));
  }

  /** Lets something be sent when it is due, and have its body by then. */
  #later(request: number, dueMs: number, send: () => void): void {
    this.#pendingTurns++;
    this.#timers.at(this.#startMs + dueMs, () => {
      this.#pendingTurns--;
      send();
    });
    this.#bodies.prepare(request);
  }

  /** The client has waited long enough. */
  #giveUp(request: number, atMs: number): void {
    const exchange = this.#underWay.get(request)!;
    exchange.gaveUpMs = atMs;
    exchange.stop("timeout");
  }

  /** Whether the client sends once more what has come to nothing. */
  #triesAgain({ row, failure, gaveUpMs }: Exchange, atMs: number): boolean {
    if (this.#clients === null || this.#closed || failure === null || isFinal(failure)) return false;
    const dueMs = this.#clients.failed(row, gaveUpMs ?? atMs);
    if (dueMs === null) return false;
    this.retries.endedMs.push(atMs);
    const columns = this.rows.columns(row);
    const at = this.rows.place(row);
    beginAttempt(columns, at);
    columns.requests.attempts[at]!++;
    this.#later(row, dueMs, () => {
      if (this.#closed) return;
      this.retries.sentMs.push(dueMs);
      this.#attempt(row, dueMs);
    });
    return true;
  }

  #armOpenLoop(): Timer | null {
    const { openHeads, workload } = this.#plan;
    if (this.#openCursor >= openHeads.length) return null;
    const dueMs = workload.arrivalMs[openHeads[this.#openCursor]!]!;
    return this.#timers.at(this.#startMs + dueMs, () => {
      this.#dispatch(openHeads[this.#openCursor++]!, dueMs);
      this.#armOpenLoop();
    });
  }

  /** Fills the free places of a closed loop. */
  #refill(index: number): void {
    const loop = this.#plan.closedLoops[index]!;
    while (!this.#closed && this.#inLoop[index]! < loop.concurrency && this.#loopCursor[index]! < loop.heads.length) {
      const nowMs = this.nowMs();
      if (nowMs < loop.startMs || nowMs >= loop.endMs) return;
      this.#inLoop[index]!++;
      this.#dispatch(loop.heads[this.#loopCursor[index]!++]!, null);
    }
  }

  /** @param dueMs when it should have been sent, ms from the start; null: now, as a place has become free */
  #dispatch(request: number, dueMs: number | null): void {
    if (this.#closed) return;
    const { requests } = this.rows.columns(request);
    const at = this.rows.place(request);
    requests.isl[at] = this.#plan.workload.isl[request]!;
    requests.requestedOsl[at] = this.#plan.workload.osl[request]!;
    this.counts.sent++;
    const arrivalMs = this.#attempt(request, dueMs);
    this.#followUps.started(request, arrivalMs);
    this.#bodies.makeAhead();
  }

  /** @returns when the attempt was to be sent, ms from the start */
  #attempt(request: number, dueMs: number | null): number {
    const { requests, details } = this.rows.columns(request);
    const at = this.rows.place(request);
    const body = this.#bodies.take(request);
    const sentMs = this.nowMs();
    const countsFromMs = dueMs ?? sentMs;
    if (Number.isNaN(requests.arrivalMs[at]!)) requests.arrivalMs[at] = countsFromMs;
    details.sentMs[at] = sentMs;
    if (dueMs !== null) this.lateness.add(Math.max(0, sentMs - dueMs), 1);
    const client = this.#connections.take();
    const { cancelShare, prompts, workload } = this.#plan;
    const cancelled = cancelAfter(cancelShare, prompts.seed ?? 0, request, workload.osl[request]!);
    const reasoning = this.#plan.reasoningTokens?.[request];
    const exchange = new Exchange(this, request, client, this.#endpoint, sentMs, cancelled, reasoning);
    this.#underWay.set(request, exchange);
    this.#clients?.sent(request, countsFromMs);
    const attempt = requests.attempts[at]!;
    this.#send(exchange, body, this.#factory.headers(request, this.#startMs + countsFromMs, attempt));
    return countsFromMs;
  }

  #send(exchange: Exchange, body: Buffer, headers: string[]): void {
    exchange.client.dispatch({ path: this.#factory.parts.path, method: "POST", headers, body }, exchange);
  }

  #finishIfDone(): void {
    const { openHeads, closedLoops } = this.#plan;
    if (this.#underWay.size > 0 || this.#pendingTurns > 0 || this.#openCursor < openHeads.length) return;
    const nowMs = this.nowMs();
    const exhausted = closedLoops.every((loop, i) => this.#loopCursor[i]! >= loop.heads.length || nowMs >= loop.endMs);
    if (exhausted) this.#resolve();
  }

  #stopSlowOnes(timeoutMs: number): void {
    const startedBefore = this.nowMs() - timeoutMs;
    // In order of dispatch: the first that is young enough ends the search.
    for (const exchange of this.#underWay.values()) {
      if (exchange.startedMs > startedBefore) return;
      exchange.stop("timeout");
    }
  }

  /** A request that comes soon and has no body yet, or −1. */
  #upcoming(): number {
    const { openHeads, closedLoops } = this.#plan;
    this.#aheadCursor = Math.max(this.#aheadCursor, this.#openCursor);
    if (this.#aheadCursor < Math.min(openHeads.length, this.#openCursor + AHEAD))
      return openHeads[this.#aheadCursor++]!;
    for (let i = 0; i < closedLoops.length; i++) {
      const { heads } = closedLoops[i]!;
      const from = this.#loopCursor[i]!;
      for (let at = from; at < Math.min(heads.length, from + AHEAD); at++) {
        if (!this.#bodies.has(heads[at]!)) return heads[at]!;
      }
    }
    return -1;
  }
}
