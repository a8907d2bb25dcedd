/**
 * Counts the events of one chunked event stream at the cost of a search for "\n\n", because a client that parsed every token
 * would be slower than the servers it measures. It does not look at what events hold until `expectedTokens` − 1 of them are
 * in; what follows is parsed, so that the count of tokens is exact.
 */

/** What a stream has turned out to be; times in ms of `performance.now()`. */
export interface StreamOutcome {
  /** Token events; NaN where the end of the stream does not tell. */
  tokens: number;
  completionTokens: number;
  firstTokenMs: number;
  lastTokenMs: number;
  /** Null for a stream that ended as it should. */
  problem: string | null;
}

const NEWLINE = 10;
/** "\r\n\r\n" as four bytes. */
const BLANK_LINE = 0x0d0a0d0a;

export interface SseExpectation {
  /** Token events; null for a server that chooses itself and tells no usage: all events but those around them are tokens then. */
  tokens: number | null;
  /** Events before the first token: 1 for chat, which begins with a role. */
  leadingEvents: number;
}

/** Where the server chooses the length: a last event with the finish reason, and `[DONE]`. */
const TRAILING_EVENTS = 2;

export class SseStream {
  readonly #isExact: boolean;
  readonly #expectedTokens: number;
  readonly #leadingEvents: number;
  readonly #gap: ((gapMs: number) => void) | null;
  #head: string | null = "";
  #problem: string | null = null;
  #events = 0;
  #tail = "";
  #lastByte = 0;
  /** Last four bytes seen. */
  #lastFour = 0;
  #firstTokenMs = Number.NaN;
  #lastTokenMs = Number.NaN;
  /** A response with a length of its own (an error): bytes still to come. */
  #plainBytesLeft = Number.NaN;

  /** @param gap is told the time between consecutive token events, 0 for those that came together */
  constructor(expected: SseExpectation, gap: ((gapMs: number) => void) | null = null) {
    this.#isExact = expected.tokens !== null;
    this.#expectedTokens = expected.tokens ?? Number.POSITIVE_INFINITY;
    this.#leadingEvents = expected.leadingEvents;
    this.#gap = gap;
  }

  /** Takes what the socket gave; true where the response has ended. */
  push(bytes: Buffer, nowMs: number): boolean {
    let from = 0;
    if (this.#head !== null) {
      from = this.#readHead(bytes, this.#head);
      if (from < 0) return false;
    }
    if (!Number.isNaN(this.#plainBytesLeft)) return this.#readPlain(bytes, from);
    if (from === bytes.length) return false;
    this.#count(bytes, from, nowMs);
    const length = bytes.length - from;
    const ended = length >= 5 ? endsWithLastChunk(bytes) : this.#endsAcross(bytes, from);
    this.#lastByte = bytes[bytes.length - 1]!;
    if (length >= 4) this.#lastFour = bytes.readUInt32BE(bytes.length - 4);
    else for (let i = from; i < bytes.length; i++) this.#lastFour = ((this.#lastFour << 8) | bytes[i]!) >>> 0;
    return ended;
  }

  /** @param problem where it broke off */
  outcome(problem: string | null = null): StreamOutcome {
    if (!this.#isExact) return this.#ownLength(problem);
    const end = readTail(this.#tail);
    const before = this.#expectedTokens - 1;
    const tokens = end === null ? Number.NaN : before + end.tokens;
    const completionTokens = end?.completionTokens ?? Number.NaN;
    const found = this.#problem ?? problem ?? this.#miscount(end, tokens, completionTokens);
    return {
      tokens,
      completionTokens,
      firstTokenMs: this.#firstTokenMs,
      lastTokenMs: this.#lastTokenMs,
      problem: found,
    };
  }

  /** Token events seen so far, also of a stream that has not ended. */
  get tokensSoFar(): number {
    return Math.max(0, Math.min(this.#expectedTokens, this.#events - this.#leadingEvents));
  }

  #ownLength(problem: string | null): StreamOutcome {
    const tokens = this.#events - this.#leadingEvents - TRAILING_EVENTS;
    const found = this.#problem ?? problem ?? (tokens > 0 ? null : "no tokens");
    const [firstTokenMs, lastTokenMs] = [this.#firstTokenMs, this.#lastTokenMs];
    return { tokens, completionTokens: tokens, firstTokenMs, lastTokenMs, problem: found };
  }

  #miscount(end: Tail | null, tokens: number, completionTokens: number): string | null {
    if (end === null) return `ended after ${this.#events} events: ${this.#tail.slice(-200)}`;
    if (!end.done) return "no [DONE]";
    if (tokens !== this.#expectedTokens) return `${tokens} token events instead of ${this.#expectedTokens}`;
    if (completionTokens !== this.#expectedTokens) return `usage says ${completionTokens} tokens`;
    return null;
  }

  /** Where the body begins, or −1. */
  #readHead(bytes: Buffer, before: string): number {
    const text = before + bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    this.#head = end < 0 ? text : null;
    if (end < 0) return -1;
    const head = text.slice(0, end);
    if (!head.startsWith("HTTP/1.1 200 ")) this.#problem = head.split("\r\n")[0]!;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length !== null) this.#plainBytesLeft = Number(length[1]);
    return end + 4 - before.length;
  }

  #readPlain(bytes: Buffer, from: number): boolean {
    this.#plainBytesLeft -= bytes.length - from;
    if (this.#problem !== null && this.#problem.length < 500) this.#problem += ` ${bytes.toString("latin1", from)}`;
    else this.#problem ??= "not an event stream";
    return this.#plainBytesLeft <= 0;
  }

  #count(bytes: Buffer, from: number, nowMs: number): void {
    const eventsBefore = this.#events;
    const tailAt = this.#expectedTokens - 1 + this.#leadingEvents;
    // Where this piece's part of the tail begins; a tail that has begun goes on from the start.
    let tailFrom = eventsBefore >= tailAt ? from : -1;
    let at = from;
    if (this.#lastByte === NEWLINE && bytes[from] === NEWLINE) {
      this.#events++;
      at = from + 1;
      if (this.#events === tailAt) tailFrom = at;
    }
    for (;;) {
      const found = bytes.indexOf("\n\n", at, "latin1");
      if (found < 0) break;
      at = found + 2;
      this.#events++;
      if (this.#events === tailAt) tailFrom = at;
    }
    if (tailFrom >= 0) this.#tail += bytes.toString("latin1", tailFrom);
    this.#time(eventsBefore, nowMs);
  }

  #time(eventsBefore: number, nowMs: number): void {
    const leading = this.#leadingEvents;
    const last = this.#expectedTokens + leading;
    const tokensBefore = Math.max(0, Math.min(eventsBefore, last) - leading);
    const tokensNow = Math.max(0, Math.min(this.#events, last) - leading);
    if (tokensNow === tokensBefore) return;
    if (tokensBefore === 0) this.#firstTokenMs = nowMs;
    else this.#gap?.(nowMs - this.#lastTokenMs);
    if (this.#gap !== null) for (let i = tokensBefore + 1; i < tokensNow; i++) this.#gap(0);
    this.#lastTokenMs = nowMs;
  }

  /** Does "0\r\n\r\n" end here, having begun in an earlier piece? */
  #endsAcross(bytes: Buffer, from: number): boolean {
    const five = Buffer.allocUnsafe(4 + bytes.length - from);
    five.writeUInt32BE(this.#lastFour, 0);
    bytes.copy(five, 4, from);
    return endsWithLastChunk(five);
  }
}

function endsWithLastChunk(bytes: Buffer): boolean {
  const end = bytes.length;
  return bytes[end - 1] === NEWLINE && bytes.readUInt32BE(end - 4) === BLANK_LINE && bytes[end - 5] === 0x30;
}

interface Tail {
  tokens: number;
  completionTokens: number | null;
  done: boolean;
}

interface Chunk {
  choices?: { text?: string; delta?: { content?: string | null } }[];
  usage?: { completion_tokens: number } | null;
  error?: { message: string };
}

function readTail(text: string): Tail | null {
  const tail: Tail = { tokens: 0, completionTokens: null, done: false };
  // Chunk sizes stand between events, at most in the middle of one where a server splits them.
  const events = [...text.matchAll(/data: (.*)\n\n/g)].map((match) => match[1]!);
  if (events.length === 0) return null;
  for (const data of events) {
    if (data === "[DONE]") {
      tail.done = true;
      continue;
    }
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) return null;
    const choice = chunk.choices?.[0];
    if ((choice?.text ?? choice?.delta?.content ?? "") !== "") tail.tokens++;
    if (chunk.usage != null) tail.completionTokens = chunk.usage.completion_tokens;
  }
  return tail;
}
