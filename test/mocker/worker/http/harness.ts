import { Agent, type Dispatcher, request } from "undici";
import { afterAll } from "vitest";
import { engineConfig, fixedTiming } from "#mocker/engine";
import { type SseEvent, SseParser } from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";
import { type StartWorkerHostOptions, startWorkerHost, type WorkerHost, type WorkerSettings } from "#mocker/worker";

export interface TestOptions {
  /** Default: as fast as possible. */
  engine?: Partial<Parameters<typeof engineConfig>[0]>;
  settings?: Partial<WorkerSettings>;
  host?: Partial<StartWorkerHostOptions>;
  http?: StartWorkerHostOptions["http"];
}

const hosts: WorkerHost[] = [];
const agent = new Agent({ connections: 64, pipelining: 1 });

afterAll(async () => {
  await agent.close();
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

/** Workers on free ports that end with the test file; passes take no time unless told otherwise. */
export async function startWorkers({ engine, settings, host, http }: TestOptions = {}): Promise<WorkerHost> {
  const started = await startWorkerHost({
    settings: {
      model: "mock",
      engine: engineConfig({
        timing: fixedTiming({ prefillMs: 5, decodeMs: 1, perPass: true }),
        speedupRatio: 0,
        blockSize: 4,
        kvEvents: true,
        ...engine,
      }),
      dpSize: 1,
      transfer: null,
      startupMs: 0,
      tokenizer: builtinTokenizer(),
      handoffTimeoutMs: 300_000,
      trustRequestStart: false,
      ...settings,
    },
    ...host,
    http: { logLevel: "silent", headAfterMs: 600_000, ...http },
  });
  hosts.push(started);
  return started;
}

export async function startWorker(options: TestOptions = {}): Promise<{ url: string; host: WorkerHost }> {
  const host = await startWorkers(options);
  return { url: host.workers[0]!.url, host };
}

export interface Reply {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  text: string;
  // The tests say what they expect to find.
  json: () => ReturnType<typeof JSON.parse>;
}

export async function call(
  url: string,
  method: "GET" | "POST" | "DELETE" | "PUT" = "GET",
  body?: string | object,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await request(url, {
    dispatcher: agent,
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.body.text();
  return { status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) };
}

export const post = (url: string, body: string | object, headers?: Record<string, string>) =>
  call(url, "POST", body, headers);

/** A streamed answer as its events; the last is `[DONE]` where it came to its end. */
export async function stream(url: string, body: object, headers?: Record<string, string>) {
  const reply = await post(url, { ...body, stream: true }, headers);
  const events: SseEvent[] = [];
  new SseParser((event) => events.push(event)).push(reply.text);
  const data = events.map((event) => event.data);
  const chunks = data.filter((text) => text !== "[DONE]").map((text) => JSON.parse(text));
  return { ...reply, data, chunks };
}

export const chat = (content: string, more: object = {}) => ({ messages: [{ role: "user", content }], ...more });

/** Words that are a token each under the built-in tokenizer. */
export function words(count: number, first = 0): string {
  const { words: all } = builtinTokenizer();
  return Array.from({ length: count }, (_, i) => all[(first + i) % all.length]!.text)
    .join("")
    .trim();
}
