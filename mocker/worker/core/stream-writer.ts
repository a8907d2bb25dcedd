import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Bytes a client may leave unread in our memory before its stream is cut. The kernel's buffers come before that. */
const DEFAULT_LIMIT_BYTES = 1 << 20;
const CRLF = "\r\n";
/** Streams are flushed for so long at a time, real ms; the clock is read after each so many. */
const FLUSH_MS = 5;
const FLUSH_STEP = 16;
/** Chunk heads of short chunks, ready made. */
const CHUNK_HEADS = Array.from({ length: 4096 }, (_, length) => length.toString(16) + CRLF);

export interface StreamWriterOptions {
  limitBytes?: number;
  /** Once, unless `end` came before: the client has gone, or it read so slowly that the stream was cut. */
  onClosed: (why: "disconnected" | "stalled") => void;
}

/**
 * A streamed HTTP response that costs little per piece: what is written within one turn of the event loop goes out as one
 * HTTP chunk in one string straight to the socket, streams in the order of their first write. Where the response does not
 * own its socket (a pipelined request), it goes through Node's own writer.
 */
export class StreamWriter {
  readonly #raw: ServerResponse;
  readonly #limitBytes: number;
  readonly #onClosed: StreamWriterOptions["onClosed"];
  #socket: Socket | null = null;
  #corked: Socket | null = null;
  #chunked = false;
  #pending = "";
  #isAscii = true;
  #state: "open" | "ending" | "closed" = "open";

  constructor(raw: ServerResponse, options: StreamWriterOptions) {
    this.#raw = raw;
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#onClosed = options.onClosed;
    raw.once("close", () => {
      if (this.#state === "open") this.#close("disconnected");
      this.#state = "closed";
    });
  }

  /** Nothing more goes out: it has ended, or the client is gone. */
  get closed(): boolean {
    return this.#state !== "open";
  }

  /** Sends status and headers; before the first `write`. */
  begin(status: number, headers: OutgoingHttpHeaders): void {
    const raw = this.#raw;
    if (this.#state !== "open") return;
    const { socket } = raw;
    // The head goes out with what is written in this turn.
    socket?.cork();
    raw.writeHead(status, headers);
    raw.flushHeaders();
    if (socket === null) return;
    this.#corked = socket;
    enlist(this, true);
    // What Node still holds back must go before ours.
    if (raw.writableLength !== socket.writableLength) return;
    this.#socket = socket;
    this.#chunked = raw.chunkedEncoding;
  }

  /** @param text ASCII alone */
  write(text: string): void {
    if (this.#state !== "open") return;
    if (this.#pending === "") enlist(this, false);
    this.#pending += text;
  }

  writeUtf8(text: string): void {
    if (this.#state !== "open") return;
    if (this.#pending === "") enlist(this, false);
    this.#isAscii = false;
    this.#pending += text;
  }

  /** Sends what is left and ends the response; its connection lives on. */
  end(): void {
    if (this.#state !== "open") return;
    // The last chunk and the mark of the end go out together.
    const socket = this.#socket;
    socket?.cork();
    this.flush();
    if (this.closed) return;
    this.#state = "ending";
    this.#raw.end();
    socket?.uncork();
  }

  /** Cuts the connection without an end, as a server that died does. */
  destroy(): void {
    this.#state = "closed";
    this.#pending = "";
    this.#raw.destroy();
  }

  /** Sends at once what was written in this turn. */
  flush(): void {
    this.#send();
    this.#corked?.uncork();
    this.#corked = null;
  }

  #send(): void {
    const text = this.#pending;
    if (text === "") return;
    this.#pending = "";
    if (this.#state !== "open") return;
    const encoding = this.#isAscii ? "latin1" : "utf8";
    this.#isAscii = true;
    const socket = this.#socket;
    if (socket === null) {
      if (!this.#raw.write(text, encoding)) this.#check(this.#raw.writableLength);
      return;
    }
    const bytes = encoding === "latin1" ? text.length : Buffer.byteLength(text);
    const head = bytes < CHUNK_HEADS.length ? CHUNK_HEADS[bytes]! : bytes.toString(16) + CRLF;
    if (!socket.write(this.#chunked ? head + text + CRLF : text, encoding)) this.#check(socket.writableLength);
  }

  #check(unreadBytes: number): void {
    if (unreadBytes <= this.#limitBytes) return;
    this.#raw.destroy();
    this.#close("stalled");
  }

  #close(why: "disconnected" | "stalled"): void {
    this.#state = "closed";
    this.#pending = "";
    this.#onClosed(why);
  }
}

/** Streams that have something to send: those whose heads go out now, and the others. */
let beginning: StreamWriter[] = [];
let written: StreamWriter[] = [];
let next = 0;
let isFlushing = false;

/** One flush a turn for all streams of the process: after the callback that wrote, before the event loop goes on. */
function enlist(writer: StreamWriter, begins: boolean): void {
  (begins ? beginning : written).push(writer);
  if (isFlushing) return;
  isFlushing = true;
  queueMicrotask(flushWritten);
}

/** Thousands of streams take some time: the event loop gets its turns in between, and first tokens don't stand in line. */
function flushWritten(): void {
  const untilMs = performance.now() + FLUSH_MS;
  const first = beginning;
  beginning = [];
  for (const writer of first) writer.flush();
  while (next < written.length) {
    written[next++]!.flush();
    if (next % FLUSH_STEP === 0 && performance.now() >= untilMs) {
      setImmediate(flushWritten);
      return;
    }
  }
  written = [];
  next = 0;
  isFlushing = beginning.length > 0;
  if (isFlushing) queueMicrotask(flushWritten);
}
