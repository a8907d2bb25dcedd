import type { KvTransferParams } from "#mocker/protocol";
import type { FinishedReason, SequenceRecord, WorkerMetrics } from "../../metrics/types.ts";
import type { Generation, GenerationHandle, GenerationListener, Worker } from "../../types.ts";
import type { WorkerContext } from "../context.ts";
import type { Plan } from "./plan.ts";

/** What an answer wants to know of its sequences. */
export interface SequenceOwner {
  token(sequence: Sequence, index: number): void;
  /** Its last token is out; or, on a prefill worker, its blocks are held. */
  ended(sequence: Sequence): void;
  failed(sequence: Sequence, reason: string, kind: "rejected" | "handoff" | "stopped"): void;
}

export interface SequenceSettings {
  /** Choice of the answer, from 0 over all its prompts. */
  index: number;
  promptTokens: Int32Array;
  plan: Plan;
  requestId: string;
  arrivalMs: number;
  dpRank: number;
  maxTokens: number | null;
  kvTransfer: KvTransferParams | null;
}

/** One sequence of an answer: keeps its times, tells the metrics, and hands its tokens on. */
export class Sequence implements GenerationListener {
  readonly index: number;
  readonly plan: Plan;
  readonly promptTokens: Int32Array;
  /** Tokens that have come. */
  emitted = 0;
  cachedTokens = 0;
  /** The prefill worker's answer. */
  heldParams: KvTransferParams | null = null;
  readonly #settings: SequenceSettings;
  readonly #context: WorkerContext;
  readonly #metrics: WorkerMetrics;
  readonly #owner: SequenceOwner;
  readonly #rank: number;
  readonly #arrivalMs: number;
  #admittedMs = Number.NaN;
  #firstTokenMs = Number.NaN;
  #lastTokenMs = Number.NaN;
  #handle: GenerationHandle | null = null;
  #state: "new" | "waiting" | "running" | "over" = "new";

  constructor(context: WorkerContext, owner: SequenceOwner, settings: SequenceSettings) {
    this.#context = context;
    this.#metrics = context.metrics;
    this.#owner = owner;
    this.#settings = settings;
    this.#rank = settings.dpRank;
    this.#arrivalMs = settings.arrivalMs;
    this.index = settings.index;
    this.plan = settings.plan;
    this.promptTokens = settings.promptTokens;
  }

  get started(): boolean {
    return this.#state !== "new";
  }

  /** Hands it to the engine. */
  start(worker: Worker): void {
    const { requestId, arrivalMs, dpRank, kvTransfer } = this.#settings;
    this.#state = "waiting";
    this.#context.waiting++;
    const generation: Generation = {
      requestId,
      promptTokens: this.promptTokens,
      outputTokens: this.plan.tokens,
      outputTokenId: this.plan.id,
      arrivalMs,
      dpRank,
      ...(kvTransfer === null ? {} : { kvTransfer }),
    };
    this.#handle = worker.submit(generation, this);
  }

  admitted(atMs: number, cachedTokens: number, hostTokens: number): void {
    // Again after a preemption: it counts the most that was found, as in the simulator.
    if (this.#state === "running") this.cachedTokens = cachedTokens;
    if (this.#state !== "waiting") return;
    this.#state = "running";
    this.#context.waiting--;
    this.#admittedMs = atMs;
    const { kvTransfer } = this.#settings;
    // Of a transferred prompt, what the prefill worker had cached: the cache here saved nothing.
    this.cachedTokens = cachedTokens;
    const transferred = kvTransfer?.do_remote_prefill === true;
    const cached = transferred ? 0 : cachedTokens;
    this.#metrics.admitted(this.#rank, this.promptTokens.length, cached, Math.min(hostTokens, cached), transferred);
  }

  token(index: number, atMs: number): void {
    if (this.#state === "over") return;
    this.emitted++;
    if (index === 0) {
      this.#firstTokenMs = atMs;
      this.#metrics.firstToken(this.#rank, atMs - this.#arrivalMs);
    } else {
      this.#metrics.nextToken(this.#rank, atMs - this.#lastTokenMs);
    }
    this.#lastTokenMs = atMs;
    this.#owner.token(this, index);
  }

  finished(atMs: number): void {
    if (this.#state === "over") return;
    if (Number.isNaN(this.#lastTokenMs)) this.#lastTokenMs = atMs;
    this.#end(this.plan.finishReason === "length" ? "length" : "stop");
    this.#owner.ended(this);
  }

  held(atMs: number, params: KvTransferParams): void {
    if (this.#state === "over") return;
    // A prefill engine tells no tokens: the one it has when the prompt is computed comes with the blocks.
    if (this.emitted === 0) this.token(0, atMs);
    if (this.#settings.kvTransfer?.do_remote_decode === true) this.heldParams = params;
    this.finished(atMs);
  }

  failed(reason: string, kind: "rejected" | "handoff" | "stopped"): void {
    if (this.#state === "over") return;
    this.#lastTokenMs = this.#context.clock.nowMs();
    this.#end("error");
    this.#owner.failed(this, reason, kind);
  }

  /** The client is gone, or the answer has failed. */
  abort(): void {
    if (this.#state === "over") return;
    if (this.#state === "new") {
      this.#state = "over";
      return;
    }
    this.#lastTokenMs = this.#context.clock.nowMs();
    this.#end("abort");
    this.#handle?.cancel();
  }

  #end(reason: FinishedReason): void {
    if (this.#state === "waiting") this.#context.waiting--;
    this.#state = "over";
    const record: SequenceRecord = {
      arrivalMs: this.#arrivalMs,
      admittedMs: this.#admittedMs,
      firstTokenMs: this.#firstTokenMs,
      lastTokenMs: this.#lastTokenMs,
      promptTokens: this.promptTokens.length,
      cachedTokens: this.cachedTokens,
      outputTokens: this.emitted,
      maxTokens: this.#settings.maxTokens,
    };
    this.#metrics.finished(this.#rank, reason, record);
  }
}
