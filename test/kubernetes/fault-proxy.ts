import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { KubeApiServer } from "./api-server.ts";

export interface Passing {
  method: string;
  /** Path and query. */
  url: string;
}

/**
 * What becomes of a request instead: an answer of the proxy's own, another path, no answer at all, or `undefined`: the server's answer.
 */
export type Fault = { status: number; headers?: Record<string, string>; body?: string } | { url: string } | "cut";

/** Stands between a client and a real API server, and lets go wrong what a test wants. Plain HTTP on the client's side. */
export class FaultProxy {
  readonly #server: Server;
  readonly #target: KubeApiServer;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  readonly #watches = new Set<ServerResponse>();
  /** All that went through, or should have. */
  readonly seen: Passing[] = [];
  #fault: (passing: Passing) => Fault | undefined | Promise<Fault | undefined> = () => undefined;

  private constructor(target: KubeApiServer) {
    this.#target = target;
    this.#server = createServer((incoming, response) => {
      this.#pass(incoming, response).catch(() => response.destroy());
    });
  }

  static async start(target: KubeApiServer): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on, instead of what was said before. */
  when(fault: (passing: Passing) => Fault | undefined | Promise<Fault | undefined>): void {
    this.#fault = fault;
  }

  /** The first `times` requests that match. */
  first(times: number, matches: (passing: Passing) => boolean, fault: Fault): void {
    let left = times;
    this.when((passing) => (matches(passing) && left-- > 0 ? fault : undefined));
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  cutWatches(): void {
    for (const watch of this.#watches) watch.destroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const passing = { method: incoming.method ?? "GET", url: incoming.url ?? "/" };
    this.seen.push(passing);
    const body: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) body.push(chunk);
    const fault = await this.#fault(passing);
    if (fault === "cut") {
      response.destroy();
    } else if (fault !== undefined && "status" in fault) {
      response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? "");
    } else {
      this.#forward(incoming, Buffer.concat(body), fault?.url ?? passing.url, response);
    }
  }

  #forward(incoming: IncomingMessage, body: Buffer, url: string, response: ServerResponse): void {
    const { host: _, connection: __, "transfer-encoding": ___, ...headers } = incoming.headers;
    const { method = "GET" } = incoming;
    const sent = request(
      `${this.#target.url}${url}`,
      { method, headers: { ...headers, "content-length": body.length }, agent: this.#agent },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        if (url.includes("watch=true")) {
          this.#watches.add(response);
          response.on("close", () => this.#watches.delete(response));
        }
        answer.on("error", () => response.destroy());
        answer.pipe(response);
      },
    );
    sent.on("error", () => response.destroy());
    response.on("close", () => sent.destroy());
    sent.end(body);
  }
}
