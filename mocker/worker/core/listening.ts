import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { answerClientError } from "#mocker/protocol";
import { portUnavailable } from "./errors.ts";

export interface ListenOptions {
  host: string;
  port: number;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  maxConnections: number;
}

/** Longer than what clients keep idle connections for, so that none is closed while a request is on its way. */
const KEEP_ALIVE_MS = 75_000;
/** As many as the kernel may let wait; benchmarks open thousands of connections at once. */
const BACKLOG = 4096;
/** How often Node looks for requests that take too long, ms. */
const CHECK_INTERVAL_MS = 5000;

/** A worker's port. */
export class ListeningServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws UserError WORKER_PORT_TAKEN */
  static async open(options: ListenOptions, onRequest: RequestListener): Promise<ListeningServer> {
    const { host, port } = options;
    const server = createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_MS,
        // Node takes the longer of the two for the whole request, whichever it is.
        headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
        requestTimeout: options.requestTimeoutMs,
        connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, Math.max(100, options.requestTimeoutMs / 4)),
      },
      onRequest,
    );
    server.maxConnections = options.maxConnections;
    server.on("clientError", answerClientError);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(portUnavailable(host, port, error.code ?? "")));
      server.listen({ host, port, backlog: BACKLOG }, resolve);
    });
    return new ListeningServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections; resolves when the answers under way are out, after `graceMs` real ms at most. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    if (graceMs <= 0) this.#server.closeAllConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }
}
