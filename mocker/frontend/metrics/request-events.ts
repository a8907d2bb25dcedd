import type { RequestEvent } from "#mocker/protocol";

/** An event before it has its number. */
export type NewRequestEvent = RequestEvent extends infer E ? (E extends RequestEvent ? Omit<E, "seq"> : never) : never;

/** The last events of all requests; old ones fall out. */
export class RequestEvents {
  readonly #ring: RequestEvent[] = [];
  readonly #capacity: number;
  #seq = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of the last event; the first is 1. */
  get lastSeq(): number {
    return this.#seq;
  }

  push(event: NewRequestEvent): void {
    const numbered = event as RequestEvent;
    numbered.seq = ++this.#seq;
    this.#ring[(this.#seq - 1) % this.#capacity] = numbered;
  }

  /** Events with a number above `seq`, oldest first; those that fell out are missing. */
  since(seq: number): RequestEvent[] {
    const first = Math.max(seq + 1, this.#seq - this.#capacity + 1, 1);
    const events: RequestEvent[] = [];
    for (let number = first; number <= this.#seq; number++) events.push(this.#ring[(number - 1) % this.#capacity]!);
    return events;
  }
}
