/** An OpenAI endpoint whose answers a test decides, and which keeps book of what it was sent. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface SeenRequest {
  prompt: string;
  maxTokens: number;
  body: Record<string, unknown>;
  /** Requests under way when it came, itself included. */
  inFlight: number;
}

export interface StubServer {
  url: string;
  seen: SeenRequest[];
  /** Most requests under way since it was last set to 0. */
  mostInFlight: number;
}

export interface StubOptions {
  models?: string[];
  /** Answers are held until so many requests are under way: where they don't come at once, none ever is answered. */
  gather?: (request: SeenRequest, index: number) => number;
  /** Status of a request that fails. */
  fail?: (request: SeenRequest) => { status: number; message: string } | null;
  /** What the server adds to prompts, tokens. */
  template?: number;
  /** ms before the first token of request `index`. */
  firstTokenMs?: (request: SeenRequest, index: number) => number;
}

export async function stubServer(options: StubOptions = {}): Promise<StubServer> {
  const stub: StubServer = { url: "", seen: [], mostInFlight: 0 };
  let inFlight = 0;
  let waiting: { needed: number; go: () => void }[] = [];
  const release = () => {
    const ready = waiting.filter(({ needed }) => waiting.length >= needed);
    if (ready.length === 0) return;
    const all = waiting;
    waiting = [];
    for (const { go } of all) go();
  };
  const server = createServer(async (request, response) => {
    if (request.url === "/v1/models") {
      response.end(JSON.stringify({ data: (options.models ?? ["m"]).map((id) => ({ id })) }));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    inFlight++;
    stub.mostInFlight = Math.max(stub.mostInFlight, inFlight);
    const [message] = body.messages as { content: string }[];
    const seen = { prompt: message!.content, maxTokens: body.max_tokens as number, body, inFlight };
    const index = stub.seen.push(seen) - 1;
    const failure = options.fail?.(seen) ?? null;
    response.on("close", () => inFlight--);
    if (failure !== null) {
      response.writeHead(failure.status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: failure.message } }));
      return;
    }
    const needed = options.gather?.(seen, index) ?? 1;
    const go = () => void answer(response, seen, options.firstTokenMs?.(seen, index) ?? 0, options.template ?? 0);
    if (needed <= 1) go();
    else {
      waiting.push({ needed, go });
      release();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stub;
}

/** Prompts are made of words of the built-in tokenizer, one token each as far as this server is concerned. */
function tokensOf(prompt: string): number {
  return prompt.match(/\S+/g)?.length ?? 0;
}

async function answer(response: ServerResponse, seen: SeenRequest, firstMs: number, template: number): Promise<void> {
  if (firstMs > 0) await new Promise((resolve) => setTimeout(resolve, firstMs));
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (value: object) => response.write(`data: ${JSON.stringify(value)}\n\n`);
  for (let i = 0; i < seen.maxTokens; i++) {
    event({ choices: [{ index: 0, delta: { content: "x" }, finish_reason: null }] });
  }
  event({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] });
  event({
    choices: [],
    usage: { prompt_tokens: tokensOf(seen.prompt) + template, completion_tokens: seen.maxTokens },
  });
  response.end("data: [DONE]\n\n");
}
