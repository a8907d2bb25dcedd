import { connect } from "node:net";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { fixedTiming } from "#mocker/engine";
import type { WorkerHost } from "#mocker/worker";
import { call, chat, post, type Reply, startWorker, startWorkers, stream, words } from "./harness.ts";

let url: string;
beforeAll(async () => {
  ({ url } = await startWorker({ engine: { maxModelLen: 64, numGpuBlocks: 12 }, http: { bodyLimitBytes: 4096 } }));
});

const chatUrl = () => `${url}/v1/chat/completions`;

function expectError(reply: Reply, status: number, error: object) {
  expect(reply.status, reply.text).toBe(status);
  expect(reply.headers["content-type"]).toMatch(/^application\/json/);
  const found = reply.json();
  expect(Object.keys(found)).toEqual(["error"]);
  expect(Object.keys(found.error).sort()).toEqual(["code", "message", "param", "type"]);
  expect(found.error).toMatchObject(error);
}

describe("errors in OpenAI's shape", () => {
  it("400 for bodies that are no JSON objects", async () => {
    for (const body of ["{", "", "[]", '"text"', "null", "12"]) {
      expectError(await post(chatUrl(), body), 400, { type: "invalid_request_error", code: "invalid_json" });
    }
  });

  it("400 for what is missing or malformed, naming the parameter", async () => {
    expectError(await post(chatUrl(), {}), 400, { param: "messages", code: "missing_required_parameter" });
    expectError(await post(chatUrl(), chat("a", { max_tokens: 0 })), 400, { param: "max_tokens" });
    expectError(await post(chatUrl(), chat("a", { n: "two" })), 400, { param: "n" });
    expectError(await post(`${url}/v1/completions`, { prompt: [-1] }), 400, { param: "prompt[0]" });
    expectError(await post(chatUrl(), chat("a", { max_tokens: 1, min_tokens: 2 })), 400, { param: "min_tokens" });
  });

  it("404 for a model that is not served, 404 and 405 for addresses and methods", async () => {
    expectError(await post(chatUrl(), chat("a", { model: "other" })), 404, {
      param: "model",
      code: "model_not_found",
    });
    expectError(await call(`${url}/v1/models/other`), 404, { code: "model_not_found" });
    expectError(await call(`${url}/v1/nothing`), 404, { code: "unknown_url" });
    expectError(await call(`${url}/`), 404, { code: "unknown_url" });
    const wrongMethod = await call(chatUrl());
    expectError(wrongMethod, 405, {});
    expect(wrongMethod.headers.allow).toBe("POST");
    expectError(await call(`${url}/%ff`), 400, {});
  });

  it("name their request, with the client's id or one of our own", async () => {
    const named = { "x-request-id": "abc-1" };
    for (const body of ["{", {}, chat("a", { model: "other" }), chat(words(70))]) {
      expect((await post(chatUrl(), body, named)).headers["x-request-id"]).toBe("abc-1");
    }
    const spaced = { "x-request-id": "a b" };
    expect((await post(chatUrl(), {}, spaced)).headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect((await call(`${url}/v1/nothing`)).headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("413 for bodies that are too large, 415 for other media types", async () => {
    expectError(await post(chatUrl(), chat("x".repeat(5000))), 413, { code: "request_too_large" });
    const plain = await post(chatUrl(), "hello", { "content-type": "text/plain" });
    expectError(plain, 415, { code: "unsupported_media_type" });
  });

  it("400 for what exceeds the context, or can never fit the cache", async () => {
    const tooLong = await post(chatUrl(), chat(words(70)));
    expectError(tooLong, 400, { param: "messages", code: "context_length_exceeded" });
    expect(tooLong.json().error.message).toContain("maximum context length is 64 tokens");
    const together = await post(`${url}/v1/completions`, { prompt: words(40), max_tokens: 25 });
    expectError(together, 400, { param: "prompt", code: "context_length_exceeded" });
    const overCache = await post(`${url}/v1/completions`, { prompt: words(40), max_tokens: 20 });
    expectError(overCache, 400, { code: "context_length_exceeded" });
    const fits = await post(`${url}/v1/completions`, { prompt: words(40), max_tokens: 9 });
    expect(fits.status).toBe(200);
  });

  it("answers at most what the context leaves where the request sets no length", async () => {
    const { status, json } = await post(`${url}/v1/completions`, { prompt: words(44) });
    expect(status).toBe(200);
    expect(json().usage.completion_tokens).toBeLessThanOrEqual(5);
    expect(json().choices[0].finish_reason).toBe("length");
  });

  it("the same errors where a stream was asked for, before it begins", async () => {
    expectError(await stream(chatUrl(), chat(words(70))), 400, { code: "context_length_exceeded" });
  });
});

describe("with keys", () => {
  let keyed: string;
  beforeAll(async () => {
    ({ url: keyed } = await startWorker({ http: { apiKeys: ["sk-one", "sk-two"] } }));
  });

  it("401 without one or with another, on what answers and what changes a worker", async () => {
    for (const path of ["/v1/chat/completions", "/v1/completions", "/tokenize", "/drain", "/clear_kv_blocks"]) {
      expectError(await post(`${keyed}${path}`, chat("a")), 401, { code: "invalid_api_key" });
      const wrong = await post(`${keyed}${path}`, chat("a"), { authorization: "Bearer sk-three" });
      expectError(wrong, 401, { code: "invalid_api_key" });
      expect(wrong.headers["www-authenticate"]).toBe("Bearer");
    }
    expectError(await call(`${keyed}/v1/models`), 401, {});
  });

  it("200 with any of them, and on health and metrics without", async () => {
    for (const key of ["sk-one", "sk-two"]) {
      const reply = await post(`${keyed}/v1/chat/completions`, chat("a"), { authorization: `Bearer ${key}` });
      expect(reply.status).toBe(200);
    }
    expect((await call(`${keyed}/health`)).status).toBe(200);
    expect((await call(`${keyed}/metrics`)).status).toBe(200);
  });
});

/** A worker whose first pass never ends in a test's time, and that runs one sequence at a time. */
async function busyWorker(http: object = {}): Promise<{ url: string; host: WorkerHost }> {
  return await startWorker({
    engine: {
      timing: fixedTiming({ prefillMs: 3_600_000, decodeMs: 1, perPass: true }),
      speedupRatio: 1,
      maxNumSeqs: 1,
    },
    http,
  });
}

describe("refusals for load and state", () => {
  it("503 while starting; ready in the end", async () => {
    const host = await startWorkers({ settings: { startupMs: 3_600_000 } });
    const starting = host.workers[0]!.url;
    const health = await call(`${starting}/health`);
    expectError(health, 503, { code: "service_unavailable" });
    expect((await call(`${starting}/live`)).status).toBe(200);
    expect((await call(`${starting}/worker`)).json().state).toBe("starting");
    expectError(await post(`${starting}/v1/chat/completions`, chat("a")), 503, {});
    await host.workers[0]!.worker.drain();
  });

  it("503 while draining, and what is under way goes on to its end", async () => {
    const { url: draining, host } = await startWorker({
      engine: { timing: fixedTiming({ prefillMs: 50, decodeMs: 1, perPass: true }), speedupRatio: 1 },
    });
    const underWay = stream(`${draining}/v1/chat/completions`, chat("a", { max_tokens: 20 }));
    await vi.waitFor(async () => {
      const [load] = (await call(`${draining}/worker/load`)).json().ranks;
      expect(load.running + load.waiting).toBe(1);
    });
    expect((await post(`${draining}/drain`, {})).json()).toEqual({ state: "draining" });
    expectError(await call(`${draining}/readyz`), 503, {});
    const refused = await post(`${draining}/v1/chat/completions`, chat("a"));
    expectError(refused, 503, { type: "server_error" });
    expect(refused.headers["retry-after"]).toBe("1");
    const { data, chunks } = await underWay;
    expect(data.at(-1)).toBe("[DONE]");
    expect(chunks).toHaveLength(21);
    await host.drainWorker(host.workers[0]!.id);
    expect(host.workers).toHaveLength(0);
  });

  it("429 with Retry-After where too many wait", async () => {
    const { url: busy, host } = await busyWorker({ maxWaiting: 1 });
    const busyChat = `${busy}/v1/chat/completions`;
    const waitFor = (running: number, waiting: number) =>
      vi.waitFor(async () => {
        expect((await call(`${busy}/worker/load`)).json().ranks[0]).toMatchObject({ running, waiting });
      });
    const first = post(busyChat, chat("a"));
    await waitFor(1, 0);
    const second = post(busyChat, chat("b"));
    await waitFor(1, 1);
    const third = await post(busyChat, chat("c"));
    expectError(third, 429, { code: "rate_limit_exceeded" });
    expect(Number(third.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    host.workers[0]!.worker.stop();
    expectError(await first, 503, {});
    expectError(await second, 503, {});
  });

  it("an error event ends a stream whose worker ends", async () => {
    const { url: slow, host } = await startWorker({
      engine: { timing: fixedTiming({ prefillMs: 1, decodeMs: 5, perPass: true }), speedupRatio: 1 },
    });
    const answer = stream(`${slow}/v1/chat/completions`, chat("a", { max_tokens: 60_000 }));
    await vi.waitFor(async () => {
      expect((await call(`${slow}/worker/load`)).json().ranks[0].lastDecodeBatch).toBe(1);
    });
    host.workers[0]!.worker.stop();
    const { data, status } = await answer;
    expect(status).toBe(200);
    expect(JSON.parse(data.at(-1)!)).toMatchObject({ error: { type: "server_error" } });
    expect(data).not.toContain("[DONE]");
  });
});

describe("a client that goes away", () => {
  it.each(["streamed", "whole"])("frees the blocks of its %s answer, and counts as aborted", async (kind) => {
    const { url: slow } = await startWorker({
      engine: { timing: fixedTiming({ prefillMs: 1, decodeMs: 1, perPass: true }), speedupRatio: 1 },
    });
    const { port } = new URL(slow);
    const body = JSON.stringify(chat(words(40), { max_tokens: 60_000, stream: kind === "streamed" }));
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const load = async () => (await call(`${slow}/worker/load`)).json().ranks[0];
    await vi.waitFor(async () => expect((await load()).usedBlocks).toBeGreaterThan(0));
    socket.destroy();
    await vi.waitFor(async () => expect(await load()).toMatchObject({ usedBlocks: 0, running: 0, waiting: 0 }));
    const { text } = await call(`${slow}/metrics`);
    expect(text).toContain('vllm:request_success_total{model_name="mock",engine="0",finished_reason="abort"} 1\n');
  });
});

it("a request to a rank that is not there is refused", async () => {
  const worker = await startWorker({ settings: { dpSize: 2 } });
  const rank = (value: string) =>
    post(`${worker.url}/v1/chat/completions`, chat("a", { max_tokens: 1 }), { "x-data-parallel-rank": value });
  expect((await rank("1")).status).toBe(200);
  const refused = await rank("2");
  expectError(refused, 400, {});
  expect(refused.json().error.message).toBe("dp_rank 2 is out of bounds for dp_size 2");
});

/** What a raw connection is answered until it is closed. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("what is no request", () => {
  it("400 for what is not HTTP, 431 for a head that is too large, in OpenAI's shape", async () => {
    const port = Number(new URL(url).port);
    const cases = [
      { text: "hello\r\n\r\n", status: 400 },
      { text: `GET /health HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`, status: 431 },
    ];
    for (const { text, status } of cases) {
      const answer = await exchange(port, text);
      expect(answer.startsWith(`HTTP/1.1 ${status} `), answer).toBe(true);
      expect(JSON.parse(answer.split("\r\n\r\n")[1]!)).toMatchObject({ error: { type: "invalid_request_error" } });
    }
  });

  it("408 for a body that never comes to its end", async () => {
    const slow = await startWorker({ host: { requestTimeoutMs: 100, headersTimeoutMs: 100 } });
    const port = Number(new URL(slow.url).port);
    const head =
      "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    const answer = await exchange(port, `${head}{"prompt":`);
    expect(answer.startsWith("HTTP/1.1 408 "), answer).toBe(true);
    expect(JSON.parse(answer.split("\r\n\r\n")[1]!)).toMatchObject({ error: { code: "request_timeout" } });
  });
});
