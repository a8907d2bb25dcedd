import { createServer } from "node:http";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type LoadOptions, type LoadResult, runLoad } from "#src/loadgen";
import { RequestStatus } from "#src/record";
import { cancelAfter } from "../../src/loadgen/cancellation.ts";
import {
  type Answer,
  begin,
  chunk,
  event,
  type FakeServer,
  fakeServer,
  finish,
  promptTokens,
  streamTokens,
} from "./fake-server.ts";
import { closedLoop, madeContent, manualDriver, openLoop, until } from "./made-load.ts";

let server: FakeServer;
afterEach(() => server.close());

async function load(answer: Answer | undefined, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  server = await fakeServer(answer);
  const target = { url: server.url, model: "fake", ...options.target };
  return await runLoad({ workload: closedLoop(2, 6), ...options, target: { ...target, url: server.url } });
}

describe("a run", () => {
  it("counts what the server tells: prompt tokens, output tokens, cached tokens, workers", async () => {
    const result = await load((request) => {
      begin(request, { "x-worker-id": "decode/3", "x-prefill-worker-id": "prefill/12" });
      for (let i = 0; i < 4; i++) request.response.write(chunk(request, " word"));
      finish(request, 4, 16);
    });
    expect(result.counts).toEqual({ sent: 6, completed: 6, rejected: 0, failed: 0, unfinished: 0, cancelled: 0 });
    const { requests, details } = result;
    expect([...requests.isl]).toEqual([20, 20, 20, 20, 20, 20]);
    expect([...requests.outputTokens]).toEqual([4, 4, 4, 4, 4, 4]);
    expect(new Set(requests.cachedTokens)).toEqual(new Set([16]));
    expect(new Set(requests.decodeWorker)).toEqual(new Set([3]));
    expect(new Set(requests.prefillWorker)).toEqual(new Set([12]));
    expect(new Set(requests.attempts)).toEqual(new Set([1]));
    expect(new Set(details.chunks)).toEqual(new Set([4]));
    expect(result.gaps.count).toBe(6 * 3);
    expect(result.warnings).toEqual([]);
  });

  it("uses connections again", async () => {
    const result = await load(undefined, { workload: closedLoop(3, 40) });
    expect(result.counts.completed).toBe(40);
    expect(server.connections).toBeLessThanOrEqual(3);
    expect(result.connections).toBeLessThanOrEqual(3);
  });

  it("sends what OpenAI's endpoints take, with headers, key and extra inputs", async () => {
    await load(undefined, {
      workload: openLoop([0], 12, 5),
      target: {
        url: "",
        model: "m",
        endpoint: "completions",
        apiKey: "sk-secret",
        headers: { "X-Tenant": "blue" },
        extraInputs: { ignore_eos: true, temperature: 0 },
      },
    });
    const [request] = server.received;
    expect(request!.path).toBe("/v1/completions");
    expect(request!.headers).toMatchObject({
      authorization: "Bearer sk-secret",
      "content-type": "application/json",
      "x-tenant": "blue",
    });
    expect(request!.headers["x-request-id"]).toMatch(/-0$/);
    expect(request!.headers["x-request-start"]).toBeUndefined();
    expect(request!.body).toMatchObject({
      model: "m",
      max_tokens: 5,
      stream: true,
      stream_options: { include_usage: true },
      ignore_eos: true,
      temperature: 0,
    });
    expect(promptTokens(request!.prompt)).toBe(12);
  });

  it("counts pieces of text where the server tells no usage, and says so", async () => {
    const result = await load((request) => {
      begin(request);
      for (let i = 0; i < 3; i++) request.response.write(chunk(request, " word"));
      request.response.end(chunk(request, " word", "length"));
    });
    expect([...result.requests.outputTokens]).toEqual([4, 4, 4, 4, 4, 4]);
    expect(result.warnings.map(({ code }) => code)).toEqual(["NO_USAGE"]);
  });

  it("warns where the server counts otherwise, and where it does not make the tokens that were asked for", async () => {
    const result = await load((request) => {
      begin(request);
      request.response.write(chunk(request, " word", "stop"));
      request.response.end(
        event({ choices: [], usage: { prompt_tokens: promptTokens(request.prompt) + 11, completion_tokens: 1 } }),
      );
    });
    expect(result.counts.completed).toBe(6);
    expect(result.warnings.map(({ code }) => code)).toEqual(["OSL", "ISL"]);
    expect(result.warnings[1]!.text).toContain("31.0 instead of 20.0");
  });

  it("measures whole responses where streaming is off: no time to first token, latency and usage", async () => {
    const answer: Answer = (request) => {
      request.response.setHeader("content-type", "application/json");
      const usage = { prompt_tokens: 20, completion_tokens: 4 };
      request.response.end(JSON.stringify({ choices: [{ message: { content: " a b c d" } }], usage }));
    };
    const result = await load(answer, { target: { url: "", model: "fake", streaming: false } });
    expect(server.received[0]!.body.stream).toBe(false);
    expect(result.counts.completed).toBe(6);
    expect(result.requests.firstTokenMs[0]).toBeNaN();
    expect(result.requests.lastTokenMs[0]).toBeGreaterThan(0);
    expect(result.requests.outputTokens[0]).toBe(4);
    expect(result.warnings).toEqual([]);
  });

  it("takes whole responses although it asked for streams, and warns", async () => {
    const result = await load((request) => {
      request.response.end(JSON.stringify({ choices: [{}], usage: { prompt_tokens: 20, completion_tokens: 4 } }));
    });
    expect(result.counts.completed).toBe(6);
    expect(result.warnings.map(({ code }) => code)).toEqual(["NOT_STREAMED"]);
  });
});

describe("connections", () => {
  it("that the server closes after each response are made anew", async () => {
    const result = await load(
      (request) => {
        request.response.setHeader("connection", "close");
        streamTokens(request);
      },
      { workload: closedLoop(2, 10) },
    );
    expect(result.counts.completed).toBe(10);
    expect(server.connections).toBe(10);
  });

  it("may end a response by closing, where it has no length", async () => {
    server = await fakeServer();
    const plain = createPlainServer((socket) => {
      socket.once("data", () => {
        const request = { path: "/v1/chat/completions" };
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
        socket.end(chunk(request, " a") + chunk(request, " b", "length") + event("[DONE]"));
      });
    });
    await new Promise<void>((resolve) => plain.listen(0, "localhost", resolve));
    const url = `http://localhost:${(plain.address() as AddressInfo).port}`;
    const result = await runLoad({ workload: openLoop([0, 1], 9, 2), target: { url, model: "fake" } });
    expect(result.counts.completed).toBe(2);
    expect([...result.requests.outputTokens]).toEqual([2, 2]);
    await new Promise((resolve) => plain.close(resolve));
  });

  it("that answer no HTTP are failures", async () => {
    server = await fakeServer();
    const plain = createPlainServer((socket) => void socket.once("data", () => socket.end("SSH-2.0-OpenSSH_9.6\r\n")));
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const result = await runLoad({ workload: openLoop([0]), target: { url, model: "fake" } });
    expect(result.failures).toMatchObject([{ kind: "protocol", status: 0 }]);
    await new Promise((resolve) => plain.close(resolve));
  });
});

describe("a closed loop", () => {
  it("always has as many requests in flight as its concurrency says, and never more", async () => {
    server = await fakeServer(() => {});
    const { driver, time } = manualDriver(closedLoop(3, 9), server);
    const run = driver.run(0);
    time.advance(0);
    for (let answered = 0; answered < 9; answered++) {
      expect([driver.counts.sent, driver.inFlight]).toEqual([Math.min(9, 3 + answered), Math.min(3, 9 - answered)]);
      await server.until(answered + 1);
      streamTokens(server.received[answered]!);
      await until(() => driver.counts.done === answered + 1);
    }
    await run;
    expect(server.mostInFlight).toBeLessThanOrEqual(3);
  });

  it("shares its places among threads", async () => {
    const result = await load(undefined, { workload: closedLoop(3, 30), threads: 2 });
    expect(result.counts.completed).toBe(30);
    expect(server.mostInFlight).toBeLessThanOrEqual(3);
  });

  it("starts no session after its end", async () => {
    const loop = closedLoop(1, 100_000);
    loop.closedLoops[0]!.endMs = 500;
    const result = await load(undefined, { workload: loop });
    expect(result.counts.sent).toBeGreaterThan(0);
    expect(result.counts.sent).toBeLessThan(100_000);
    expect(result.requests.arrivalMs.filter((atMs) => atMs >= 500)).toHaveLength(0);
    expect(result.counts.completed).toBe(result.counts.sent);
  });
});

describe("failures", () => {
  const cases: [string, Answer, object][] = [
    [
      "an overloaded server",
      ({ response }) => void response.writeHead(503).end(JSON.stringify({ error: { message: "no workers" } })),
      { kind: "server", status: 503, message: "status 503: no workers" },
    ],
    [
      "a request that is refused",
      ({ response }) => void response.writeHead(429).end(JSON.stringify({ error: { message: "too many" } })),
      { kind: "rejected", status: 429, message: "status 429: too many" },
    ],
    [
      "a proxy's page",
      ({ response }) => void response.writeHead(502).end("<h1>Bad   Gateway</h1>"),
      { kind: "server", status: 502, message: "status 502: <h1>Bad Gateway</h1>" },
    ],
    [
      "a connection that breaks before the response",
      ({ response }) => void response.destroy(),
      { kind: "dropped", status: 0 },
    ],
    [
      "a connection that breaks in the stream",
      async (request) => {
        begin(request);
        await new Promise((resolve) => request.response.write(chunk(request, " word"), resolve));
        request.response.destroy();
      },
      { kind: "dropped", status: 200, message: "the connection broke before the response was complete" },
    ],
    [
      "a stream that just ends",
      (request) => {
        begin(request);
        request.response.end(chunk(request, " word"));
      },
      { kind: "dropped", message: "the stream ended after 1 tokens without [DONE] or a finish reason" },
    ],
    [
      "an error event",
      (request) => {
        begin(request);
        request.response.write(chunk(request, " word"));
        request.response.end(event({ error: { message: "worker died", type: "internal_error" } }));
      },
      { kind: "stream", message: "worker died" },
    ],
    [
      "a page instead of a completion",
      ({ response }) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>hello</html>"),
      { kind: "protocol", message: "found text/html: <html>hello</html>, expected a completion" },
    ],
    [
      "a stream of something else",
      (request) => {
        begin(request);
        request.response.end("data: hello\n\n");
      },
      { kind: "protocol", message: 'found "hello" in the stream, expected JSON' },
    ],
  ];

  it.each(cases)("%s: the request failed, with the reason", async (_what, answer, expected) => {
    const result = await load((request) => (request.index === 1 ? answer(request) : streamTokens(request)), {
      workload: closedLoop(1, 3),
    });
    expect(result.failures).toMatchObject([{ request: 1, ...expected }]);
    expect(result.counts.completed).toBe(2);
    const status = (expected as { kind: string }).kind === "rejected" ? "rejected" : "failed";
    expect(result.requests.status[1]).toBe(RequestStatus[status]);
  });

  it("nothing listens: every request failed to connect", async () => {
    server = await fakeServer();
    await server.close();
    const result = await runLoad({ workload: openLoop([0, 1]), target: { url: server.url, model: "fake" } });
    const refused = { kind: "connect", status: 0, message: "connection refused: nothing listens there" };
    expect(result.failures).toMatchObject([refused, refused]);
    expect(result.counts).toMatchObject({ sent: 2, failed: 2 });
  });

  it("a request that takes too long is given up", async () => {
    const result = await load((request) => begin(request), { workload: closedLoop(1, 1), requestTimeoutMs: 40 });
    expect(result.failures).toMatchObject([{ request: 0, kind: "timeout" }]);
    expect(result.failures[0]!.message).toMatch(/^no end after [\d.]+ s \(0 tokens came\)$/);
    await server.received[0]!.closed;
  });

  it("a redirect is not followed: load goes to the named address alone", async () => {
    let visits = 0;
    const other = createServer((_request, response) => {
      visits++;
      response.end();
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    const result = await load(({ response }) => void response.writeHead(307, { location }).end(), {
      workload: closedLoop(1, 1),
    });
    expect(result.failures).toMatchObject([{ kind: "protocol", status: 307 }]);
    expect(result.failures[0]!.message).toContain("load goes to the named address alone");
    expect(visits).toBe(0);
    await new Promise((resolve) => other.close(resolve));
  });
});

describe("cancelled requests", () => {
  it("are given up after some of their tokens, and are no failures", async () => {
    const content = madeContent(20, 1000);
    const result = await load(
      async (request) => {
        begin(request);
        // Until the client goes: it has to.
        while (!request.response.destroyed && request.index % 2 === 0) {
          request.response.write(chunk(request, " word"));
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (request.index % 2 === 1) finish(request, 0);
      },
      { workload: closedLoop(1, 2, content), cancelShare: 1 },
    );
    expect(result.counts).toMatchObject({ sent: 2, cancelled: 1, completed: 1, failed: 0 });
    expect(result.details.cancelled[0]).toBe(1);
    expect(result.requests.outputTokens[0]).toBeGreaterThan(0);
    expect(result.requests.outputTokens[0]).toBeLessThan(1000);
    expect(result.failures).toEqual([]);
  });

  it("are the share that was asked for, at tokens from the first to the last but one, the same on every run", () => {
    const after = Array.from({ length: 4000 }, (_, request) => cancelAfter(0.25, 7, request, 5));
    expect(after).toEqual(Array.from({ length: 4000 }, (_, request) => cancelAfter(0.25, 7, request, 5)));
    const share = (token: number) => after.filter((value) => value === token).length / after.length;
    expect(share(0)).toBeCloseTo(0.75, 1);
    for (const token of [1, 2, 3, 4]) expect(share(token)).toBeCloseTo(0.0625, 1.5);
    expect(Math.max(...after)).toBe(4);
    expect(cancelAfter(0, 7, 1, 5)).toBe(0);
  });
});

describe("warm-up", () => {
  it("is sent before the start, is not measured, and shares no contents with what is", async () => {
    const result = await load(undefined, { workload: openLoop([0, 1, 2], 30, 4), warmupRequests: 5 });
    expect(server.received).toHaveLength(8);
    expect(result.counts.sent).toBe(3);
    expect(new Set(server.received.map(({ prompt }) => prompt)).size).toBe(8);
    expect(server.received.map(({ maxTokens }) => maxTokens)).toEqual([4, 4, 4, 4, 4, 4, 4, 4]);
  });

  it("that fails altogether ends the run before it begins", async () => {
    const refused: Answer = ({ response }) => void response.writeHead(404).end('{"error":{"message":"no such model"}}');
    await expect(load(refused, { warmupRequests: 2, threads: 2 })).rejects.toMatchObject({
      code: "LOADGEN_WARMUP_FAILED",
      exitCode: 1,
      message: "all 2 warm-up requests failed, the first: status 404: no such model",
    });
  });
});

describe("threads", () => {
  it("send together what one sends alone, and their results are one", async () => {
    const workload = closedLoop(4, 24, { ...madeContent(40, 6), prefix: { kind: "groups", groups: 2, tokens: 32 } });
    const run = async (threads: number) => {
      const result = await load(undefined, { workload, threads });
      const prompts = server.received.map(({ prompt }) => prompt as string).sort();
      await server.close();
      return { result, prompts };
    };
    const alone = await run(1);
    const together = await run(3);
    expect(together.prompts).toEqual(alone.prompts);
    expect(together.result.counts).toEqual(alone.result.counts);
    expect(together.result.requests.isl).toEqual(alone.result.requests.isl);
    expect(together.result.requests.outputTokens).toEqual(alone.result.requests.outputTokens);
    expect(together.result.gaps.count).toBe(alone.result.gaps.count);
  });

  it("keep to one schedule", async () => {
    const times = Array.from({ length: 12 }, (_, i) => i * 5);
    const result = await load(undefined, { workload: openLoop(times), threads: 2 });
    expect([...result.requests.arrivalMs]).toEqual(times);
    for (let i = 0; i < times.length; i++) {
      expect(result.details.sentMs[i]).toBeGreaterThanOrEqual(times[i]!);
    }
    expect(result.lateness.count).toBe(12);
  });
});

describe("a run that is stopped", () => {
  it("keeps what has been measured", async () => {
    const stop = new AbortController();
    const result = await load(
      (request) => {
        if (request.index < 3) streamTokens(request);
        else stop.abort();
      },
      { workload: closedLoop(1, 10), signal: stop.signal },
    );
    expect(result.aborted).toBe(true);
    expect(result.counts).toMatchObject({ sent: 4, completed: 3, unfinished: 1, failed: 0 });
  });

  it("before it began sends nothing", async () => {
    const result = await load(undefined, { signal: AbortSignal.abort(), warmupRequests: 3 });
    expect(result.counts.sent).toBe(0);
    expect(server.received).toEqual([]);
  });
});

describe("progress", () => {
  it("tells what has been sent, is under way and is done", async () => {
    const seen: number[] = [];
    const result = await load(undefined, {
      workload: closedLoop(1, 2000),
      signal: AbortSignal.any([]),
      onProgress: ({ sent, done, inFlight }) => {
        seen.push(done);
        expect(sent - done).toBe(inFlight);
      },
    });
    expect(result.counts.completed).toBe(2000);
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
  });
});

it("refuses a workload without requests and an address that is none", async () => {
  server = await fakeServer();
  const target = { url: server.url, model: "fake" };
  await expect(runLoad({ workload: openLoop([]), target })).rejects.toMatchObject({ code: "LOADGEN_NOTHING_TO_SEND" });
  await expect(
    runLoad({ workload: openLoop([0]), target: { ...target, url: "localhost:8000" } }),
  ).rejects.toMatchObject({ code: "LOADGEN_BAD_URL", hint: "did you mean http://localhost:8000?" });
  await expect(
    runLoad({ workload: openLoop([0]), target, prompts: { format: "ids" }, threads: 2 }),
  ).rejects.toMatchObject({ code: "LOADGEN_IDS_NEED_COMPLETIONS" });
});
