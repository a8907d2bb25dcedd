import { chance, Draw } from "./chance.ts";

/** What clients do where no answer comes, or a bad one. */
export interface ClientBehaviour {
  /** They give up on an attempt that has not ended after this long, ms; null: never. */
  timeoutMs: number | null;
  /** They give up on an attempt whose first token has not come after this long, ms; null: never. */
  firstTokenTimeoutMs: number | null;
  /** Attempts after the first one. */
  retries: number;
  /** Before the first retry, ms. */
  backoffMs: number;
  /** Each later wait is this many times the one before. */
  backoffFactor: number;
  /** Share of a wait by which it is drawn shorter or longer, 0..1. */
  jitter: number;
}

/** Clients that wait for ever, and try once. */
const PATIENT: ClientBehaviour = {
  timeoutMs: null,
  firstTokenTimeoutMs: null,
  retries: 0,
  backoffMs: 0,
  backoffFactor: 1,
  jitter: 0,
};

/** What clients need to know of the run that they are in, and may do there. */
export interface ClientSide {
  at(atMs: number, act: () => void): void;
  /** An attempt of the request is under way. */
  waits(request: number): boolean;
  /** Its first token has come. */
  hasToken(request: number): boolean;
  /** The client gives the attempt up. */
  giveUp(request: number, atMs: number): void;
}

/** Who sends the requests of a run, virtual or live: how long they wait for an answer, and how often they try again. */
export class Clients {
  readonly #behaviour: ClientBehaviour;
  readonly #seed: number;
  readonly #side: ClientSide;
  /** Attempts that have come to nothing, by request. */
  readonly #failed: Uint8Array;

  /** @param behaviour null: they are patient @param count requests of the workload */
  constructor(behaviour: ClientBehaviour | null, seed: number, count: number, side: ClientSide) {
    this.#behaviour = behaviour ?? PATIENT;
    this.#seed = seed;
    this.#side = side;
    this.#failed = new Uint8Array(count);
  }

  /** An attempt begins. */
  sent(request: number, nowMs: number): void {
    const { timeoutMs, firstTokenTimeoutMs } = this.#behaviour;
    if (timeoutMs !== null) this.#giveUpAt(nowMs + timeoutMs, request, () => true);
    if (firstTokenTimeoutMs !== null) {
      this.#giveUpAt(nowMs + firstTokenTimeoutMs, request, () => !this.#side.hasToken(request));
    }
  }

  /**
   * An attempt has come to nothing: it was given up, or its answer was bad.
   * @returns when the request is sent once more; null: not any more
   */
  failed(request: number, atMs: number): number | null {
    const { retries, backoffMs, backoffFactor, jitter } = this.#behaviour;
    const before = this.#failed[request]!;
    if (before >= retries) return null;
    this.#failed[request]!++;
    const drawn = 1 + jitter * (2 * chance(this.#seed, Draw.clientWait, request, before) - 1);
    return atMs + backoffMs * backoffFactor ** before * drawn;
  }

  #giveUpAt(atMs: number, request: number, stillWaits: () => boolean): void {
    const failed = this.#failed[request];
    this.#side.at(atMs, () => {
      if (!this.#side.waits(request) || this.#failed[request] !== failed || !stillWaits()) return;
      this.#side.giveUp(request, atMs);
    });
  }
}
