import type { TimerQueue } from "#common";
import {
  type EngineConfig,
  type EngineListener,
  type EngineLoad,
  type KvEvent,
  type LiveEngine,
  LockStep,
  needsLockStep,
  type PassBatch,
  type RequestSource,
  rankConfig,
  seededEngine,
  steppingEngines,
} from "#mocker/engine";
import type { HostBlocks } from "../types.ts";
import { EngineDriver } from "./driver.ts";

/** What the owner of a rank hears of its requests. Called between the engine's calls, so that it may give input. */
export interface RankOwner {
  admitted(request: number, atMs: number, cachedTokens: number, hostTokens: number): void;
  token(request: number, atMs: number, index: number): void;
  finished(request: number, atMs: number): void;
  preempted(): void;
  rejected(request: number, reason: string): void;
  held(request: number, atMs: number): void;
  reserved(request: number, atMs: number, missingTokens: number): void;
  activated(request: number, atMs: number): void;
  released(request: number): void;
  /** The one that comes from within the engine's calls: no input may be given. */
  kvEvent(rank: Rank, event: KvEvent, atMs: number): void;
  /** The same of host memory. */
  hostKvEvent(event: KvEvent): void;
  /** What the engine was told to forget is forgotten. */
  settled(rank: Rank): void;
  passEnded(rank: Rank, pass: EndedPass): void;
}

export interface EndedPass {
  endMs: number;
  durationMs: number;
  prefillMs: number;
  batch: PassBatch;
  load: EngineLoad;
}

export interface RankParts {
  requests: RequestSource;
  timers: TimerQueue;
  owner: RankOwner;
  /** How long input may be on its way to the engine, model ms. */
  settleMs: number;
}

/** The ranks of a worker, and what drives them: more than one go in lock step, driven as one. */
export function makeRanks(
  count: number,
  config: EngineConfig,
  parts: RankParts,
): { ranks: Rank[]; driver: EngineDriver } {
  const ranks = Array.from(
    { length: count },
    (_, index) => new Rank(index, seededEngine(rankConfig(config, count), index), parts),
  );
  const group = needsLockStep(config, count) ? new LockStep(ranks.map(({ engine }) => engine)) : null;
  for (const rank of ranks) rank.group = group;
  const hooks = {
    engineCalled: () => {
      for (const rank of ranks) rank.tell();
    },
    passEnded: (startMs: number, endMs: number) => {
      for (const rank of ranks) rank.passEnded(startMs, endMs);
    },
  };
  return { ranks, driver: new EngineDriver(group ?? ranks[0]!.engine, parts.timers, hooks, parts.settleMs) };
}

/** One data-parallel rank: an engine, and what it tells, put in order. */
export class Rank {
  readonly index: number;
  readonly engine: LiveEngine;
  /** It goes in lock step with others. */
  group: LockStep | null = null;
  readonly #owner: RankOwner;
  #told: (() => void)[] = [];
  #telling = false;
  /** Requests that emit in this instant, those with their first token apart. */
  readonly #firsts: number[] = [];
  readonly #emitting: number[] = [];
  readonly #indexes: number[] = [];
  #tokensMs = 0;
  #prefillMs = 0;
  #passes = 0;
  #hostStored = 0;

  constructor(index: number, config: EngineConfig, parts: RankParts) {
    this.index = index;
    this.#owner = parts.owner;
    this.engine = steppingEngines(parts.requests)(config, this.#listener());
  }

  get hostBlocks(): HostBlocks {
    return { inUse: this.engine.hostBlocks, stored: this.#hostStored };
  }

  /** Gives the engine a command: at once, or where its peers' step is under way at the end of that. */
  command(atMs: number, give: (engine: LiveEngine, atMs: number) => void): void {
    const later = (endMs: number) => give(this.engine, endMs);
    if (this.group?.defers(this.engine, later) !== true) give(this.engine, atMs);
  }

  /**
   * Everything the engine told in its last call: first tokens before the others, then the rest as it came. Who is told may
   * give input; what comes of that is told afterwards.
   */
  tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      this.#tellTokens();
      for (let i = 0; i < this.#told.length; i++) this.#told[i]!();
    } finally {
      if (this.#told.length > 0) this.#told = [];
      this.#telling = false;
    }
    this.#owner.settled(this);
  }

  #tellTokens(): void {
    const owner = this.#owner;
    const atMs = this.#tokensMs;
    const [firsts, emitting, indexes] = [this.#firsts, this.#emitting, this.#indexes];
    for (let i = 0; i < firsts.length; i++) owner.token(firsts[i]!, atMs, 0);
    for (let i = 0; i < emitting.length; i++) owner.token(emitting[i]!, atMs, indexes[i]!);
    firsts.length = 0;
    emitting.length = 0;
    indexes.length = 0;
  }

  /** A step of the worker is over; the rank may have had no part in it. */
  passEnded(startMs: number, endMs: number): void {
    const { counters } = this.engine;
    if (counters.passes === this.#passes) return;
    this.#passes = counters.passes;
    this.#owner.passEnded(this, {
      endMs,
      durationMs: endMs - startMs,
      prefillMs: counters.prefillMs - this.#prefillMs,
      batch: this.engine.lastBatch(),
      load: this.engine.load(),
    });
    this.#prefillMs = counters.prefillMs;
  }

  #listener(): EngineListener {
    const owner = this.#owner;
    const later = (tell: () => void) => {
      this.#told.push(tell);
    };
    return {
      admitted: (request, atMs, cachedTokens, hostTokens) =>
        later(() => owner.admitted(request, atMs, cachedTokens, hostTokens)),
      firstToken: () => {},
      secondToken: () => {},
      gap: () => {},
      token: (request, atMs, index) => {
        this.#tokensMs = atMs;
        if (index === 0) {
          this.#firsts.push(request);
        } else {
          this.#emitting.push(request);
          this.#indexes.push(index);
        }
      },
      finished: (request, atMs) => later(() => owner.finished(request, atMs)),
      preempted: () => later(() => owner.preempted()),
      rejected: (request, _atMs, reason) => later(() => owner.rejected(request, reason)),
      held: (request, atMs) => later(() => owner.held(request, atMs)),
      reserved: (request, atMs, missingTokens) => later(() => owner.reserved(request, atMs, missingTokens)),
      activated: (request, atMs) => later(() => owner.activated(request, atMs)),
      released: (request) => later(() => owner.released(request)),
      kvEvent: (event, atMs) => owner.kvEvent(this, event, atMs),
      hostKvEvent: (event) => {
        if (event.kind === "stored") this.#hostStored++;
        owner.hostKvEvent(event);
      },
    };
  }
}
