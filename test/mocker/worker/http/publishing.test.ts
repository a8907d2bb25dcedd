import { request } from "undici";
import { describe, expect, it, vi } from "vitest";
import type { Clock } from "#common";
import { fixedTiming } from "#mocker/engine";
import { SseParser } from "#mocker/protocol";
import { arrivalMs } from "../../../../mocker/worker/http/arrival.ts";
import { markRequest, type WorkerContext } from "../../../../mocker/worker/http/context.ts";
import { call, chat, post, startWorker, words } from "./harness.ts";

describe("GET /kv_events", () => {
  it("tells what is stored, as server-sent events", async () => {
    const { url } = await startWorker();
    const response = await request(`${url}/kv_events`);
    expect(response.statusCode).toBe(200);
    const events: { event: string; data: string }[] = [];
    const parser = new SseParser((event) => events.push(event));
    response.body.on("data", (chunk: Buffer) => parser.push(chunk));
    response.body.on("error", () => {});
    await post(`${url}/v1/completions`, { prompt: words(9), max_tokens: 1 });
    await vi.waitFor(() => {
      const stored = events
        .filter(({ event }) => event === "kv")
        .flatMap(({ data }) => JSON.parse(data).events)
        .flatMap(({ data }) => data.stored?.blocks ?? []);
      expect(stored).toHaveLength(2);
    });
    response.body.destroy();
  });

  it("404 where there are none: without prefix caching, or on a decode worker", async () => {
    for (const engine of [{ kvEvents: false }, { prefixCaching: false }, { role: "decode" as const }]) {
      const { url } = await startWorker({ engine });
      const reply = await call(`${url}/kv_events`);
      expect(reply.status).toBe(404);
      expect(reply.json().error.code).toBe("kv_events_off");
      expect((await call(`${url}/worker`)).json().kvEvents).toBe(false);
    }
  });
});

it("the head of a stream goes out before its first token where that takes long", async () => {
  const { url, host } = await startWorker({
    engine: { timing: fixedTiming({ prefillMs: 3_600_000, decodeMs: 1, perPass: true }), speedupRatio: 1 },
    http: { headAfterMs: 20 },
  });
  const response = await request(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(chat("a", { stream: true })),
  });
  expect(response.statusCode).toBe(200);
  host.workers[0]!.worker.stop();
  expect(await response.body.text()).toMatch(/^data: \{"error":/);
});

describe("X-Request-Start", () => {
  const nowMs = 50_000;
  const clock: Clock = {
    timeScale: 10,
    nowMs: () => nowMs,
    waitMs: () => 0,
    toUnixMs: (atMs) => atMs / 10 + 1_700_000_000_000,
    fromUnixMs: (unixMs) => (unixMs - 1_700_000_000_000) * 10,
  };
  /** Of a request whose head comes now. */
  function arrival(header: string | undefined, trustRequestStart = true): number {
    const raw = {};
    const context = { clock, running: { worker: { settings: { trustRequestStart } } } } as unknown as WorkerContext;
    markRequest(raw as never, context);
    return arrivalMs({ raw, headers: { "x-request-start": header } } as never);
  }
  const agoMs = (ms: number) => `t=${((clock.toUnixMs(nowMs) - ms) / 1000).toFixed(4)}`;

  it("is when a request arrived, in model time", () => {
    expect(arrival(agoMs(0.5))).toBeCloseTo(nowMs - 5, 6);
    expect(arrival(agoMs(900))).toBeCloseTo(nowMs - 9000, 6);
  });

  it("is not believed without trust, from the future, from more than a second ago, or where it is no time", () => {
    expect(arrival(agoMs(900), false)).toBe(nowMs);
    for (const header of [agoMs(-10), agoMs(1100), "t=soon", "", undefined]) expect(arrival(header)).toBe(nowMs);
  });
});
