import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { WorkerCard } from "#mocker/protocol";

/** A request as a fake worker got it. */
export interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: Record<string, unknown>;
  response: ServerResponse;
  /** Resolves when the connection of this request has closed, or the answer has ended. */
  closed: Promise<"ended" | "broken">;
}

export type Handler = (seen: Seen) => void | Promise<void>;

export interface FakeWorker {
  url: string;
  card: WorkerCard;
  /** Completion requests, oldest first. */
  seen: Seen[];
  /** What answers completions now. */
  handler: Handler;
  /** The models of a server without a card: it speaks OpenAI's API alone. */
  foreign: readonly string[] | null;
  /** Whether `GET /health` and new connections work. */
  healthy: boolean;
  /** Resolves with the next completion request. */
  next(): Promise<Seen>;
  /** Everything it was asked, `METHOD path`. */
  log: string[];
  /** Ends it as kill -9 would. */
  kill(): void;
  /** Listens again at the same address. */
  revive(): Promise<void>;
  close(): Promise<void>;
}

export function cardOf(overrides: Partial<WorkerCard> = {}): WorkerCard {
  return {
    id: "worker",
    url: "",
    model: "mock",
    role: "aggregated",
    state: "ready",
    engine: "vllm",
    blockSize: 16,
    totalKvBlocks: 1000,
    maxNumSeqs: 256,
    maxNumBatchedTokens: 8192,
    contextLength: 0,
    dataParallelSize: 1,
    tokenizer: "builtin",
    kvEvents: false,
    kvEventsZmq: null,
    timeScale: 1,
    ...overrides,
  };
}

/** An HTTP server that answers as a worker does, by what the test says. */
export async function fakeWorker(
  overrides: Partial<WorkerCard> = {},
  handler: Handler = streamOf(3),
): Promise<FakeWorker> {
  const card = cardOf(overrides);
  const waiting: ((seen: Seen) => void)[] = [];
  let server: Server;
  const worker: FakeWorker = {
    url: "",
    card,
    seen: [],
    handler,
    foreign: null,
    healthy: true,
    log: [],
    next: () => new Promise((resolve) => waiting.push(resolve)),
    kill: () => {
      server.close();
      server.closeAllConnections();
    },
    revive: async () => {
      server = createServer(onRequest);
      await listen(server, Number(new URL(worker.url).port));
    },
    close: async () => worker.kill(),
  };
  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    worker.log.push(`${request.method} ${path}`);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    if (worker.foreign !== null && path === "/v1/models") {
      return json(response, 200, { object: "list", data: worker.foreign.map((id) => ({ id, object: "model" })) });
    }
    if (path === "/worker") return worker.foreign === null ? json(response, 200, card) : json(response, 404, {});
    if (path === "/health") return json(response, worker.healthy ? 200 : 503, {});
    if (!path.startsWith("/v1/") || request.method !== "POST") return json(response, 200, {});
    const seen: Seen = {
      method: request.method,
      path,
      headers: request.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      response,
      closed: new Promise((resolve) =>
        response.once("close", () => resolve(response.writableFinished ? "ended" : "broken")),
      ),
    };
    worker.seen.push(seen);
    waiting.shift()?.(seen);
    await worker.handler(seen);
  };
  server = createServer(onRequest);
  worker.url = `http://127.0.0.1:${await listen(server, 0)}`;
  card.url = worker.url;
  return worker;
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

export function json(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export const ROLE_CHUNK = event({ delta: { role: "assistant", content: "" }, finish_reason: null });

export function tokenChunk(index: number, last = false): string {
  return event({ delta: { content: ` word${index}` }, finish_reason: last ? "length" : null });
}

function event(choice: object): string {
  const chunk = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "mock" };
  return `data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, ...choice }] })}\n\n`;
}

export function usageChunk(prompt: number, completion: number, cached: number): string {
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
  return `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [], usage })}\n\n`;
}

export const DONE = "data: [DONE]\n\n";

/** Streams so many tokens at once. */
export function streamOf(tokens: number): Handler {
  return ({ response }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(ROLE_CHUNK);
    for (let i = 0; i < tokens; i++) response.write(tokenChunk(i, i === tokens - 1));
    response.end(DONE);
  };
}

/** The head and the role chunk, and nothing more until the test writes it. */
export const openStream: Handler = ({ response }) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(ROLE_CHUNK);
};

export const breaksOff: Handler = ({ response }) => void response.destroy();
