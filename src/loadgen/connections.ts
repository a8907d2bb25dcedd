import { Socket } from "node:net";
import { type buildConnector, Client } from "undici";

/** What sockets of this thread read into: undici's parser is done with a piece when it returns. */
let readBuffer: Buffer | null = null;

/**
 * A socket whose data goes to undici's HTTP parser as it comes, past the queues of Node's streams: a fifth of the CPU time of
 * a token. Nothing else reads from it.
 */
class DirectSocket extends Socket {
  #piece: Buffer | null = null;

  constructor() {
    readBuffer ??= Buffer.allocUnsafeSlow(65_536);
    super({
      onread: {
        buffer: readBuffer,
        callback: (bytes: number, buffer: Uint8Array) => {
          this.#piece = buffer.subarray(0, bytes) as Buffer;
          this.emit("readable");
          // What the parser left over (it pauses only where the response upgrades) goes the long way.
          if (this.#piece !== null) this.push(Buffer.from(this.#piece));
          this.#piece = null;
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
  }

  override read(size?: number): Buffer | null {
    const piece = this.#piece;
    if (piece !== null && size === undefined) {
      this.#piece = null;
      return piece;
    }
    return super.read(size) as Buffer | null;
  }
}

function connectDirectly(options: buildConnector.Options, callback: buildConnector.Callback): void {
  const socket = new DirectSocket();
  const host = options.hostname.replace(/^\[|\]$/g, "");
  const failed = (error: Error) => callback(error, null);
  const timer = setTimeout(() => socket.destroy(connectTimeout(options.host ?? host)), CONNECT_TIMEOUT_MS);
  socket.once("error", failed);
  socket.once("close", () => clearTimeout(timer));
  socket.once("connect", () => {
    clearTimeout(timer);
    socket.off("error", failed);
    callback(null, socket);
  });
  socket.setNoDelay(true);
  socket.connect({ host, port: Number(options.port || 80) });
}

const CONNECT_TIMEOUT_MS = 10_000;

function connectTimeout(host: string): Error {
  return Object.assign(new Error(`no connection to ${host} within ${CONNECT_TIMEOUT_MS / 1000} s`), {
    code: "UND_ERR_CONNECT_TIMEOUT",
  });
}

/** Connections to one origin, one request on each at a time; those that are free are used again, the last one first. */
export class Connections {
  readonly #origin: string;
  readonly #options: Client.Options;
  readonly #free: Client[] = [];
  readonly #all: Client[] = [];

  /** @param origin `http://host:port` or `https://…` */
  constructor(origin: string) {
    this.#origin = origin;
    this.#options = {
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      pipelining: 1,
      allowH2: false,
      // Within the 5 s that Node and uvicorn keep a connection, which they don't always tell.
      keepAliveTimeout: 4000,
      ...(origin.startsWith("http:") ? { connect: connectDirectly } : {}),
    };
  }

  get count(): number {
    return this.#all.length;
  }

  take(): Client {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const made = new Client(this.#origin, this.#options);
    this.#all.push(made);
    return made;
  }

  /** The request on it has ended; a client whose connection broke makes another one. */
  giveBack(client: Client): void {
    this.#free.push(client);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.destroy()));
  }
}
