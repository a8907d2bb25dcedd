/** What an engine is told of a request that it has: its KV cache has arrived, is no longer needed here, or nobody wants the answer. */
export type CommandKind = "activate" | "release" | "cancel";

type CommandHandlers = Record<CommandKind, (request: number) => void>;

/** Commands to an engine, which are taken between passes only. */
export class Commands {
  readonly #handlers: CommandHandlers;
  #queued: { kind: CommandKind; request: number }[] = [];

  constructor(handlers: CommandHandlers) {
    this.#handlers = handlers;
  }

  /** Those that wait for the pass to end. */
  get length(): number {
    return this.#queued.length;
  }

  /** At once, or where a pass is under way at its end. */
  give(kind: CommandKind, request: number, isBusy: boolean): void {
    if (isBusy) this.#queued.push({ kind, request });
    else this.#handlers[kind](request);
  }

  /** A pass is over. */
  betweenPasses(): void {
    if (this.#queued.length === 0) return;
    const queued = this.#queued;
    this.#queued = [];
    for (const { kind, request } of queued) this.#handlers[kind](request);
  }
}
