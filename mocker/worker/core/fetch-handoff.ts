import type { Timer, TimerQueue } from "#common";
import type { KvTransferParams } from "#mocker/protocol";
import type { KvPeer } from "../types.ts";
import { TRANSFER_ORDER } from "./driver.ts";

/** What a decode worker does for a hand-off. */
export interface FetchSteps {
  /** Asks the engine for blocks, as of `atMs`. */
  reserve(atMs: number): void;
  /** The prompt's KV is here. */
  activate(atMs: number): void;
  /** Model time at which the prefill worker held the blocks, as far as it can be trusted. */
  heldAtMs(params: KvTransferParams): number;
  /** How long the transfer takes where so many prompt tokens are not cached here. */
  transferMs(missingTokens: number): number;
  /** Whether a transfer that ends now has brought nothing. */
  isLost(): boolean;
  failed(reason: string): void;
}

/**
 * A decode worker's side of one hand-off: ask the prefill worker where the request came here first, reserve blocks, wait for
 * the transfer, activate, release the blocks over there. Whatever ends it before that frees the other side, too.
 */
export class FetchHandoff {
  params: KvTransferParams;
  readonly #requestId: string;
  readonly #peer: KvPeer;
  readonly #timers: TimerQueue;
  readonly #steps: FetchSteps;
  readonly #asking = new AbortController();
  #timer: Timer | null = null;
  #over = false;

  constructor(params: KvTransferParams, requestId: string, peer: KvPeer, timers: TimerQueue, steps: FetchSteps) {
    this.params = params;
    this.#requestId = requestId;
    this.#peer = peer;
    this.#timers = timers;
    this.#steps = steps;
  }

  /** @param timeoutMs until blocks are reserved here, model ms */
  begin(nowMs: number, timeoutMs: number): void {
    this.#timer = this.#timers.at(nowMs + timeoutMs, () => this.#fail("the hand-off took too long"));
    if (this.params.held_at !== undefined) {
      this.#steps.reserve(this.#steps.heldAtMs(this.params));
      return;
    }
    this.#peer.wait(this.#requestId, this.#asking.signal).then(
      (params) => {
        if (this.#over) return;
        this.params = params;
        this.#steps.reserve(this.#steps.heldAtMs(params));
      },
      (error: unknown) => this.#fail(`the prefill worker has not computed it: ${messageOf(error)}`),
    );
  }

  reserved(atMs: number, missingTokens: number): void {
    if (this.#over) return;
    if (this.#timer !== null) this.#timers.cancel(this.#timer);
    const arrivalMs = atMs + this.#steps.transferMs(missingTokens);
    const arrive = () => {
      if (this.#steps.isLost()) this.#fail("the KV transfer was lost");
      else this.#steps.activate(arrivalMs);
    };
    this.#timer = this.#timers.at(arrivalMs, arrive, TRANSFER_ORDER);
  }

  /** @param hasBegun tells whether the request has a token already when the other side's answer comes */
  activated(atMs: number, hasBegun: () => boolean): void {
    if (this.#over) return;
    this.#over = true;
    const lost = (why: string) => {
      // A token that is out can't be taken back, and was computed from blocks that were there when it was.
      if (!hasBegun()) this.#steps.failed(`the prefill worker lost its blocks: ${why}`);
    };
    this.#peer.release(this.#requestId, atMs).then(
      (released) => {
        if (!released) lost("it holds them no more");
      },
      (error: unknown) => lost(messageOf(error)),
    );
  }

  /** The request has ended here. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) this.#timers.cancel(this.#timer);
    this.#asking.abort();
    // It may be gone already, and blocks that nobody fetches expire there.
    this.#peer.abort(this.#requestId).catch(() => {});
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.cancel();
    this.#steps.failed(reason);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
