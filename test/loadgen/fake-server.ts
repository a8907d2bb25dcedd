import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A request that the server has received and that its test answers. */
export interface Received {
  index: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
  /** The prompt, of either endpoint. */
  prompt: string | number[];
  maxTokens: number;
  response: ServerResponse;
  /** Settles when the client has gone or the response is complete. */
  closed: Promise<void>;
}

export interface FakeServer {
  url: string;
  received: Received[];
  /** Connections accepted so far, and the most that had a request at once. */
  connections: number;
  mostInFlight: number;
  /** Resolves when `count` requests have come. */
  until(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Answers a request; what it throws fails the connection. */
export type Answer = (request: Received) => void | Promise<void>;

/** A small OpenAI server on a real socket. @param answer default: streams as many tokens as were asked for, at once */
export async function fakeServer(answer: Answer = (request) => streamTokens(request)): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let waiting: { count: number; resolve: () => void }[] = [];
  let inFlight = 0;
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.end(JSON.stringify({ object: "list", data: [{ id: "fake", object: "model" }] }));
      return;
    }
    inFlight++;
    fake.mostInFlight = Math.max(fake.mostInFlight, inFlight);
    const closed = new Promise<void>((resolve) => {
      response.once("close", () => {
        inFlight--;
        resolve();
      });
    });
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>;
      const messages = body.messages as { content: string }[] | undefined;
      const received: Received = {
        index: fake.received.length,
        path: request.url ?? "",
        headers: request.headers,
        body,
        prompt: messages?.[0]?.content ?? (body.prompt as string | number[]),
        maxTokens: body.max_tokens as number,
        response,
        closed,
      };
      fake.received.push(received);
      for (const { resolve } of waiting.filter(({ count }) => count <= fake.received.length)) resolve();
      waiting = waiting.filter(({ count }) => count > fake.received.length);
      Promise.resolve(answer(received)).catch(() => response.destroy());
    });
  });
  server.on("connection", (socket) => {
    fake.connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const fake: FakeServer = {
    url: "",
    received: [],
    connections: 0,
    mostInFlight: 0,
    until: (count) =>
      fake.received.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => void waiting.push({ count, resolve })),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

export function event(value: unknown): string {
  return `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
}

/** A chunk with a piece of text, of the endpoint that was asked. */
export function chunk({ path }: Pick<Received, "path">, text: string, finishReason: string | null = null): string {
  const chat = path.endsWith("/chat/completions");
  const choice = chat ? { delta: { content: text } } : { text };
  return event({ id: "x", choices: [{ index: 0, ...choice, finish_reason: finishReason }] });
}

/** By the number of spaces: the built-in words are one token each, after a space. */
export function promptTokens(prompt: string | number[]): number {
  return typeof prompt === "string" ? (prompt.match(/ /g)?.length ?? 0) : prompt.length;
}

export function begin({ response }: Received, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
}

export function finish(request: Received, tokens: number, cachedTokens = 0): void {
  const prompt_tokens = promptTokens(request.prompt);
  const usage = {
    prompt_tokens,
    completion_tokens: tokens,
    total_tokens: prompt_tokens + tokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
  request.response.end(event({ id: "x", choices: [], usage }) + event("[DONE]"));
}

/** All tokens at once, each an event of its own. */
export function streamTokens(request: Received, tokens = request.maxTokens): void {
  begin(request);
  request.response.write(event({ id: "x", choices: [{ index: 0, delta: { role: "assistant", content: "" } }] }));
  for (let i = 0; i < tokens; i++) request.response.write(chunk(request, " word", i + 1 === tokens ? "length" : null));
  finish(request, tokens);
}
