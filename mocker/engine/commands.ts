/** What an engine is told of a request that it has: its KV cache has arrived, is no longer needed here, or nobody wants the answer. */
export type CommandKind = "activate" | "release" | "cancel";

type CommandHandlers = Record<CommandKind, (request: number) => void>;

/** Commands to an engine, which are taken between passes only. */
export class Commands {
  readonly #handlers: CommandHandlers;
  /** Those that wait for the pass to end, index-aligned. */
  #kinds: CommandKind[] = [];
  #requests: number[] = [];

  constructor(handlers: CommandHandlers) {
    this.#handlers = handlers;
  }

  /** Those that wait for the pass to end. */
  get length(): number {
    return this.#kinds.length;
  }

  /** At once, or where a pass is under way at its end. */
  give(kind: CommandKind, request: number, isBusy: boolean): void {
    if (isBusy) {
      this.#kinds.push(kind);
      this.#requests.push(request);
    } else {
      this.#take(kind, request);
    }
  }

  /** A pass is over. */
  betweenPasses(): void {
    if (this.#kinds.length === 0) return;
    const kinds = this.#kinds;
    const requests = this.#requests;
    this.#kinds = [];
    this.#requests = [];
    for (let i = 0; i < kinds.length; i++) this.#take(kinds[i]!, requests[i]!);
  }

  #take(kind: CommandKind, request: number): void {
    if (kind === "activate") this.#handlers.activate(request);
    else if (kind === "release") this.#handlers.release(request);
    else this.#handlers.cancel(request);
  }
}
