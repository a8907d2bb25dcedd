import { describe, expect, it } from "vitest";
import { BearerTokens } from "#common/http";
import { controlApp, MinimumEndpoints, type MinimumOptions, metricsApp, PlannerMetrics } from "#planner/service";
import { madeService } from "./made-service.ts";

const own = { host: "127.0.0.1:9086" };

function made(options: Partial<MinimumOptions> = {}, tokens: string[] = []) {
  const all = madeService([{ prefill: 2, decode: 1 }]);
  const minimum = new MinimumEndpoints(all.planner, {
    mode: "disagg",
    initial: { prefill: 1, decode: 1 },
    gpusPerWorker: { prefill: 1, decode: 2 },
    maxGpus: 8,
    ...options,
  });
  const metrics = new PlannerMetrics(() => all.service, { sla: { ttftMs: 200, itlMs: 10 }, power: null });
  const app = controlApp({
    service: all.service,
    minimum,
    metrics,
    tokens: new BearerTokens(tokens),
    names: ["planner.local"],
    lockTimeoutMs: 40,
  });
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: "GET", url, headers: { ...own, ...headers } });
  const patch = (body: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: "PATCH",
      url: "/v1/min-endpoints",
      headers: { ...own, "content-type": "application/json", ...headers },
      payload: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { ...all, metrics, app, get, patch };
}

describe("minimum endpoints over HTTP", () => {
  it.each([
    ["disagg", { mode: "disagg", prefill_min_endpoint: 1, decode_min_endpoint: 1 }],
    ["prefill", { mode: "prefill", prefill_min_endpoint: 1 }],
    ["decode", { mode: "decode", decode_min_endpoint: 1 }],
    ["agg", { mode: "agg", min_endpoint: 1 }],
  ] as const)("mode %s shows its own fields", async (mode, shown) => {
    expect((await made({ mode }).get("/v1/min-endpoints")).json()).toEqual(shown);
  });

  it("a change counts for the strategy, and is shown", async () => {
    const { patch, get, planner } = made();
    expect((await patch({ decode_min_endpoint: 3 })).json()).toMatchObject({ decode_min_endpoint: 3 });
    expect(planner.minimum).toEqual({ prefill: 1, decode: 3 });
    expect((await get("/v1/min-endpoints")).json()).toMatchObject({ prefill_min_endpoint: 1, decode_min_endpoint: 3 });
  });

  it.each([
    ["no JSON", "{", 400, /not JSON/],
    ["no object", [1], 400, /a list/],
    ["nothing", {}, 400, /no field/],
    ["an unknown field", { prefil_min_endpoint: 1 }, 400, /prefill_min_endpoint/],
    ["a field of another mode", { min_endpoint: 1 }, 422, /not of mode disagg/],
    ["a text", { prefill_min_endpoint: "2" }, 422, /found "2"/],
    ["null", { prefill_min_endpoint: null }, 422, /found null/],
    ["zero", { prefill_min_endpoint: 0 }, 422, /from 1/],
    ["a fraction", { prefill_min_endpoint: 1.5 }, 422, /whole number/],
    ["more than the budget has", { prefill_min_endpoint: 3, decode_min_endpoint: 3 }, 422, /9 GPUs, the budget is 8/],
    ["something beside a mistake", { decode_min_endpoint: 2, prefill_min_endpoint: -1 }, 422, /found -1/],
  ] as const)("%s is refused, and nothing changes", async (_, body, status, message) => {
    const { patch, get, planner } = made();
    const answer = await patch(body);
    expect(answer.statusCode).toBe(status);
    expect(answer.json().error).toMatch(message);
    expect(planner.minimum).toBeNull();
    expect((await get("/v1/min-endpoints")).json()).toMatchObject({ prefill_min_endpoint: 1, decode_min_endpoint: 1 });
  });

  it("power has a limit, too", async () => {
    const { patch } = made({
      maxGpus: null,
      powerPerWorker: { prefill: 500, decode: 700 },
      powerLimitWatts: 2000,
    });
    expect((await patch({ decode_min_endpoint: 2 })).statusCode).toBe(200);
    expect((await patch({ decode_min_endpoint: 3 })).json().error).toContain("2600 W, the limit is 2000 W");
  });

  it("a decision in progress is not disturbed: try again", async () => {
    const { service, clock, connector, patch } = made();
    connector.state_ = "hangs";
    await service.start();
    await clock.advance(5000);
    expect((await patch({ decode_min_endpoint: 2 })).statusCode).toBe(503);
    await clock.advance(3000);
    expect((await patch({ decode_min_endpoint: 2 })).statusCode).toBe(200);
    await service.stop();
  });
});

describe("who may ask", () => {
  it("the port of metrics has metrics, and nothing that changes or tells anything else", async () => {
    const { metrics } = made();
    const app = metricsApp({ metrics, tokens: new BearerTokens([]), names: [] });
    const ask = (method: "GET" | "PATCH", url: string) => app.inject({ method, url, headers: own, payload: "{}" });
    expect((await ask("GET", "/metrics")).body).toContain("dynamo_planner_gpu_hours");
    expect((await ask("GET", "/health")).statusCode).toBe(200);
    for (const url of ["/v1/min-endpoints", "/v1/status", "/v1/snapshots"]) {
      expect((await ask("GET", url)).statusCode, url).toBe(404);
    }
    expect((await ask("PATCH", "/v1/min-endpoints")).statusCode).toBe(404);
  });

  it("needs the token where there is one, but not for health", async () => {
    const { get } = made({}, ["secret"]);
    expect((await get("/v1/status")).statusCode).toBe(401);
    expect((await get("/v1/status", { authorization: "Bearer wrong" })).statusCode).toBe(401);
    expect((await get("/v1/status", { authorization: "Bearer secret" })).statusCode).toBe(200);
    expect((await get("/health")).statusCode).toBe(200);
  });

  it("no page of another site, whatever name it gives this server", async () => {
    const { get, patch } = made();
    expect((await get("/v1/status", { host: "evil.example" })).statusCode).toBe(403);
    expect((await get("/v1/status", { host: "planner.local:9086" })).statusCode).toBe(200);
    expect((await patch({ decode_min_endpoint: 2 }, { origin: "http://evil.example" })).statusCode).toBe(403);
    expect((await patch({ decode_min_endpoint: 2 }, { "sec-fetch-site": "cross-site" })).statusCode).toBe(403);
  });

  it("what is not there or too large is said in JSON", async () => {
    const { get, patch, app } = made();
    expect((await get("/v2")).json()).toEqual({ error: "there is nothing here" });
    const wrong = await app.inject({ method: "DELETE", url: "/v1/min-endpoints", headers: own });
    expect(wrong.statusCode).toBe(405);
    expect((await patch({ prefill_min_endpoint: "x".repeat(20_000) })).statusCode).toBe(413);
  });
});

describe("what it tells", () => {
  it("is ready once it has seen the deployment and its traffic", async () => {
    const { service, clock, get } = made();
    expect((await get("/ready")).statusCode).toBe(503);
    await service.start();
    await clock.advance(5000);
    expect((await get("/ready")).json()).toEqual({ ready: true, leader: true });
    await service.stop();
  });

  it("all ticks after one, the newest of them where they are many", async () => {
    const { service, clock, get } = made();
    await service.start();
    await clock.advance(25_000);
    const ticks = async (query: string) =>
      (await get(`/v1/snapshots?${query}`)).json().snapshots.map(({ tick }: { tick: number }) => tick);
    expect(await ticks("after=2")).toEqual([3, 4, 5]);
    expect(await ticks("after=0&limit=2")).toEqual([4, 5]);
    expect((await get("/v1/snapshots?after=-1")).statusCode).toBe(400);
    expect((await get("/v1/status")).json()).toMatchObject({ leader: true, ticks: 5, last: { tick: 5 } });
    await service.stop();
  });
});
