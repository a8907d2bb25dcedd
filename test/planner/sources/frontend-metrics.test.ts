import { afterEach, describe, expect, it } from "vitest";
import { type Registry, registry } from "#common/prometheus";
import { scrapeSource } from "#planner/sources";
import { FakeServer, HandClock } from "./fake-deployment.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const NONE = { active: 0, starting: 0, draining: 0 };

/** A frontend's metrics under Dynamo's names. */
class FakeMetrics {
  text: Registry = registry();
  #metrics = this.#make();

  #make() {
    const r = registry();
    this.text = r;
    const histogram = (name: string, buckets: number[]) =>
      r.histogram(`dynamo_frontend_${name}`, name, ["model"], buckets);
    return {
      started: r.counter("dynamo_frontend_requests_started_total", "started", ["model"]),
      total: r.counter("dynamo_frontend_requests_total", "ended", ["model", "status"]),
      isl: histogram("input_sequence_tokens", [500, 1000, 2000]),
      osl: histogram("output_sequence_tokens", [100, 200]),
      ttft: histogram("time_to_first_token_seconds", [0.1, 0.3]),
      itl: histogram("inter_token_latency_seconds", [0.005, 0.01, 0.02]),
      duration: histogram("request_duration_seconds", [1, 2, 5]),
    };
  }

  restart(): void {
    this.#metrics = this.#make();
  }

  started(isl: number, model = "llama"): void {
    this.#metrics.started.labels(model).inc();
    this.#metrics.isl.labels(model).observe(isl);
  }

  ended(ttftS: number, itlS: number, osl: number, durationS: number, model = "llama"): void {
    const { total, ttft, itl, osl: lengths, duration } = this.#metrics;
    total.labels(model, "success").inc();
    ttft.labels(model).observe(ttftS);
    itl.labels(model).observe(itlS, osl - 1);
    lengths.labels(model).observe(osl);
    duration.labels(model).observe(durationS);
  }
}

async function setUp(frontends = 1, model?: string) {
  const clock = new HandClock();
  const fakes: FakeMetrics[] = [];
  const servers: FakeServer[] = [];
  for (let i = 0; i < frontends; i++) {
    const fake = new FakeMetrics();
    const server = await new FakeServer().listen();
    server.answer = (url) =>
      url.pathname === "/metrics" ? { body: fake.text.text() } : { status: 404, body: "not found" };
    closers.push(() => server.close());
    fakes.push(fake);
    servers.push(server);
  }
  const source = scrapeSource({
    clock,
    frontends: servers.map(({ url }) => url),
    workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers: [] }),
    sla: { ttftMs: 200, itlMs: 7.5 },
    pollMs: 3_600_000,
    ...(model === undefined ? {} : { model }),
    idlePrefillMs: () => 1,
  });
  closers.push(() => source.close());
  const observe = (atMs: number) => {
    clock.ms = atMs;
    return source.observe(atMs);
  };
  // The counters' start.
  await observe(0);
  return { fakes, servers, source, observe, fake: fakes[0]! };
}

describe("the scrape source, with metrics alone", () => {
  it("takes what counters and histograms rose by", async () => {
    const { fake, observe } = await setUp();
    fake.started(900);
    fake.ended(0.05, 0.004, 11, 1.5);
    await observe(1000);
    fake.started(600);
    fake.started(1400);
    fake.ended(0.05, 0.006, 101, 2);
    fake.ended(0.25, 0.012, 51, 4);
    const seen = await observe(6000);
    expect(seen).toMatchObject({
      windowMs: 5000,
      startedRequests: 2,
      completedRequests: 2,
      meanIsl: expect.closeTo(1000, 9),
      meanOsl: 76,
      meanTtftMs: expect.closeTo(150, 9),
      // Each gap counts: 100 of 6 ms and 50 of 12 ms.
      meanItlMs: expect.closeTo(8, 9),
      meanRequestDurationMs: 3000,
      ttftJudged: 2,
      // 200 ms lie in the middle of the bucket of the slower one.
      ttftMet: expect.closeTo(1.5, 9),
      itlJudged: 2,
      itlMet: expect.closeTo((2 * 50) / 150, 9),
      prefillProfiledS: null,
      prefillCount: 0,
    });
    const lengths = Array.from(seen.startedIsl);
    expect(lengths.reduce((sum, isl) => sum + isl, 0) / lengths.length).toBeCloseTo(1000, 9);
    expect(Math.min(...lengths)).toBeLessThan(800);
    expect(Math.max(...lengths)).toBeGreaterThan(1400);
  });

  it("tells no traffic from no data", async () => {
    const { observe, servers, source } = await setUp();
    const nothing = { meanIsl: null, meanTtftMs: null, ttftJudged: 0, ttftMet: 0, itlJudged: 0, startedIsl: [] };
    expect(await observe(1000)).toMatchObject({ startedRequests: 0, completedRequests: 0, ...nothing });
    servers[0]!.answer = (url) => (url.pathname === "/metrics" ? { status: 503, body: "" } : { status: 404, body: "" });
    expect(await observe(2000)).toMatchObject({ startedRequests: null, completedRequests: null, ...nothing });
    expect(source.problems).toEqual([expect.stringContaining("/metrics answered 503")]);
    servers[0]!.answer = (url) => (url.pathname === "/metrics" ? { body: "up 1\nup{" } : { status: 404, body: "" });
    expect(await observe(3000)).toMatchObject({ startedRequests: null });
    servers[0]!.answer = (url) => (url.pathname === "/metrics" ? { body: "up 1\n" } : { status: 404, body: "" });
    expect(await observe(4000)).toMatchObject({ startedRequests: null });
    expect(source.problems).toEqual([expect.stringContaining("no dynamo_frontend_requests_total")]);
  });

  it("knows of no arrivals where frontends tell only of what ended", async () => {
    const { fakes, servers, observe } = await setUp(2);
    const { answer } = servers[0]!;
    servers[0]!.answer = (url, ...rest) => {
      const told = answer(url, ...rest) as { body: string } | null;
      if (url.pathname !== "/metrics") return told;
      return { body: told!.body.replaceAll(/^.*requests_started_total.*$\n/gm, "") };
    };
    for (const fake of fakes) fake.ended(0.1, 0.005, 10, 1);
    expect(await observe(1000)).toMatchObject({ startedRequests: null, completedRequests: 2, meanOsl: 10 });
    servers[0]!.answer = answer;
    for (const fake of fakes) fake.started(700);
    expect(await observe(2000)).toMatchObject({ completedRequests: 0 });
    for (const fake of fakes) fake.started(700);
    expect(await observe(3000)).toMatchObject({ startedRequests: 2 });
  });

  it("knows a frontend without counters yet for one without requests", async () => {
    const { fake, servers, observe } = await setUp();
    const { answer } = servers[0]!;
    const idle = "# TYPE dynamo_frontend_inflight_requests gauge\ndynamo_frontend_inflight_requests 0\n";
    servers[0]!.answer = (url) => (url.pathname === "/metrics" ? { body: idle } : { status: 404, body: "" });
    expect(await observe(1000)).toMatchObject({ startedRequests: 0, completedRequests: 0, meanTtftMs: null });
    servers[0]!.answer = answer;
    fake.started(700);
    expect(await observe(2000)).toMatchObject({ startedRequests: 1, completedRequests: 0, meanIsl: 700 });
  });

  it("weighs frontends by what each has seen, and begins anew with one that was restarted", async () => {
    const { fakes, observe } = await setUp(2);
    for (let i = 0; i < 9; i++) {
      fakes[0]!.started(1000);
      fakes[0]!.ended(0.1, 0.005, 10, 1);
    }
    fakes[1]!.started(2000);
    fakes[1]!.ended(0.2, 0.005, 20, 2);
    expect(await observe(1000)).toMatchObject({
      startedRequests: 10,
      meanIsl: expect.closeTo(1100, 9),
      meanTtftMs: expect.closeTo(110, 9),
      meanOsl: expect.closeTo(11, 9),
      meanRequestDurationMs: expect.closeTo(1100, 9),
    });
    fakes[0]!.restart();
    fakes[0]!.started(500);
    fakes[0]!.ended(0.3, 0.01, 30, 3);
    expect(await observe(2000)).toMatchObject({
      startedRequests: 1,
      completedRequests: 1,
      meanIsl: 500,
      meanTtftMs: expect.closeTo(300, 9),
    });
  });

  it("gives a window its share of what happened while a frontend did not answer", async () => {
    const { fake, servers, observe } = await setUp();
    const { answer } = servers[0]!;
    servers[0]!.answer = () => null;
    for (let i = 0; i < 8; i++) fake.started(1000);
    expect(await observe(3000)).toMatchObject({ startedRequests: null });
    servers[0]!.answer = answer;
    expect(await observe(4000)).toMatchObject({ startedRequests: 2, meanIsl: 1000 });
  });

  it("sees only its model where it is told one, in lower case or not", async () => {
    const { fake, observe } = await setUp(1, "LLaMA");
    fake.started(1000, "llama");
    fake.started(3000, "other");
    expect(await observe(1000)).toMatchObject({ startedRequests: 1, meanIsl: 1000 });
  });
});
