const LF = 0x0a;
const CR = 0x0d;
/** What is longer without an end is passed on as it is. */
const MAX_EVENT_BYTES = 1 << 20;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream of server-sent events at the ends of events, wherever its pieces end: a stream that breaks off must not
 * leave half an event at the client. Mostly pieces are whole events and pass as they are.
 */
export class WholeEvents {
  #rest: Buffer = NOTHING;

  /** What has its end with this piece; empty where that is nothing yet. */
  take(piece: Buffer): Buffer {
    const { length } = this.#rest;
    if (length === 0 && endsEvent(piece)) return piece;
    const bytes = length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const end = bytes.length > MAX_EVENT_BYTES ? bytes.length : lastEnd(bytes);
    this.#rest = end === bytes.length ? NOTHING : bytes.subarray(end);
    return bytes.subarray(0, end);
  }

  /** What has no end. */
  get rest(): Buffer {
    return this.#rest;
  }
}

function endsEvent(bytes: Buffer): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== LF) return false;
  return bytes[length - 2] === LF || (bytes[length - 2] === CR && bytes[length - 3] === LF);
}

/** Behind the last blank line. */
function lastEnd(bytes: Buffer): number {
  const plain = bytes.lastIndexOf("\n\n");
  const dos = bytes.lastIndexOf("\n\r\n");
  return Math.max(plain < 0 ? 0 : plain + 2, dos < 0 ? 0 : dos + 3);
}
