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
