/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  /** Last id seen in the stream so far; empty where there was none. */
  id: string;
  /** `message` where the stream names none. */
  event: string;
  data: string;
}

/** Cuts a stream into events as the HTML standard describes (§9.2.6); pieces may end anywhere. */
export class EventStreamParser {
  readonly #onEvent: (event: ServerSentEvent) => void;
  readonly #maxCharacters: number;
  #rest = "";
  #id = "";
  #event = "";
  #data: string[] = [];
  #characters = 0;

  /** @param maxCharacters longest event taken */
  constructor(onEvent: (event: ServerSentEvent) => void, maxCharacters = 2 ** 28) {
    this.#onEvent = onEvent;
    this.#maxCharacters = maxCharacters;
  }

  /** @throws RangeError for an event that is too long */
  push(piece: string): void {
    const text = this.#rest + piece;
    let start = 0;
    for (;;) {
      const end = text.indexOf("\n", start);
      if (end < 0) break;
      this.#line(text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end));
      start = end + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length + this.#characters > this.#maxCharacters) throw new RangeError("the event is too long");
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#characters += value.length;
    } else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event || "message";
    this.#data = [];
    this.#event = "";
    this.#characters = 0;
    if (data.length > 0) this.#onEvent({ id: this.#id, event, data: data.join("\n") });
  }
}
