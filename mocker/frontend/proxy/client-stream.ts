import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Bytes waiting for a slow client beyond which its worker is not read any more. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * The client's side of a stream. Once the head is out, chunks go straight to the socket as ready-made HTTP chunks, one
 * system call each; http's own writer would take three buffers and several times the work. Where the response does not own
 * its socket (a pipelined request) or does not speak HTTP/1.1, http's writer does it.
 */
export class ClientStream {
  readonly #response: ServerResponse;
  #socket: Socket | null = null;
  #headers: OutgoingHttpHeaders = {};
  opened = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** Headers that are added to the head whenever it goes out. */
  setHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  /** Sends the head and the first bytes in one system call. */
  open(status: number, headers: OutgoingHttpHeaders, first: readonly Buffer[]): void {
    const response = this.#response;
    this.opened = true;
    if (this.closed) return;
    const socket = response.socket;
    socket?.cork();
    response.writeHead(status, { ...headers, ...this.#headers });
    response.flushHeaders();
    if (response.chunkedEncoding && socket !== null) this.#socket = socket;
    if (first.length > 0) this.write(first);
    socket?.uncork();
  }

  /** Sends chunks as one. */
  write(chunks: readonly Buffer[]): void {
    if (this.closed) return;
    if (this.#socket === null) this.#response.write(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    else this.#socket.write(httpChunk(chunks));
  }

  /** Sends the last chunks and ends the response; the connection may serve another request. */
  end(chunks: readonly Buffer[]): void {
    if (this.closed) return;
    const socket = this.#response.socket;
    socket?.cork();
    if (chunks.length > 0) this.write(chunks);
    this.#response.end();
    socket?.uncork();
  }

  /** A whole response at once. */
  send(status: number, headers: OutgoingHttpHeaders, body: Buffer): void {
    this.opened = true;
    if (this.closed) return;
    this.#response.writeHead(status, { ...headers, ...this.#headers, "content-length": body.length });
    this.#response.end(body);
  }

  /** Whether so much waits for the client that its worker should wait, too. */
  get congested(): boolean {
    return (this.#response.socket?.writableLength ?? 0) > HIGH_WATER_BYTES;
  }

  /** Calls back once when the client has caught up. */
  onDrain(callback: () => void): void {
    this.#response.socket?.once("drain", callback);
  }
}

/** `<length in hex> CRLF data CRLF` (RFC 9112 §7.1). */
export function httpChunk(chunks: readonly Buffer[]): Buffer {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const size = length.toString(16);
  const framed = Buffer.allocUnsafe(size.length + length + 4);
  let at = framed.write(size, 0, "latin1");
  framed[at++] = 0x0d;
  framed[at++] = 0x0a;
  for (const chunk of chunks) {
    framed.set(chunk, at);
    at += chunk.length;
  }
  framed[at++] = 0x0d;
  framed[at] = 0x0a;
  return framed;
}
