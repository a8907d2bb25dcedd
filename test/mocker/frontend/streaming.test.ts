import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { CHAT, chat, frontend, metric, post, said, until, values, worker } from "./ask.ts";
import { DONE, json, openStream, ROLE_CHUNK, streamOf, tokenChunk, usageChunk } from "./fake-worker.ts";

describe("a stream through the frontend", () => {
  it("comes as the worker wrote it, with the names of request and worker", async () => {
    const fake = await worker({ id: "w1" }, streamOf(4));
    const gateway = await frontend([fake]);
    const response = await chat(gateway, {}, { headers: { "x-request-id": "mine-1" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(response.headers.get("x-request-id")).toBe("mine-1");
    expect(response.headers.get("x-worker-id")).toBe("w1");
    const text = await response.text();
    expect(text).toBe([ROLE_CHUNK, ...[0, 1, 2, 3].map((i) => tokenChunk(i, i === 3)), DONE].join(""));
    expect(fake.seen[0]!.headers["x-request-id"]).toBe("mine-1");
  });

  it("hands the body on untouched, and the session's headers", async () => {
    const fake = await worker();
    const gateway = await frontend([fake]);
    const headers = { "x-session-id": "s-7", "x-data-parallel-rank": "1", traceparent: "00-1-2-03", "x-secret": "no" };
    const body = { ...CHAT, stream: true, max_tokens: 3, extra_of_some_engine: { deep: [1] } };
    await (await post(`${gateway.url}/v1/chat/completions`, body, { headers })).text();
    const [seen] = fake.seen;
    expect(seen!.body).toEqual(body);
    expect(seen!.headers).toMatchObject({
      "x-session-id": "s-7",
      "x-data-parallel-rank": "1",
      traceparent: "00-1-2-03",
    });
    expect(seen!.headers["x-secret"]).toBeUndefined();
  });

  it("tells the worker when the request came, or what the client says of that", async () => {
    const fake = await worker();
    const gateway = await frontend([fake]);
    const before = Date.now() / 1000;
    await (await chat(gateway)).text();
    const start = Number(/^t=(\d+\.\d+)$/.exec(String(fake.seen[0]!.headers["x-request-start"]))![1]);
    expect(start).toBeGreaterThanOrEqual(before - 0.002);
    expect(start).toBeLessThanOrEqual(Date.now() / 1000 + 0.002);
    await (await chat(gateway, {}, { headers: { "x-request-start": "t=1700000000.5" } })).text();
    expect(fake.seen[1]!.headers["x-request-start"]).toBe("t=1700000000.5");
  });

  it("gives a request an id of its own where the client's is none", async () => {
    const fake = await worker();
    const gateway = await frontend([fake]);
    const response = await chat(gateway, {}, { headers: { "x-request-id": "a b" } });
    await response.text();
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(fake.seen[0]!.headers["x-request-id"]).toBe(response.headers.get("x-request-id"));
  });

  it("lets a client's address of KV blocks go no further", async () => {
    const fake = await worker();
    const gateway = await frontend([fake]);
    const kv = { do_remote_prefill: true, remote_host: "169.254.169.254", remote_port: 80, remote_request_id: "x" };
    await (await chat(gateway, { kv_transfer_params: kv })).text();
    expect(fake.seen[0]!.body).not.toHaveProperty("kv_transfer_params");
  });

  it("passes tokens on while the worker goes on", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const answer = chat(gateway);
    const { response } = await arrived;
    response.write(tokenChunk(0));
    const reader = (await answer).body!.getReader();
    const first = Buffer.from((await reader.read()).value!).toString();
    expect(first).toBe(ROLE_CHUNK + tokenChunk(0));
    response.write(tokenChunk(1));
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(tokenChunk(1));
    response.end(DONE);
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(DONE);
    expect((await reader.read()).done).toBe(true);
  });

  it("keeps half an event until the other half is there", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const answer = chat(gateway);
    const { response } = await arrived;
    const half = tokenChunk(1).length / 2;
    response.write(tokenChunk(0) + tokenChunk(1).slice(0, half));
    const reader = (await answer).body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(ROLE_CHUNK + tokenChunk(0));
    response.end(tokenChunk(1).slice(half) + DONE);
    expect(Buffer.from((await reader.read()).value!).toString()).toContain(tokenChunk(1));
  });

  it("is given up at the worker when the client leaves", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const leaves = new AbortController();
    const answer = chat(gateway, {}, { signal: leaves.signal });
    const seen = await arrived;
    seen.response.write(tokenChunk(0));
    await answer;
    leaves.abort();
    expect(await seen.closed).toBe("broken");
    await until(async () => (await metric(gateway, "dynamo_frontend_disconnected_clients")) === 1);
    expect(await metric(gateway, 'dynamo_frontend_inflight_requests{model="mock"}')).toBe(0);
    expect(gateway.workers()[0]).toMatchObject({ requests: 0, outstanding: 0, state: "ready" });
  });

  it("is given up at the worker when the client leaves before the first token", async () => {
    const fake = await worker({}, () => {});
    const gateway = await frontend([fake]);
    const arrived = fake.next();
    const leaves = new AbortController();
    const answer = chat(gateway, {}, { signal: leaves.signal }).catch((error: Error) => error.name);
    const seen = await arrived;
    leaves.abort();
    expect(await answer).toBe("AbortError");
    expect(await seen.closed).toBe("broken");
  });

  it("stops reading from the worker while the client reads nothing, and loses nothing", async () => {
    let written = 0;
    const text = tokenChunk(0).replace("word0", "x".repeat(10_000));
    const total = 4000;
    const fake = await worker({}, async ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (; written < total; written++) if (!response.write(text)) await once(response, "drain");
      response.end(DONE);
    });
    const gateway = await frontend([fake]);
    const body = JSON.stringify({ ...CHAT, stream: true });
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    // Written by the worker: what the kernel's buffers and ours hold, then no more.
    let before = -1;
    while (written === 0 || written !== before) {
      before = written;
      for (let turn = 0; turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(total);
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => parts.push(part));
    socket.resume();
    await once(socket, "close");
    const tokens = Buffer.concat(parts).toString("latin1").split("data: {").length - 1;
    expect(tokens).toBe(total);
  });

  it("two requests on one connection are answered in order", async () => {
    const fake = await worker({}, ({ body, response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(tokenChunk(Number(body.max_tokens), true) + DONE);
    });
    const gateway = await frontend([fake]);
    const request = (n: number, more: string) => {
      const body = JSON.stringify({ ...CHAT, stream: true, max_tokens: n });
      return `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${more}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    };
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.write(request(1, "") + request(2, "connection: close\r\n"));
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    await once(socket, "close");
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(text.indexOf("word1")).toBeLessThan(text.indexOf("word2"));
    expect(text.match(/\[DONE\]/g)).toHaveLength(2);
  });

  it("goes to a client of HTTP/1.0 without chunks", async () => {
    const fake = await worker({}, streamOf(2));
    const gateway = await frontend([fake]);
    const body = JSON.stringify({ ...CHAT, stream: true });
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.write(
      `POST /v1/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    await once(socket, "close");
    expect(text.slice(text.indexOf("\r\n\r\n") + 4)).toBe(ROLE_CHUNK + tokenChunk(0) + tokenChunk(1, true) + DONE);
  });
});

describe("an answer in one piece", () => {
  it("comes as the worker gave it", async () => {
    const completion = {
      id: "x",
      choices: [{ message: { content: "hi" } }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
    };
    const fake = await worker({}, ({ response }) => json(response, 200, completion));
    const gateway = await frontend([fake]);
    const response = await chat(gateway, { stream: false });
    expect(await response.json()).toEqual(completion);
    expect(response.headers.get("x-worker-id")).toBe("worker");
  });

  it("a worker's error keeps its status, its body and its advice", async () => {
    const error = {
      error: { message: "the prompt is too long", type: "invalid_request_error", param: "messages", code: "x" },
    };
    const fake = await worker({}, ({ response }) => json(response, 429, error, { "retry-after": "7" }));
    const gateway = await frontend([fake]);
    for (const stream of [true, false]) {
      const response = await chat(gateway, { stream });
      expect(response.status).toBe(429);
      expect(response.headers.get("retry-after")).toBe("7");
      expect(await response.json()).toEqual(error);
    }
    expect(fake.seen).toHaveLength(2);
  });

  it("an error event of the worker's reaches the client and counts as a failure", async () => {
    const fake = await worker({}, ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(ROLE_CHUNK + tokenChunk(0));
      response.end(`data: ${JSON.stringify({ error: { message: "cut", type: "server_error" } })}\n\n`);
    });
    const gateway = await frontend([fake]);
    const text = await (await chat(gateway)).text();
    expect(said(text)).toBe(" word0");
    expect(JSON.parse(values(text).at(-1)!)).toMatchObject({ error: { message: "cut" } });
    const failed =
      'model="mock",endpoint="chat_completions",request_type="stream",status="error",error_type="internal"';
    expect(await metric(gateway, `dynamo_frontend_requests_total{${failed}}`)).toBe(1);
  });

  it("usage in a stream is what is counted", async () => {
    const fake = await worker({}, ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end([ROLE_CHUNK, tokenChunk(0), tokenChunk(1, true), usageChunk(30, 2, 16), DONE].join(""));
    });
    const gateway = await frontend([fake]);
    await (await chat(gateway, { stream_options: { include_usage: true } })).text();
    const events = (await (await fetch(`${gateway.url}/requests`)).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ kind: "finished", isl: 30, osl: 2, cachedTokens: 16 });
  });
});
