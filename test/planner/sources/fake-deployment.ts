import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Clock } from "#common";

/** A clock that the test moves; Unix time 1000 s is its zero. */
export class HandClock implements Clock {
  readonly timeScale = 1;
  ms = 0;

  nowMs(): number {
    return this.ms;
  }
  waitMs(atMs: number): number {
    return Math.max(0, atMs - this.ms);
  }
  toUnixMs(atMs: number): number {
    return atMs + 1_000_000;
  }
  fromUnixMs(unixMs: number): number {
    return unixMs - 1_000_000;
  }
}

/** Unix seconds of a model time under `HandClock`. */
export function unixS(atMs: number): number {
  return (atMs + 1_000_000) / 1000;
}

export interface Asked {
  method: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that answers as the test says, on a real socket. */
export class FakeServer {
  readonly asked: string[] = [];
  answer: (url: URL, asked: Asked) => { status?: number; body: string } | "never" | null = () => null;
  readonly #server: Server;
  url = "";

  constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Null of `answer`: the connection breaks. */
  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(request.url!);
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk));
    request.on("end", () => {
      const { method, headers } = request;
      const answer = this.answer(new URL(request.url!, this.url), { method: method!, headers, body });
      if (answer === "never") return;
      if (answer === null) response.destroy();
      else response.writeHead(answer.status ?? 200).end(answer.body);
    });
  }
}

/** A fake server that is closed with the test. */
export async function fakeServer(answer: FakeServer["answer"]): Promise<FakeServer> {
  const made = await new FakeServer().listen();
  made.answer = answer;
  onTestFinished(() => made.close());
  return made;
}

/** A frontend's request feed: a ring of numbered events. */
export class FakeFeed {
  events: Record<string, unknown>[] = [];
  capacity = 1000;
  #seq = 0;

  push(atMs: number, requestId: string, kind: string, rest: Record<string, unknown> = {}): void {
    this.events.push({ seq: ++this.#seq, requestId, model: "llama", at: unixS(atMs), kind, ...rest });
    if (this.events.length > this.capacity) this.events.shift();
  }

  restart(): void {
    this.events = [];
    this.#seq = 0;
  }

  answer(url: URL): { status?: number; body: string } {
    if (url.pathname !== "/requests") return { status: 404, body: "" };
    const since = Number(url.searchParams.get("since"));
    const after = this.events.filter((event) => (event.seq as number) > since);
    return { body: after.map((event) => `${JSON.stringify(event)}\n`).join("") };
  }
}
