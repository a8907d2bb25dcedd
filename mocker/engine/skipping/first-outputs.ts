import { firstOutputPlace } from "../thinking.ts";
import type { EngineListener } from "../types.ts";
import type { DecodeBatch } from "./decode-batch.ts";
import type { Plan } from "./plan.ts";
import type { SequenceStore } from "./sequence-store.ts";

/** Decoding requests that are still reasoning, by the pass that brings the first token after it. */
export class FirstOutputs {
  readonly #store: SequenceStore;
  readonly #batch: DecodeBatch;
  readonly #ratio: number;
  readonly #due = new Map<number, number[]>();

  constructor(store: SequenceStore, batch: DecodeBatch, ratio: number) {
    this.#store = store;
    this.#batch = batch;
    this.#ratio = ratio;
  }

  /** A request has joined the batch. */
  add(request: number): void {
    const pass = this.#passOf(request);
    if (pass <= this.#batch.pass) return;
    const due = this.#due.get(pass);
    if (due === undefined) this.#due.set(pass, [request]);
    else due.push(request);
  }

  /** A request leaves the batch before its end. */
  remove(request: number): void {
    const pass = this.#passOf(request);
    const left = this.#due.get(pass)?.filter((other) => other !== request) ?? [];
    if (left.length > 0) this.#due.set(pass, left);
    else this.#due.delete(pass);
  }

  /** All of them do. */
  clear(): void {
    this.#due.clear();
  }

  /** The next `count` passes of the batch are over: those of the plan. */
  tell(count: number, plan: Plan, listener: EngineListener): void {
    for (let i = 0; i < count && this.#due.size > 0; i++) {
      const pass = this.#batch.pass + 1 + i;
      const due = this.#due.get(pass);
      if (due === undefined) continue;
      this.#due.delete(pass);
      for (const request of due) listener.firstOutputToken?.(request, plan.endMs(i));
    }
  }

  /** 0, which is over, where all of the answer is reasoning. */
  #passOf(request: number): number {
    const osl = this.#store.osl[request]!;
    const place = firstOutputPlace(osl, this.#ratio);
    return place === 0 ? 0 : this.#store.endPass[request]! - (osl - place);
  }
}
