import type { Timer, TimerQueue } from "#common";
import type { KvTransferParams } from "#mocker/protocol";
import type { HandoffSource } from "../types.ts";
import { HandoffError } from "./errors.ts";

/** Hand-offs that are over, of which late comers are told at once. */
const REMEMBERED = 4096;

/** How the book ends what it keeps. */
export interface HeldBlocks {
  /** The blocks of a computed prompt go, as of `atMs`. */
  release(atMs: number): void;
  /** The prompt is not computed yet and need not be. */
  cancel(reason: string): void;
}

interface Entry {
  readonly blocks: HeldBlocks;
  /** Null until the prompt is computed. */
  params: KvTransferParams | null;
  expiry: Timer | null;
}

interface Waiter {
  resolve(params: KvTransferParams): void;
  reject(error: HandoffError): void;
}

/** A prefill worker's hand-offs by request id: who computes, who holds blocks, who waits for them. */
export class HandoffBook implements HandoffSource {
  readonly #timers: TimerQueue;
  readonly #timeoutMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #over = new Map<string, string>();
  #held = 0;

  /** @param timeoutMs how long blocks are held, and waited for, model ms */
  constructor(timers: TimerQueue, timeoutMs: number) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  get heldCount(): number {
    return this.#held;
  }

  /** A prompt is going to be computed whose blocks somebody will fetch. False where that id is in use. */
  expect(requestId: string, blocks: HeldBlocks): boolean {
    if (this.#entries.has(requestId)) return false;
    this.#over.delete(requestId);
    this.#entries.set(requestId, { blocks, params: null, expiry: null });
    return true;
  }

  held(requestId: string, params: KvTransferParams, atMs: number): void {
    const entry = this.#entries.get(requestId);
    if (entry === undefined || entry.params !== null) return;
    entry.params = params;
    this.#held++;
    entry.expiry = this.#timers.at(atMs + this.#timeoutMs, (expiredMs) => {
      this.#end(requestId, "its blocks were held for too long");
      entry.blocks.release(expiredMs);
    });
    this.#tell(requestId, (waiter) => waiter.resolve(params));
  }

  /** The prompt will not be computed. */
  failed(requestId: string, reason: string): void {
    if (this.#entries.has(requestId)) this.#end(requestId, reason);
  }

  wait(
    requestId: string,
    { timeoutMs = this.#timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<KvTransferParams> {
    const params = this.#entries.get(requestId)?.params;
    if (params) return Promise.resolve(params);
    const over = this.#over.get(requestId);
    if (over !== undefined) return Promise.reject(new HandoffError("failed", over));
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(requestId) ?? new Set();
      this.#waiters.set(requestId, waiters);
      const giveUp = () => {
        leave();
        reject(new HandoffError("unknown", `request ${requestId} was not computed here in time`));
      };
      const timer = this.#timers.at(this.#timers.nowMs() + timeoutMs, giveUp);
      const leave = () => {
        this.#timers.cancel(timer);
        signal?.removeEventListener("abort", giveUp);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#waiters.get(requestId) === waiters) this.#waiters.delete(requestId);
      };
      const waiter: Waiter = {
        resolve: (found) => {
          leave();
          resolve(found);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      waiters.add(waiter);
      if (signal?.aborted) giveUp();
      else signal?.addEventListener("abort", giveUp);
    });
  }

  release(requestId: string, atMs = this.#timers.nowMs()): boolean {
    const entry = this.#entries.get(requestId);
    if (entry === undefined || entry.params === null) return false;
    this.#end(requestId, "its blocks were fetched already");
    entry.blocks.release(atMs);
    return true;
  }

  abort(requestId: string): boolean {
    const entry = this.#entries.get(requestId);
    if (entry === undefined) return false;
    const isHeld = entry.params !== null;
    this.#end(requestId, "it was aborted");
    if (isHeld) entry.blocks.release(this.#timers.nowMs());
    else entry.blocks.cancel("the decode worker gave it up");
    return true;
  }

  /** Everybody who waits is told that it was for nothing. */
  close(reason: string): void {
    for (const requestId of [...this.#entries.keys()]) this.#end(requestId, reason);
    for (const requestId of [...this.#waiters.keys()]) {
      this.#tell(requestId, (waiter) => waiter.reject(new HandoffError("failed", reason)));
    }
  }

  #end(requestId: string, reason: string): void {
    const entry = this.#entries.get(requestId)!;
    this.#entries.delete(requestId);
    if (entry.expiry !== null) this.#timers.cancel(entry.expiry);
    if (entry.params !== null) this.#held--;
    this.#over.set(requestId, reason);
    if (this.#over.size > REMEMBERED) this.#over.delete(this.#over.keys().next().value!);
    this.#tell(requestId, (waiter) => waiter.reject(new HandoffError("failed", reason)));
  }

  #tell(requestId: string, tell: (waiter: Waiter) => void): void {
    for (const waiter of [...(this.#waiters.get(requestId) ?? [])]) tell(waiter);
  }
}
