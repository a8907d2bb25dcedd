import { type CommandKind, Commands } from "../commands.ts";
import type { SglangSequence } from "./sequence.ts";
import type { SglangEngine } from "./stepping.ts";

/** What an engine has to do with others: prompts that leave with a transfer or come with one, and cancellations. */
export class HandOff {
  readonly #engine: SglangEngine;
  /** Prefill worker: computed prompts whose pages wait for their transfer. */
  readonly #held = new Map<number, SglangSequence>();
  /** Decode worker: requests that want pages here, first in, first out. */
  readonly reservations: SglangSequence[] = [];
  /** How often pages had been released when the first of them last found no room; −1: it has not. */
  #refusedAfter = -1;
  /** With pages here, their prompts on the way. */
  readonly #travelling: SglangSequence[] = [];
  /** Their prompts have come; they want a seat, in the order in which they came. */
  readonly arrived: SglangSequence[] = [];
  readonly #commands = new Commands({
    activate: (request) => this.#activate(request),
    release: (request) => this.#release(request),
    cancel: (request) => this.#cancel(request),
  });

  constructor(engine: SglangEngine) {
    this.#engine = engine;
  }

  /** Computed prompts are found by others once they have left. */
  get publishes(): boolean {
    const { role, reservesFirst } = this.#engine.config;
    return reservesFirst && role === "prefill";
  }

  get isEmpty(): boolean {
    return this.#held.size + this.#commands.length + this.waiting === 0;
  }

  /** Pages will come back, or a prompt will arrive, without any pass. */
  get isPending(): boolean {
    return this.#held.size + this.#travelling.length > 0;
  }

  /** Requests for this worker whose prompts are computed elsewhere. */
  get waiting(): number {
    return this.reservations.length + this.#travelling.length + this.arrived.length;
  }

  /** Waiting requests, and those for this worker that have pages by now. */
  with(waiting: readonly SglangSequence[]): readonly SglangSequence[] {
    const { arrived } = this;
    return arrived.length + this.#travelling.length === 0 ? waiting : [...waiting, ...arrived, ...this.#travelling];
  }

  reserve(sequence: SglangSequence): void {
    this.reservations.push(sequence);
    if (!this.#engine.busy) this.tryReservations();
  }

  hold(sequence: SglangSequence): void {
    this.#held.set(sequence.id, sequence);
    if (this.publishes) this.#engine.pages.tell(sequence, sequence.isl);
    this.#engine.listener.held(sequence.id, this.#engine.nowMs);
  }

  command(kind: CommandKind, request: number, nowMs: number): void {
    const { busy } = this.#engine;
    if (!busy) this.#engine.nowMs = nowMs;
    this.#commands.give(kind, request, busy);
  }

  /** A pass is over. */
  betweenPasses(): void {
    this.tryReservations();
    this.#commands.betweenPasses();
  }

  tryReservations(): void {
    const { config, running } = this.#engine;
    const { oneReservationPerTrigger } = config.quirks;
    // What others have published since then is not looked at.
    if (oneReservationPerTrigger && this.#refusedAfter === this.#engine.pages.releases) return;
    while (this.reservations.length > 0 && (config.reservesFirst || running.length < config.maxNumSeqs)) {
      if (!this.#tryReserve(this.reservations[0]!)) {
        this.#refusedAfter = this.#engine.pages.releases;
        return;
      }
      this.reservations.shift();
      if (oneReservationPerTrigger) return;
    }
  }

  /** Its prompt gets pages; all of it may be cached. */
  #tryReserve(sequence: SglangSequence): boolean {
    const { pages, listener, nowMs } = this.#engine;
    const hit = pages.lookup(sequence, sequence.isl);
    const missing = pages.pagesOf(sequence.isl) - hit.pages;
    if (missing + pages.cache.unheldPages(hit.node) > pages.cache.room) return false;
    pages.cache.touch(hit.whole);
    pages.hold(sequence, hit);
    pages.grow(sequence, sequence.isl);
    sequence.inTransfer = true;
    this.#travelling.push(sequence);
    listener.reserved(sequence.id, nowMs, missing * pages.pageTokens);
    return true;
  }

  #activate(request: number): void {
    const { pages, listener, nowMs } = this.#engine;
    const place = this.#travelling.findIndex(({ id }) => id === request);
    if (place < 0) return;
    const [sequence] = this.#travelling.splice(place, 1) as [SglangSequence];
    this.arrived.push(sequence);
    sequence.inTransfer = false;
    sequence.transferred = true;
    sequence.computed = sequence.isl - 1;
    pages.publish(sequence, sequence.isl);
    listener.activated(request, nowMs);
    this.tryReservations();
  }

  #release(request: number): void {
    const sequence = this.#held.get(request);
    if (sequence === undefined) return;
    this.#held.delete(request);
    if (this.publishes) this.#engine.pages.publish(sequence, sequence.isl);
    this.#engine.pages.release(sequence);
    this.#engine.listener.released(request, this.#engine.nowMs);
  }

  #cancel(request: number): void {
    const { running, waiting, pages } = this.#engine;
    for (const queue of [running, waiting, this.reservations, this.#travelling, this.arrived]) {
      const index = queue.findIndex((sequence) => sequence.id === request);
      if (index < 0) continue;
      pages.release(queue[index]!);
      queue.splice(index, 1);
    }
    this.#release(request);
    this.#refusedAfter = -1;
    this.tryReservations();
  }
}
