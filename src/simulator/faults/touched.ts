import type { FaultRecord } from "#src/record";

/** What can become of a request by a fault, as its record counts it. */
type Effect = "requests" | "retried" | "failed";

/** Counts requests in the records of faults, each once, however often the fault struck it. */
export class TouchedRequests {
  readonly #bytes: number;
  readonly #seen = new Map<FaultRecord, Map<Effect, Uint8Array>>();

  /** @param count requests of the run */
  constructor(count: number) {
    this.#bytes = Math.ceil(count / 8);
  }

  /** What befalls a request touches it, too. */
  add(record: FaultRecord, request: number, effect: Effect = "requests"): void {
    if (effect !== "requests") this.add(record, request);
    const effects = this.#seen.get(record) ?? new Map<Effect, Uint8Array>();
    this.#seen.set(record, effects);
    const bits = effects.get(effect) ?? new Uint8Array(this.#bytes);
    effects.set(effect, bits);
    const bit = 1 << (request & 7);
    if ((bits[request >> 3]! & bit) !== 0) return;
    bits[request >> 3]! |= bit;
    record[effect]++;
  }
}
