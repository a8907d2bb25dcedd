import type { Clock } from "#common";
import type { EngineConfig, EngineLoad, KvEvent, TransferModel } from "#mocker/engine";
import type { ForwardPassRecord, KvTransferParams, WorkerCard } from "#mocker/protocol";
import type { Tokenizer } from "#mocker/text";

/** One sequence for an engine. A request with `n` choices is n of them. */
export interface Generation {
  requestId: string;
  promptTokens: Int32Array;
  /** Tokens the engine is to emit: exactly so many, stop strings and the like are the caller's business. ≥ 1. */
  outputTokens: number;
  /** Id of output token `index`: part of what later prompts may find cached. */
  outputTokenId(index: number): number;
  /** Model time of arrival, ms; may lie a little in the past. */
  arrivalMs: number;
  /** Absent: ranks take turns. */
  dpRank?: number;
  /** Decode role: the prefill worker's answer. */
  kvTransfer?: KvTransferParams;
}

/** Told what becomes of a generation; calls come while the worker handles the end of a pass. Times are model ms. */
export interface GenerationListener {
  admitted(atMs: number, cachedTokens: number): void;
  /** `atMs` is the deadline the engine computed, at or just before now. */
  token(index: number, atMs: number): void;
  finished(atMs: number): void;
  /** Prefill role: the prompt is computed and its blocks are held for a transfer. */
  held(atMs: number, params: KvTransferParams): void;
  /** It ends without having finished: can never fit, hand-off failed or timed out, worker stopped. */
  failed(reason: string, kind: "rejected" | "handoff" | "stopped"): void;
}

export interface GenerationHandle {
  /** Frees whatever it holds, within one pass; nothing is told any more. Idempotent. */
  cancel(): void;
}

/** Everything that makes up one worker of a process. */
export interface WorkerSettings {
  id: string;
  model: string;
  engine: EngineConfig;
  dpSize: number;
  transfer: TransferModel | null;
  startupMs: number;
  tokenizer: Tokenizer;
  /** How long blocks wait for a decode worker to fetch them, model ms. Dynamo's handoff_session_timeout_ms: 300 000. */
  handoffTimeoutMs: number;
  /** Take `X-Request-Start` as the time of arrival: only where clients and workers share a clock. */
  trustRequestStart: boolean;
}

/** What observes a worker from inside: metrics, KV events, records of passes. */
export interface WorkerObserver {
  /** After the end of each pass, before the next begins; `load` is of its rank. */
  passEnded?(record: Omit<ForwardPassRecord, "seq">, load: EngineLoad): void;
  kvEvent?(dpRank: number, event: KvEvent, atMs: number): void;
  preempted?(): void;
}

/** A worker without its HTTP surface: engines on the wall clock. */
export interface Worker {
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly state: WorkerCard["state"];
  /** Resolves when the start-up time is over. */
  readonly ready: Promise<void>;
  /** A reason where the generation can never be served; it has not begun then. */
  neverFits(promptTokens: number, outputTokens: number): string | null;
  submit(generation: Generation, listener: GenerationListener): GenerationHandle;
  /** As of now, per rank. */
  load(): EngineLoad[];
  /** Block ids of KV events by content: chained hashes as Dynamo has them (xxh3-64, seed 1337). */
  blockIdentity(blockId: number): BlockIdentity | null;
  clearKvBlocks(): void;
  observe(observer: WorkerObserver): void;
  /** Takes nothing new; resolves when the last generation has left. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): void;
}

/** What a full block holds. */
export interface BlockIdentity {
  /** Chained: equal for equal content and equal prefix. */
  sequenceHash: bigint;
  /** Of the block's own tokens. */
  tokensHash: bigint;
  parentSequenceHash: bigint | null;
  tokenIds: Int32Array;
}
