const LINE_FEED = 10;
const RETURN = 13;
const SPACE = 32;
const COLON = 58;
const DATA = [100, 97, 116, 97, COLON];

/** Told of a `data:` line: its value is `bytes[start, end)`. The bytes are good during the call alone. */
export type DataVisitor = (bytes: Uint8Array, start: number, end: number) => void;

/**
 * Finds the `data:` lines of a stream of server-sent events, fed in pieces as they come from the socket, and decodes none:
 * OpenAI's streams have one such line per event. For events of several lines there is SseParser.
 */
export class SseScanner {
  readonly #visit: DataVisitor;
  /** A line whose end has not come yet. */
  #rest: Uint8Array | null = null;

  constructor(visit: DataVisitor) {
    this.#visit = visit;
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    let at = 0;
    for (let end = bytes.indexOf(LINE_FEED, at); end !== -1; end = bytes.indexOf(LINE_FEED, at)) {
      this.#line(bytes, at, end);
      at = end + 1;
    }
    // A copy, because a socket may use its buffer again.
    if (at < bytes.length) this.#rest = Uint8Array.prototype.slice.call(bytes, at);
  }

  /** The stream is over: a last line without an end counts. */
  end(): void {
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) this.#line(rest, 0, rest.length);
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    if (to - from < DATA.length) return;
    for (let i = 0; i < DATA.length; i++) if (bytes[from + i] !== DATA[i]) return;
    const start = from + DATA.length + (bytes[from + DATA.length] === SPACE ? 1 : 0);
    this.#visit(bytes, Math.min(start, to), bytes[to - 1] === RETURN ? to - 1 : to);
  }
}

/** Whether a `data:` value is `[DONE]`. */
export function isDone(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === 6 && bytes[start] === 91 && bytes[start + 1] === 68 && bytes[end - 1] === 93;
}

export interface SseEvent {
  /** "message" where the stream names none. */
  event: string;
  /** Lines joined with a line feed. */
  data: string;
  id: string | null;
}

/** Parses a stream of server-sent events as the WHATWG's HTML standard has it (§9.2.6), fed in pieces. */
export class SseParser {
  readonly #decoder = new TextDecoder();
  readonly #emit: (event: SseEvent) => void;
  #rest = "";
  /** A line feed that follows belongs to the return before it. */
  #afterReturn = false;
  #event = "";
  #data: string[] = [];
  #id: string | null = null;

  constructor(emit: (event: SseEvent) => void) {
    this.#emit = emit;
  }

  push(chunk: Uint8Array | string): void {
    const text = typeof chunk === "string" ? chunk : this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    const fresh = this.#afterReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterReturn = text.endsWith("\r");
    const lines = (this.#rest + fresh).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") {
      if (this.#data.length > 0) {
        this.#emit({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
      }
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }
}
