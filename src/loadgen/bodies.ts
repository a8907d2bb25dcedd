/** Bodies made before they are due, so that making one is not on a request's way. */
export class Bodies {
  readonly #make: (request: number) => Buffer;
  readonly #upcoming: () => number;
  readonly #made = new Map<number, Buffer>();
  #making = false;
  #closed = false;

  /** @param upcoming a request that comes soon and has no body yet, or −1 */
  constructor(make: (request: number) => Buffer, upcoming: () => number) {
    this.#make = make;
    this.#upcoming = upcoming;
  }

  has(request: number): boolean {
    return this.#made.has(request);
  }

  prepare(request: number): void {
    if (!this.#made.has(request)) this.#made.set(request, this.#make(request));
  }

  /** The body, which is then forgotten. */
  take(request: number): Buffer {
    const made = this.#made.get(request);
    if (made === undefined) return this.#make(request);
    this.#made.delete(request);
    return made;
  }

  /** Makes one body after the other, a turn of the event loop each, while there are upcoming ones. */
  makeAhead(): void {
    if (this.#making || this.#closed) return;
    const request = this.#upcoming();
    if (request < 0) return;
    this.#making = true;
    setImmediate(() => {
      this.#making = false;
      if (this.#closed) return;
      this.prepare(request);
      this.makeAhead();
    });
  }

  close(): void {
    this.#closed = true;
    this.#made.clear();
  }
}
