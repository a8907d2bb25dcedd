import { mostSharedBlocks } from "../no-evict.ts";
import { IntDeque } from "./int-deque.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

/** The disaggregated side of an engine: prompts held for a transfer, blocks reserved for one, requests on the way. */
export class HandOff {
  readonly #engine: SkippingEngine;
  /** Prompts whose blocks wait for their transfer. */
  heldCount = 0;
  readonly #reservations = new IntDeque();
  /** Waiting requests whose KV still travels. */
  inTransferCount = 0;
  /** How often blocks had been released when a reservation last found no room; −1: it has not. */
  #refusedAfter = -1;
  #granted = 0;

  constructor(engine: SkippingEngine) {
    this.#engine = engine;
  }

  get reservationCount(): number {
    return this.#reservations.length;
  }

  *reservations(): Generator<number> {
    for (let i = 0; i < this.#reservations.length; i++) yield this.#reservations.at(i);
  }

  hold(request: number): void {
    this.#engine.store.flags[request]! |= Flag.held;
    this.heldCount++;
    this.#engine.blocks.dropPromise(request);
  }

  /** Where a preempted request queues: at the front, but behind those on their way whose reservation is older than its own. */
  placeOfPreempted(victim: number): number {
    const { config, store, waiting } = this.#engine;
    if (!config.quirks.reservationsFirst || this.inTransferCount === 0) return 0;
    const numbers = store.reservations();
    const isBefore = (request: number) =>
      (store.flags[request]! & Flag.inTransfer) !== 0 && numbers[request]! < numbers[victim]!;
    let place = 0;
    while (place < waiting.length && isBefore(waiting.at(place))) place++;
    return place;
  }

  queueReservation(request: number): void {
    this.#reservations.pushBack(request);
  }

  /** Whoever is at the head now has not been refused. */
  forgetRefusal(): void {
    this.#refusedAfter = -1;
  }

  /** Whether any was granted. */
  tryReservations(): boolean {
    const { config, blocks } = this.#engine;
    const { oneReservationPerTrigger } = config.quirks;
    let any = false;
    while (this.#reservations.length > 0 && this.#engine.runningCount < config.maxNumSeqs) {
      if (oneReservationPerTrigger && this.#refusedAfter === blocks.releases) break;
      if (!this.#reserve(this.#reservations.at(0))) break;
      this.#reservations.removeAt(0);
      any = true;
      if (oneReservationPerTrigger) break;
    }
    return any;
  }

  #reserve(request: number): boolean {
    const { blocks, store, config, waiting, listener, nowMs } = this.#engine;
    const isl = store.columns.isl[request]!;
    blocks.lookup(request, mostSharedBlocks(config, isl));
    const hits = blocks.hitCount;
    const all = Math.ceil(isl / config.blockSize);
    if (blocks.neededRoom(request, all) > blocks.pool.room) {
      this.#refusedAfter = blocks.releases;
      return false;
    }
    blocks.takeHits(request);
    blocks.promise(request);
    blocks.grow(request, isl);
    store.flags[request]! |= Flag.inTransfer;
    this.inTransferCount++;
    waiting.pushBack(request);
    if (config.quirks.reservationsFirst) store.reservations()[request] = ++this.#granted;
    listener.reserved(request, nowMs, (all - hits) * config.blockSize);
    return true;
  }

  activate(request: number): void {
    const { store, blocks, listener, nowMs } = this.#engine;
    if ((store.flags[request]! & Flag.inTransfer) === 0) return;
    store.flags[request] = (store.flags[request]! & ~Flag.inTransfer) | Flag.transferred;
    this.inTransferCount--;
    const isl = store.columns.isl[request]!;
    blocks.fill(request, 0, isl);
    store.computed[request] = isl - 1;
    listener.activated(request, nowMs);
    this.tryReservations();
  }

  releaseHeld(request: number): void {
    const { blocks, store, listener, nowMs } = this.#engine;
    if ((store.flags[request]! & Flag.held) === 0) return;
    store.flags[request]! &= ~Flag.held;
    this.heldCount--;
    blocks.releaseFinished(request, store.computed[request]!);
    listener.released(request, nowMs);
  }

  /** Forgets a request that only waits for a reservation; false where there is none. */
  dropReservation(request: number): boolean {
    const at = this.#reservations.indexOf(request);
    if (at < 0) return false;
    this.#reservations.removeAt(at);
    return true;
  }
}
