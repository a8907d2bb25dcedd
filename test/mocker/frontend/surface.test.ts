import { once } from "node:events";
import { connect } from "node:net";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { CHAT, chat, frontend, metric, post, said, until, worker } from "./ask.ts";
import {
  breaksOff,
  DONE,
  type Handler,
  json,
  openStream,
  ROLE_CHUNK,
  streamOf,
  tokenChunk,
  usageChunk,
} from "./fake-worker.ts";

const completion: Handler = ({ response }) =>
  json(response, 200, {
    id: "x",
    model: "mock",
    choices: [{ message: { role: "assistant", content: "hi you" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } },
  });

function client(gateway: { url: string }): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
}

/** Sends raw bytes and returns all that comes until the connection ends. */
async function raw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let text = "";
  socket.on("data", (part: Buffer) => {
    text += part.toString();
  });
  socket.write(bytes);
  await once(socket, "close");
  return text;
}

describe("what the frontend answers by itself", () => {
  it("models, health, liveness, workers", async () => {
    const gateway = await frontend([await worker({ id: "w", contextLength: 4096 })]);
    const get = async (path: string) => (await fetch(gateway.url + path)).json();
    expect(await get("/v1/models")).toMatchObject({
      object: "list",
      data: [{ id: "mock", object: "model", max_model_len: 4096 }],
    });
    expect(await get("/health")).toMatchObject({ status: "healthy", workers: 1 });
    expect(await get("/live")).toEqual({ status: "live" });
    expect(await get("/workers")).toMatchObject({
      workers: [{ id: "w", state: "ready", role: "aggregated", models: ["mock"] }],
    });
  });

  it("errors have OpenAI's shape", async () => {
    const gateway = await frontend([await worker()], { limits: { maxBodyBytes: 1000 } });
    const error = async (response: Response) => [
      response.status,
      ((await response.json()) as { error: { code: string } }).error.code,
    ];
    expect(await error(await fetch(`${gateway.url}/nowhere`))).toEqual([404, "unknown_url"]);
    expect(await error(await fetch(`${gateway.url}/v1/chat/completions`))).toEqual([405, "method_not_supported"]);
    // Refused before any of our own code runs.
    const malformed = await raw(gateway.url, "GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(malformed).toMatch(/^HTTP\/1\.1 400 .*"error":\{"message":/s);
    expect(await error(await chat(gateway, { user: "x".repeat(2000) }))).toEqual([413, "request_too_large"]);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect(await error(await post(`${gateway.url}/v1/chat/completions`, "a=b", { headers: form }))).toEqual([
      415,
      "unsupported_media_type",
    ]);
    expect((await chat(gateway)).status).toBe(200);
  });

  it("a body that does not come is given up", async () => {
    const gateway = await frontend([await worker()], { limits: { requestTimeoutMs: 100 } });
    const head =
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    expect(await raw(gateway.url, `${head}{"model"`)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("clears the caches of all workers, and tells of those that could not", async () => {
    const [a, b] = [await worker({ id: "a" }), await worker({ id: "b" })];
    const gateway = await frontend([a, b]);
    b.kill();
    const answer = await (await post(`${gateway.url}/clear_kv_blocks`, {})).json();
    expect(answer).toMatchObject({ cleared_workers: [{ worker_id: "a" }], failed_workers: [{ worker_id: "b" }] });
    expect(a.log).toContain("POST /clear_kv_blocks");
  });

  it("asks for a bearer token where it has any, but not of probes", async () => {
    const fake = await worker();
    const gateway = await frontend([fake], { apiKeys: ["sk-one", "sk-two"], workerApiKey: "sk-inner" });
    for (const path of ["/health", "/live", "/metrics", "/health?full=1"])
      expect((await fetch(gateway.url + path)).status).toBe(200);
    for (const path of ["/v1/models", "/workers", "/requests"])
      expect((await fetch(gateway.url + path)).status).toBe(401);
    const refused = await chat(gateway, {}, { headers: { authorization: "Bearer sk-on" } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    expect(await refused.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    expect((await chat(gateway, {}, { headers: { authorization: "Bearer sk-two" } })).status).toBe(200);
    expect(fake.seen[0]!.headers.authorization).toBe("Bearer sk-inner");
  });
});

describe("/v1/responses, asked by OpenAI's client", () => {
  it("is a chat to the worker, and its answer a response", async () => {
    const fake = await worker({ id: "w" }, completion);
    const gateway = await frontend([fake]);
    const { data, response } = await client(gateway)
      .responses.create({ model: "mock", instructions: "be brief", input: "hello there", max_output_tokens: 7 })
      .withResponse();
    expect(data.output_text).toBe("hi you");
    expect(data.status).toBe("completed");
    expect(data.usage).toMatchObject({ input_tokens: 3, output_tokens: 2, input_tokens_details: { cached_tokens: 1 } });
    expect(response.headers.get("x-worker-id")).toBe("w");
    expect(fake.seen[0]!.path).toBe("/v1/chat/completions");
    expect(fake.seen[0]!.body).toMatchObject({
      model: "mock",
      max_completion_tokens: 7,
      messages: [
        { role: "system", content: "be brief" },
        { role: "user", content: "hello there" },
      ],
    });
  });

  it("streams the client's own events", async () => {
    const fake = await worker({}, ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end([ROLE_CHUNK, tokenChunk(0), tokenChunk(1, true), usageChunk(3, 2, 0), DONE].join(""));
    });
    const gateway = await frontend([fake]);
    const stream = await client(gateway).responses.create({ model: "mock", input: "hello", stream: true });
    const types: string[] = [];
    let text = "";
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "response.incomplete") expect(event.response.usage?.output_tokens).toBe(2);
    }
    expect(text).toBe(" word0 word1");
    expect(types[0]).toBe("response.created");
    expect(types.at(-1)).toBe("response.incomplete");
    expect(await metric(gateway, 'dynamo_frontend_output_tokens_total{model="mock"}')).toBe(2);
  });

  it("ends with an error event where the worker breaks off", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const answer = post(`${gateway.url}/v1/responses`, { model: "mock", input: "hello", stream: true });
    const seen = await arrived;
    seen.response.write(tokenChunk(0));
    const response = await answer;
    fake.kill();
    const text = await response.text();
    expect(text).toContain("event: response.output_text.delta");
    expect(text.trim().split("\n\n").at(-1)).toMatch(/^event: error\ndata: .*worker_failed/);
  });
});

describe("/v1/embeddings, asked by OpenAI's client", () => {
  it("equal texts have equal vectors of length 1", async () => {
    const gateway = await frontend([await worker()]);
    const { data, usage, model } = await client(gateway).embeddings.create({
      model: "mock",
      input: ["one two three", "four", "one two three"],
      dimensions: 64,
    });
    expect(model).toBe("mock");
    expect(data.map(({ embedding }) => embedding.length)).toEqual([64, 64, 64]);
    expect(data[0]!.embedding).toEqual(data[2]!.embedding);
    expect(data[0]!.embedding).not.toEqual(data[1]!.embedding);
    for (const { embedding } of data) expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(usage).toEqual({ prompt_tokens: 7, total_tokens: 7 });
    expect(await (await fetch(`${gateway.url}/requests`)).text()).toBe("");
  });

  it("of an unknown model is refused", async () => {
    const gateway = await frontend([await worker()]);
    await expect(client(gateway).embeddings.create({ model: "other", input: "x" })).rejects.toMatchObject({
      status: 404,
    });
  });
});

describe("a server that is no worker of ours", () => {
  it("is taken for an aggregated worker of all its models", async () => {
    const fake = await worker({}, (seen) => {
      const path = seen.path;
      if (path !== "/v1/chat/completions") return json(seen.response, 404, {});
      streamOf(2)(seen);
    });
    fake.foreign = ["llama", "qwen"];
    const gateway = await frontend([fake]);
    expect(gateway.workers()[0]).toMatchObject({
      foreign: true,
      role: "aggregated",
      models: ["llama", "qwen"],
      state: "ready",
    });
    for (const model of ["llama", "qwen"])
      expect(said(await (await chat(gateway, { model })).text())).toBe(" word0 word1");
    expect((await chat(gateway, { model: "mock" })).status).toBe(404);
  });
});

describe("draining", () => {
  it("ends what is under way, tells balancers and clients, and loses nothing", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const answer = chat(gateway);
    const { response } = await arrived;
    response.write(tokenChunk(0));
    const open = await answer;
    const drained = gateway.drain({ delayMs: 400 });
    const health = await fetch(`${gateway.url}/health`);
    expect(health.status).toBe(503);
    expect(health.headers.get("connection")).toBe("close");
    await until(() =>
      fetch(`${gateway.url}/live`).then(
        () => false,
        () => true,
      ),
    );
    response.end(tokenChunk(1, true) + DONE);
    expect(said(await open.text())).toBe(" word0 word1");
    await drained;
  });

  it("a request on an open connection is served still, and the connection ends with it", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const body = JSON.stringify({ ...CHAT, stream: true });
    const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const first = fake.next();
    const held = chat(gateway);
    const { response: holding } = await first;
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET /live HTTP/1.1\r\nhost: x\r\n\r\n");
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    await until(() => text.includes("live"));
    const drained = gateway.drain();
    const second = fake.next();
    socket.write(request);
    (await second).response.end(tokenChunk(0, true) + DONE);
    holding.end(tokenChunk(0, true) + DONE);
    await once(socket, "close");
    expect(text).toMatch(/connection: close/i);
    expect(text).toContain("[DONE]");
    expect(said(await (await held).text())).toBe(" word0");
    await drained;
  });

  it("has an end", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const answer = chat(gateway).then(
      (response) => response.text(),
      () => "cut",
    );
    const seen = await arrived;
    await gateway.drain({ graceMs: 50 });
    expect(await answer).not.toContain("[DONE]");
    expect(await seen.closed).toBe("broken");
  });
});

describe("starting", () => {
  it("at a port that is taken is the user's mistake", async () => {
    const gateway = await frontend([]);
    const port = Number(new URL(gateway.url).port);
    await expect(frontend([], { port })).rejects.toMatchObject({ code: "FRONTEND_PORT_TAKEN", where: "--port" });
  });

  it("without any worker answers that there is none", async () => {
    const gateway = await frontend([]);
    expect((await chat(gateway)).status).toBe(404);
    expect((await chat(gateway, { model: undefined })).status).toBe(400);
    expect(await (await fetch(`${gateway.url}/v1/models`)).json()).toEqual({ object: "list", data: [] });
  });

  it("a worker that always breaks off does not take the frontend with it", async () => {
    const gateway = await frontend([await worker({}, breaksOff)], { limits: { maxAttempts: 2 } });
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await chat(gateway)).status));
    expect(new Set(statuses)).toEqual(new Set([502]));
    expect(await metric(gateway, 'dynamo_frontend_inflight_requests{model="mock"}')).toBe(0);
  });
});
