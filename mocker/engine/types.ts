/** The part an engine plays. A prefill engine stops after the first token and holds the blocks for a transfer. */
export type EngineRole = "aggregated" | "prefill" | "decode";

/**
 * Times of a forward pass. `t` and the sums count tokens of one pass; results are ms before any speed-up.
 * Models that price prompts chunk by chunk answer `chunkWorkMs`; the engine adds it up and hands the sum back.
 */
export interface TimingModel {
  readonly kind: "fixed" | "polynomial" | "table" | "profile" | "estimator";
  /** Marginal work of computing tokens [start, end) of a prompt, ms; 0 where the model only looks at sums. */
  chunkWorkMs(startTokens: number, endTokens: number): number;
  /** @param newTokens prompt tokens computed in this pass @param chunkWorkMs Σ of `chunkWorkMs` over its chunks */
  prefillMs(batch: number, newTokens: number, cachedTokens: number, chunkWorkMs: number): number;
  /** @param activeKvTokens Σ context of the decoding sequences @param meanContext their mean */
  decodeMs(batch: number, activeKvTokens: number, meanContext: number): number;
  /** Times the model was asked beyond what it was made from. */
  extrapolations(): number;
}

/** Switches for what dynosim.md §12 lists; all false is the sensible behaviour, all true is DynoSim 1.6.1. */
export interface EngineQuirks {
  /** 1: mean lengths are floored before they are multiplied with the batch. */
  integerMeans: boolean;
  /** 2: a re-admitted request pays for prompt tokens and one decode step, not for its generated tokens. */
  freeOutputRecompute: boolean;
  /** 3: fifo preemption of an earlier request skips the request behind the current one. */
  fifoSkipsNext: boolean;
  /** 4: recomputing on a decode worker costs no prefill time. */
  freeDecodeRecompute: boolean;
  /**
   * 5: one reservation is tried per trigger instead of all that fit, and one that found no room again only once blocks were released.
   */
  oneReservationPerTrigger: boolean;
  /** 6: a computed block whose content is cached already stays a block of its own. */
  duplicateBlocks: boolean;
  /** 7: a prompt is admitted where all of it fits, but gets the blocks of its chunk alone; the batch may take the rest. */
  gateWithoutReservation: boolean;
  /** 8: with a speed-up the duration is rounded to ns before and after the division. */
  doubleRounding: boolean;
  /** 9: a request that can never finish aborts the run instead of being rejected. */
  abortOnStuck: boolean;
  /**
   * Not on that list, but in recorded runs: on a decode worker transferred requests alone are admitted while a reservation
   * is queued; else requests are admitted in their order, so that transferred ones wait behind a preempted one that doesn't fit.
   * A preempted one queues at the front, but behind requests on their way whose reservation is older.
   */
  reservationsFirst: boolean;
  /** Nor on that list: the first token of a transferred request takes nothing of the token budget, and needs none. */
  freeTransferredToken: boolean;
  /** 16: `fixed` timing charges prefill once per pass, not per prompt. */
  fixedPrefillPerPass: boolean;
  /**
   * 13: sglang gives a running request the slot of its next token when the one before is out, the last token included;
   * where prompts that end together don't find all of theirs, none of them emits.
   */
  slotAhead: boolean;
  /** sglang admits into cached pages that the request itself, or one admitted before it, is about to hold. */
  hitsCountAsRoom: boolean;
  /** A conservativeness above 1/0.7 makes sglang keep more room than the whole output may take. */
  unclampedReserve: boolean;
}

/** Whose scheduler an engine plays. */
export type EngineFamily = "vllm" | "trtllm" | "sglang";

/** What only an engine of the family `sglang` looks at; its pages are `blockSize` tokens. */
export interface SglangOptions {
  /** Order of the queue: as it came, or the longest cached prefix first. */
  schedulePolicy: "fifo" | "lpm";
  /** Prompt tokens of a prefill batch. */
  maxPrefillTokens: number;
  /** Tokens of a prefill batch; a longer prompt is cut to a multiple of the block size. */
  chunkedPrefillSize: number;
  /** Most output tokens that a request's reservation counts. */
  clipMaxNewTokens: number;
  /** Share of the reserved output that is kept free, before it decays. */
  scheduleConservativeness: number;
}

/** Tokens that are drafted ahead of a decode step, which accepts a run of them. */
export interface SpeculativeDecoding {
  /** Chance of each draft token to be accepted if those before it were, 0..1; 1 to 5 of them. */
  acceptRates: readonly number[];
  /** Of the draws, a whole number; each engine of a pool adds its place. */
  seed: number;
}

/** Host memory behind the KV cache, and the way from there to the GPU; of each data-parallel rank. */
export interface KvOffload {
  /** Blocks that host memory holds. */
  hostBlocks: number;
  /** Bytes of a block, of all layers and heads. */
  bytesPerBlock: number;
  /** From host memory to the GPU; loads go one after the other. */
  bytesPerSecond: number;
}

export interface EngineConfig {
  family: EngineFamily;
  sglang: SglangOptions;
  role: EngineRole;
  numGpuBlocks: number;
  blockSize: number;
  maxNumSeqs: number;
  maxNumBatchedTokens: number;
  /** Longest prompt + output, tokens; null: unlimited. */
  maxModelLen: number | null;
  prefixCaching: boolean;
  chunkedPrefill: boolean;
  preemption: "lifo" | "fifo";
  /** Share of the blocks kept free at admission, 0..1. */
  watermark: number;
  /**
   * Data-parallel ranks that decode compute prompts in every so many steps alone (vLLM). A single rank takes no notice of it,
   * as DynoSim 1.6.1's doesn't.
   */
  prefillScheduleInterval: number;
  /**
   * Decode passes that come after each pass with prompts before the next one, as long as anybody runs (SGLang); 0: prompts are computed
   * whenever any are admitted.
   */
  prefillDecodeInterval: number;
  /** Divides all durations; decode is divided by both. 0: everything takes no time. */
  speedupRatio: number;
  decodeSpeedupRatio: number;
  /** null: one token a step. */
  speculative: SpeculativeDecoding | null;
  /** null: what the KV cache evicts is gone. */
  kvOffload: KvOffload | null;
  /** Share of an answer that is reasoning, 0..1: its leading tokens. 0: the model does not reason. */
  thinkingRatio: number;
  /**
   * As DynoSim's SGLang where prefill and decode are apart: requests have their pages on a decode worker before they are computed, a
   * reservation needs no seat, and what a prefill worker has computed is found by others once it has been transferred. For runs without faults.
   */
  reservesFirst: boolean;
  timing: TimingModel;
  quirks: EngineQuirks;
  /** Report KV events to the listener: of all blocks, or of those alone whose content other requests may share. */
  kvEvents: boolean | "shared";
}

/**
 * All requests an engine may be handed, in columns shared by every engine of a run; the index is the request's id.
 * `blockIds[blockOffset[i] .. blockOffset[i+1])` names the content of request i's leading full blocks (engine block
 * size): equal id = equal content and equal prefix. Later prompt blocks, and all where `blockIds` is null, are unique.
 */
export interface RequestColumns {
  isl: Int32Array;
  osl: Int32Array;
  blockOffset: Int32Array | null;
  blockIds: Int32Array | null;
  /** How often each request has come before: what it generates is another text each time. Absent: nobody comes twice. */
  attempt?: Uint16Array;
}

/**
 * The same by request, for engines whose requests come one by one and are forgotten again (live workers). A request id may
 * be used again once its request has left, if `contentId` names every full block of prompt and output.
 */
export interface RequestSource {
  isl(request: number): number;
  osl(request: number): number;
  /** Content of the full block at `blockIndex` of prompt and output: equal id = equal content and equal prefix. */
  contentId(request: number, blockIndex: number): number;
  /**
   * Where to read the contents of the leading full blocks that other requests may have as well: `ids[from .. end)`. Those behind them are
   * the request's own, the id of each one less than that of the block before. Absent: anybody may have any of them.
   */
  sharedContents?(request: number): { ids: Int32Array; from: number; end: number };
}

/** KV cache events as values: of GPU memory. A unique block of request r at index b has the content id −1 − (r · 2²⁰ + b). */
export type KvEvent = { kind: "stored"; blockId: number } | { kind: "removed"; blockId: number };

/** What an engine tells while it runs; times in ms. Called in the order things happen. */
export interface EngineListener {
  /** Enters the running batch. `reusedTokens` came from the prefix cache, the last `hostTokens` of them come from host memory. */
  admitted(request: number, atMs: number, reusedTokens: number, hostTokens: number): void;
  firstToken(request: number, atMs: number): void;
  secondToken(request: number, atMs: number): void;
  /** The first token that is not reasoning, where the model reasons; the first one of all where it does not for this request. */
  firstOutputToken?(request: number, atMs: number): void;
  /** Every token, the first included; only the stepping engine tells. `index` counts from 0. */
  token?(request: number, atMs: number, index: number): void;
  /** Last token is out; blocks and seat are free. `outputTokens` may be less than asked where the model length cut it. */
  finished(request: number, atMs: number, outputTokens: number): void;
  preempted(request: number, atMs: number): void;
  /** Rejected after it had been queued (it can never be scheduled). */
  rejected(request: number, atMs: number, reason: string): void;
  /** `weight` equal gaps between consecutive tokens. */
  gap(gapMs: number, weight: number): void;
  /** Prefill engine: prompt computed, blocks held until `release`. */
  held(request: number, atMs: number): void;
  /** Decode engine: blocks reserved; `transferTokens` must travel (all of the prompt, or what was not cached here). */
  reserved(request: number, atMs: number, missingTokens: number): void;
  activated(request: number, atMs: number): void;
  released(request: number, atMs: number): void;
  kvEvent(event: KvEvent, atMs: number): void;
  /** The same of host memory; only the stepping engine tells. What moves there is stored there before it is removed here. */
  hostKvEvent?(event: KvEvent): void;
}

/** Load of an engine after its last committed pass; what routers and planners see. */
export interface EngineLoad {
  running: number;
  waiting: number;
  /** Prompt tokens waiting or half computed. */
  queuedPrefillTokens: number;
  /** Σ context tokens of running requests. */
  kvTokens: number;
  /** Of those, the ones that are computed: not the newest of each, nor what a prompt or a recomputation still lacks. */
  computedTokens: number;
  usedBlocks: number;
  /** Duration of the last finished pass, ms; NaN before the first. */
  lastPassMs: number;
  /** Decoding sequences and Σ context of that pass. */
  lastDecodeBatch: number;
  lastDecodeKvTokens: number;
}

/** What a forward pass computes, and what it leaves waiting; variances are population variances, tokens². */
export interface PassBatch {
  scheduled: {
    /** Prompts of which a part is computed. */
    prefillRequests: number;
    /** Tokens of them that are computed in this pass. */
    prefillTokens: number;
    /** Of whole prompts. */
    prefillLengthVariance: number;
    /** Context of those prompts that was in the cache already. */
    prefillKvTokens: number;
    decodeRequests: number;
    decodeKvTokens: number;
    decodeKvVariance: number;
  };
  queued: {
    prefillRequests: number;
    /** Of whole prompts. */
    prefillTokens: number;
    prefillLengthVariance: number;
    /** Preempted, or with a prompt that was computed elsewhere. */
    decodeRequests: number;
    decodeKvTokens: number;
    decodeKvVariance: number;
  };
}

type Unspread<Batch> = Omit<Batch, "prefillLengthVariance" | "decodeKvVariance">;

/** The last pass that is over, without variances. */
export interface FinishedPass {
  endMs: number;
  durationMs: number;
  scheduled: Unspread<PassBatch["scheduled"]>;
  queued: Unspread<PassBatch["queued"]>;
}

export interface PassCounters {
  passes: number;
  steadyPasses: number;
  skippedPasses: number;
  scheduledPrefillTokens: number;
  preemptions: number;
  /** Those from host memory included. */
  prefixHitTokens: number;
  /** Of those, loaded from host memory. */
  hostHitTokens: number;
  /** Σ of what the loads took, ms. */
  hostLoadMs: number;
  evictedBlocks: number;
  /** With speculative decoding: decode steps of sequences, what was drafted for them, and what of it was accepted. */
  drafts: number;
  draftTokens: number;
  acceptedDraftTokens: number;
  /** Σ of the prefill shares of all passes, ms. */
  prefillMs: number;
}

/**
 * One scheduler (one data-parallel rank), a state machine: time comes in, events go to the listener.
 * The owner calls `start` when the engine is between passes and has work, delivers input (`submit`, `reserve`, `activate`,
 * `release`, `cancel`) at any time after `interrupt`, and calls `complete` at the time `start` or `interrupt` returned.
 * Input that arrives during a pass waits for its end.
 */
export interface Engine {
  readonly config: EngineConfig;
  readonly counters: PassCounters;
  /** False between passes. */
  readonly busy: boolean;
  /** Something is waiting or running, so that `start` would begin a pass. */
  hasWork(): boolean;
  /** Nothing queued, running, held, reserved or in transfer. */
  isEmpty(): boolean;
  /**
   * Begins the next pass, or a plan of several, at most `mostPasses`, and returns when `complete` is due. NaN: nothing could
   * be scheduled.
   */
  start(nowMs: number, mostPasses?: number): number;
  /**
   * Tells that input comes at `nowMs`, during a plan. Passes of the plan that have not begun are given up where that input
   * could change them (`passesBeginFirst`: a pass beginning exactly now counts as begun). Returns when `complete` is due
   * now; a time that is not after `nowMs` asks for `complete` before the input is delivered.
   */
  interrupt(nowMs: number, input: "request" | "command", passesBeginFirst: boolean): number;
  /** Passes of the plan under way; 0 between passes. */
  readonly plannedPasses: number;
  /** When pass `index` of the plan ends on its own, should it begin at `beginMs` (the first began when the plan did). */
  passEndMs(index: number, beginMs: number): number;
  /** The plan is its first `passes` passes, and they end at these times: of data-parallel ranks the slowest decides. */
  lockTo(endsMs: Float64Array, passes: number): void;
  /**
   * While it decodes, passes that begin now compute no prompts, save what one token completes, and unless the last pass that
   * did left somebody waiting. Decode engines take no notice.
   */
  holdPrefill: boolean;
  /** Blocks in host memory, after the last pass that has been completed. */
  readonly hostBlocks: number;
  /**
   * Between passes: when it may begin one without any input, because KV arrives from host memory; Infinity where nothing is on
   * its way. The owner calls `start` then, where nothing could be scheduled before.
   */
  readonly wakeMs: number;
  /** Ends what `start` began. */
  complete(): void;
  /** The run is over at `nowMs`: passes that have ended by then have happened, the one under way never ends. */
  stop(nowMs: number): void;
  /** Queues a request; a reason where it can never fit (nothing is queued then). */
  submit(request: number, nowMs: number): string | null;
  /** Decode: a request whose prompt was computed elsewhere wants blocks here. */
  reserve(request: number, nowMs: number): void;
  /** Decode: the transfer is done. */
  activate(request: number, nowMs: number): void;
  /** Prefill: the blocks of a held request may go. */
  release(request: number, nowMs: number): void;
  /** Frees whatever the request holds. */
  cancel(request: number, nowMs: number): void;
  /** As of `nowMs`, which lies within what `start` began, or after it. */
  load(nowMs: number): EngineLoad;
  /** To be called before the first pass by who wants `finishedPass`; it costs a little at every pass. */
  recordPasses(): void;
  /** As of `nowMs`, like `load`; null before the first pass, or where passes are not recorded. */
  finishedPass(nowMs: number): FinishedPass | null;
}

/** An engine that goes pass by pass: what live workers run. It tells every token, and what its passes compute. */
export interface LiveEngine extends Engine {
  interrupt(): number;
  stop(): void;
  load(): EngineLoad;
  finishedPass(): FinishedPass | null;
  /**
   * Drops every cached block that no request owns, at any time; the listener is not told. Returns their contents, and
   * whether the cache holds nothing at all now.
   */
  clearCache(): { removed: number[]; empty: boolean };
  /** Of the pass under way, or of the last one; `queued` as it was when that began. */
  lastBatch(): PassBatch;
  /** Of this instant: a batch that is under way, or none, and who waits now. */
  batchNow(): PassBatch;
}
