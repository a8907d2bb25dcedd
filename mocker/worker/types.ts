import type { Clock, Lateness } from "#common";
import type { EngineConfig, EngineLoad, KvEvent, PassBatch, PassCounters, TransferModel } from "#mocker/engine";
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
  /**
   * The body's `kv_transfer_params`. Decode role: the prefill worker's answer. Prefill role: with `do_remote_decode` the
   * blocks are held for a transfer; without, they go as soon as the prompt is computed.
   */
  kvTransfer?: KvTransferParams;
}

/**
 * Told what becomes of a generation. Calls come after the engine has handled an instant, first tokens before others;
 * never from within `submit`. Times are model ms. Any call may cancel any generation.
 */
export interface GenerationListener {
  /**
   * Into the running batch; again after each preemption. `cachedTokens`: the most that was found cached so far; `hostTokens`:
   * what comes from host memory this time.
   */
  admitted(atMs: number, cachedTokens: number, hostTokens: number): void;
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
  /**
   * How long a request may be on its way from its arrival to `submit`, real ms: it still joins the pass that began in
   * between. Default 1, and never as long as a pass.
   */
  settleMs?: number;
  /** Asked at the end of each KV transfer to this worker: true loses it. Absent: none is lost. */
  losesTransfer?: (requestId: string) => boolean;
  /** Where decode workers find this one; the host sets it. Absent: `held` names no address. */
  address?: { host: string; port: number };
}

/** What observes a worker from inside: metrics, KV events, records of passes. */
export interface WorkerObserver {
  /** After the end of each pass, before the next begins; `load` is of its rank. */
  passEnded?(record: ForwardPassRecord, load: EngineLoad): void;
  /** `Worker.blockIdentity` still answers for a block that is being removed. */
  kvEvent?(dpRank: number, event: KvEvent, atMs: number): void;
  /** The rank's whole cache was emptied at once; `kvEvent` does not tell of its blocks. */
  kvCleared?(dpRank: number, atMs: number): void;
  preempted?(): void;
}

/** KV blocks in host memory, and how many have moved there so far. */
export interface HostBlocks {
  inUse: number;
  stored: number;
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
  /** Per rank: the batch of the pass under way, if any, and who waits now. */
  batches(): PassBatch[];
  /** Block ids of KV events by content: chained hashes as Dynamo has them (xxh3-64, seed 1337). */
  blockIdentity(blockId: number): BlockIdentity | null;
  clearKvBlocks(): void;
  /** Prefill role: computed prompts that wait for a decode worker. Null for other roles. */
  readonly handoff: HandoffSource | null;
  /** Sums of the engines' counters over the ranks. */
  counters(): PassCounters;
  /** The same by data-parallel rank; they go on counting. */
  rankCounters(): readonly PassCounters[];
  /** KV blocks in host memory, by data-parallel rank. */
  rankHostBlocks(): readonly HostBlocks[];
  /** How late the worker woke up for the ends of passes so far, real ms. */
  lag(): Lateness;
  observe(observer: WorkerObserver): void;
  /** Generations that are here, those that wait for a hand-off included; `taken`: all that ever came. */
  census(): { withoutToken: number; withToken: number; taken: number };
  /** Passes that begin from now on take so many times as long as usual; Infinity: none begins until this is called again. */
  setPace(factor: number): void;
  /** Takes nothing new; resolves when the last generation has left. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): void;
}

/** What is behind `/kv_transfer` of a prefill worker. */
export interface HandoffSource {
  /**
   * Resolves when the prompt of `requestId` is computed and its blocks are held, at once where they are.
   * @param timeoutMs model ms; absent: `handoffTimeoutMs`
   * @throws HandoffError `unknown` after the timeout (or the signal's abort), `failed` where the prompt was cancelled,
   *   released, aborted or has expired
   */
  wait(requestId: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<KvTransferParams>;
  /** The transfer is done: the blocks go. False where nothing is held (any more). @param atMs model time, the default is now */
  release(requestId: string, atMs?: number): boolean;
  /** Nobody will fetch them: cancels the prompt or frees its blocks; who waits is told. False where nothing is known of it. */
  abort(requestId: string): boolean;
  /** Requests whose blocks are held now. */
  readonly heldCount: number;
}

/** A decode worker's view of the prefill worker that holds its blocks. */
export interface KvPeer {
  /** Resolves when the blocks are held. @throws HandoffError */
  wait(requestId: string, signal: AbortSignal): Promise<KvTransferParams>;
  /** Resolves to false where the blocks were gone. @param atMs model time of the transfer's end @throws HandoffError */
  release(requestId: string, atMs: number): Promise<boolean>;
  abort(requestId: string): Promise<void>;
}

/** Finds the prefill worker that `params` name (`remote_host`, `remote_port`). */
export type KvPeers = (params: KvTransferParams) => KvPeer;

/** What a full block holds. */
export interface BlockIdentity {
  /** Chained: equal for equal content and equal prefix. */
  sequenceHash: bigint;
  /** Of the block's own tokens. */
  tokensHash: bigint;
  parentSequenceHash: bigint | null;
  tokenIds: Int32Array;
}
