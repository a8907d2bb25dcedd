import {
  type Engine,
  type EngineConfig,
  engineConfig,
  engineFactory,
  type KvEvent,
  type TimingModel,
} from "#mocker/engine";

/** A request by hand; `blocks` names the content of its leading full blocks. */
export interface MadeRequest {
  isl: number;
  osl: number;
  blocks?: readonly number[];
}

export interface EngineEvent {
  kind:
    | "admitted"
    | "firstToken"
    | "secondToken"
    | "firstOutputToken"
    | "finished"
    | "preempted"
    | "rejected"
    | "held"
    | "reserved"
    | "activated"
    | "released";
  request: number;
  atMs: number;
  /** Reused (admitted), emitted (finished) or missing (reserved) tokens. */
  tokens?: number;
}

/** 1 ms a prompt token, 10 ms a decode step: times that can be added up by hand. */
export const HAND_TIMING: TimingModel = {
  kind: "fixed",
  chunkWorkMs: () => 0,
  prefillMs: (_batch, newTokens) => newTokens,
  decodeMs: () => 10,
  extrapolations: () => 0,
};

/** The engines under test; KV events make the skipping engine walk every pass request by request. */
export const ENGINES: readonly [EngineKind, EngineKind, EngineKind] = [
  { name: "the stepping engine", skipping: false, kvEvents: false },
  { name: "the skipping engine", skipping: true, kvEvents: false },
  { name: "the skipping engine, walking", skipping: true, kvEvents: true },
];

export interface EngineKind {
  name: string;
  skipping: boolean;
  kvEvents: boolean;
}

const MOST_PASSES = 200_000;

function columnsOf(requests: readonly MadeRequest[]) {
  const blockOffset = new Int32Array(requests.length + 1);
  requests.forEach(({ blocks = [] }, i) => {
    blockOffset[i + 1] = blockOffset[i]! + blocks.length;
  });
  return {
    isl: Int32Array.from(requests, ({ isl }) => isl),
    osl: Int32Array.from(requests, ({ osl }) => osl),
    blockOffset,
    blockIds: Int32Array.from(requests.flatMap(({ blocks = [] }) => [...blocks])),
  };
}

/** Owns one engine on a clock of its own, as its contract asks: passes end first, then input of that instant, then passes begin. */
export class EngineDriver {
  readonly engine: Engine;
  readonly events: EngineEvent[] = [];
  readonly kvEvents: KvEvent[] = [];
  readonly gaps: { gapMs: number; weight: number }[] = [];
  nowMs = 0;
  /** Times the engine was woken: passes, or plans of many. */
  wakes = 0;
  #wakeMs = Number.NaN;

  constructor(kind: EngineKind, overrides: Partial<EngineConfig>, requests: readonly MadeRequest[]) {
    const config = engineConfig({
      timing: HAND_TIMING,
      ...overrides,
      kvEvents: kind.kvEvents || overrides.kvEvents === true,
    });
    const columns = columnsOf(requests);
    const log = (event: EngineEvent) => {
      this.events.push(event);
    };
    const listener = {
      admitted: (request: number, atMs: number, tokens: number) => log({ kind: "admitted", request, atMs, tokens }),
      firstToken: (request: number, atMs: number) => log({ kind: "firstToken", request, atMs }),
      secondToken: (request: number, atMs: number) => log({ kind: "secondToken", request, atMs }),
      firstOutputToken: (request: number, atMs: number) => log({ kind: "firstOutputToken", request, atMs }),
      finished: (request: number, atMs: number, tokens: number) => log({ kind: "finished", request, atMs, tokens }),
      preempted: (request: number, atMs: number) => log({ kind: "preempted", request, atMs }),
      rejected: (request: number, atMs: number) => log({ kind: "rejected", request, atMs }),
      gap: (gapMs: number, weight: number) => {
        this.gaps.push({ gapMs, weight });
      },
      held: (request: number, atMs: number) => log({ kind: "held", request, atMs }),
      reserved: (request: number, atMs: number, tokens: number) => log({ kind: "reserved", request, atMs, tokens }),
      activated: (request: number, atMs: number) => log({ kind: "activated", request, atMs }),
      released: (request: number, atMs: number) => log({ kind: "released", request, atMs }),
      kvEvent: (event: KvEvent) => {
        this.kvEvents.push(event);
      },
    } as const;
    this.engine = engineFactory(kind.skipping ? "skipping" : "stepping", columns)(config, listener);
  }

  /** Queues requests now; the reasons of those that can never fit. */
  submit(...requests: number[]): (string | null)[] {
    return requests.map((request) => {
      this.#touch("request");
      return this.engine.submit(request, this.nowMs);
    });
  }

  command(kind: "reserve" | "activate" | "release" | "cancel", ...requests: number[]): void {
    for (const request of requests) {
      this.#touch("command");
      this.engine[kind](request, this.nowMs);
    }
  }

  /** Runs to a time; passes that end at it are ended, none begins at it. */
  runUntil(toMs: number): void {
    if (this.nowMs < toMs) this.#start();
    for (let passes = 0; this.#wakeMs <= toMs; passes++) {
      if (passes > MOST_PASSES) throw new Error("the engine never sleeps");
      this.#complete();
      if (this.nowMs < toMs) this.#start();
    }
    this.nowMs = toMs;
  }

  /** Runs until the engine sleeps. */
  finish(): void {
    for (let passes = 0; this.#start(); passes++) {
      if (passes > MOST_PASSES) throw new Error("the engine never sleeps");
      this.#complete();
    }
  }

  /** When something (first) happened to a request; NaN: never. */
  when(kind: EngineEvent["kind"], request: number): number {
    return this.#find(kind, request)?.atMs ?? Number.NaN;
  }

  tokens(kind: EngineEvent["kind"], request: number): number {
    return this.#find(kind, request)?.tokens ?? Number.NaN;
  }

  get usedBlocks(): number {
    return this.engine.load(this.nowMs).usedBlocks;
  }

  #find(kind: EngineEvent["kind"], request: number): EngineEvent | undefined {
    return this.events.find((event) => event.kind === kind && event.request === request);
  }

  /** Whether a pass is under way, or one is to begin without input. */
  #start(): boolean {
    if (!this.engine.busy && this.engine.hasWork()) this.#wakeMs = this.engine.start(this.nowMs);
    if (!this.engine.busy) this.#wakeMs = this.engine.wakeMs;
    return this.#wakeMs < Number.POSITIVE_INFINITY;
  }

  #complete(): void {
    this.nowMs = this.#wakeMs;
    this.#wakeMs = Number.NaN;
    this.wakes++;
    if (this.engine.busy) this.engine.complete();
  }

  #touch(input: "request" | "command"): void {
    if (!this.engine.busy) return;
    this.#wakeMs = this.engine.interrupt(this.nowMs, input, false);
    if (this.#wakeMs <= this.nowMs) this.#complete();
  }
}
