import { UserError, type UserErrorDetails } from "#common";

/** Calls a process answers, by name: each takes one value and may take its time. */
export type Calls = { [name: string]: (argument: never) => unknown };

export interface CallMessage {
  call: number;
  name: string;
  argument: unknown;
}

export type AnswerMessage =
  | { answer: number; value: unknown }
  | { answer: number; error: { message: string; user: UserErrorDetails | null } };

/** Said by a child without being asked. */
export interface EventMessage<Event> {
  event: Event;
}

/** What carries messages: a child process as its parent sees it, or `process` in the child. */
export interface Wire {
  send(message: unknown, sent: (error: Error | null) => void): void;
}

/** The asking side. One who asked is always answered: at the latest, with an error, when the other side is gone. */
export class Caller<C extends Calls> {
  readonly #wire: Wire;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 0;
  #gone: Error | null = null;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** @throws what the other side threw, or what `close` was given */
  call<K extends keyof C & string>(name: K, argument: Parameters<C[K]>[0]): Promise<Awaited<ReturnType<C[K]>>> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const call = this.#next++;
    const message: CallMessage = { call, name, argument };
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve: resolve as (value: unknown) => void, reject });
      this.#wire.send(message, (error) => {
        // A wire that is cut is told of by its owner, too, who knows why.
        if (error !== null) setImmediate(() => this.#settle(call)?.reject(this.#gone ?? error));
      });
    });
  }

  /** True where `message` was an answer. */
  receive(message: unknown): boolean {
    if (typeof message !== "object" || message === null || !("answer" in message)) return false;
    const answer = message as AnswerMessage;
    const waiting = this.#settle(answer.answer);
    if ("error" in answer) waiting?.reject(errorOf(answer.error));
    else waiting?.resolve(answer.value);
    return true;
  }

  close(reason: Error): void {
    this.#gone ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
  }

  #settle(call: number) {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    return waiting;
  }
}

/** The answering side: calls are begun in the order they came in. */
export async function answerCall(calls: Calls, message: CallMessage): Promise<AnswerMessage> {
  try {
    const handler = Object.hasOwn(calls, message.name) ? calls[message.name] : undefined;
    if (handler === undefined) throw new Error(`nobody answers ${message.name}`);
    return { answer: message.call, value: await handler(message.argument as never) };
  } catch (error) {
    return { answer: message.call, error: describeError(error) };
  }
}

/** Whether a message between processes asks for a method to be called; others are told apart by it. */
export function isCall(message: unknown): message is CallMessage {
  return typeof message === "object" && message !== null && "call" in message;
}

function describeError(error: unknown): { message: string; user: UserErrorDetails | null } {
  if (error instanceof UserError) {
    const { code, message, where, hint, exitCode } = error;
    const optional = { ...(where === undefined ? {} : { where }), ...(hint === undefined ? {} : { hint }) };
    return { message, user: { code, message, exitCode, ...optional } };
  }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), user: null };
}

function errorOf({ message, user }: { message: string; user: UserErrorDetails | null }): Error {
  return user === null ? new Error(message) : new UserError(user);
}
