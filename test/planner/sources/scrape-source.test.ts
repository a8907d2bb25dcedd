import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Observation } from "#planner/core";
import { type ScrapeSourceOptions, type SourceWorker, type SourceWorkers, scrapeSource } from "#planner/sources";
import { requestTable } from "#src/record";
import { WindowObserver } from "../../../src/simulator/observer.ts";
import { FakeFeed, FakeServer, HandClock } from "./fake-deployment.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const SLA = { ttftMs: 200, itlMs: 10 };
const NONE = { active: 0, starting: 0, draining: 0 };

async function server(): Promise<FakeServer> {
  const made = await new FakeServer().listen();
  closers.push(() => made.close());
  return made;
}

async function setUp(options: Partial<ScrapeSourceOptions> = {}, frontends = 1) {
  const clock = new HandClock();
  const feeds = Array.from({ length: frontends }, () => new FakeFeed());
  const servers = await Promise.all(feeds.map(() => server()));
  servers.forEach((each, i) => {
    each.answer = (url) => feeds[i]!.answer(url);
  });
  const view: SourceWorkers = { counts: { prefill: NONE, decode: { ...NONE, active: 1 } }, workers: [] };
  const source = scrapeSource({
    clock,
    frontends: servers.map(({ url }) => url),
    workers: () => view,
    sla: SLA,
    pollMs: 3_600_000,
    ...options,
  });
  closers.push(() => source.close());
  const observe = (atMs: number): Promise<Observation> => {
    clock.ms = atMs;
    return source.observe(atMs);
  };
  return { clock, feeds, feed: feeds[0]!, servers, source, view, observe };
}

const NOTHING = {
  startedRequests: 0,
  startedIsl: [],
  completedRequests: 0,
  meanIsl: null,
  meanOsl: null,
  meanTtftMs: null,
  meanItlMs: null,
  meanRequestDurationMs: null,
  ttftJudged: 0,
  ttftMet: 0,
  itlJudged: 0,
  itlMet: 0,
  prefillCount: 0,
};

function worker(workerId: number, role: "prefill" | "decode", url: string | null): SourceWorker {
  return { workerId, role, state: "active", url };
}

describe("the scrape source, with a request feed", () => {
  it("counts requests by the time of their events", async () => {
    const { feed, observe, source } = await setUp({
      feasible: (isl) => isl <= 1000,
      idlePrefillMs: (isl, cached) => (isl - cached) / 10,
    });
    feed.push(1000, "a", "started", { isl: 1000, osl: 3 });
    feed.push(1100, "b", "started", { isl: 5000, osl: 3 });
    feed.push(1150, "a", "first_token", { ttftMs: 150 });
    feed.push(1170, "a", "finished", {
      isl: 1000,
      osl: 3,
      cachedTokens: 0,
      ttftMs: 150,
      itlMs: 12,
      durationMs: 170,
      workerId: "w",
      prefillWorkerId: null,
    });
    feed.push(2000, "c", "started", { isl: 100, osl: 1 });
    feed.push(2000, "b", "first_token", { ttftMs: 900 });
    expect(await observe(2000)).toEqual({
      nowMs: 2000,
      windowMs: 2000,
      startedRequests: 2,
      startedIsl: [1000, 5000],
      completedRequests: 1,
      meanIsl: 1000,
      meanOsl: 3,
      meanTtftMs: (150 + 900) / 2,
      meanItlMs: 12,
      meanRequestDurationMs: 170,
      // The second prompt is infeasible, and its ITL is not known yet.
      ttftJudged: 1,
      ttftMet: 1,
      itlJudged: 1,
      itlMet: 0,
      prefillMeasuredS: 0,
      prefillProfiledS: 0.1 + 0.5,
      prefillCount: 2,
      workers: { prefill: NONE, decode: { active: 1, starting: 0, draining: 0 } },
      prefillLoad: null,
      decodeLoad: [],
      kvHitRate: 0,
      acceptLength: null,
    });
    expect(source.problems).toEqual([]);
    expect(await observe(5000)).toMatchObject({ ...NOTHING, windowMs: 3000, startedRequests: 1, startedIsl: [100] });
  });

  it("sees the same windows as the simulator's observer", async () => {
    const request = fc.record({
      arrivalMs: fc.integer({ min: 1, max: 5000 }),
      isl: fc.constantFrom(100, 900, 1000, 5000),
      ttftMs: fc.integer({ min: 1, max: 400 }),
      itlMs: fc.integer({ min: 1, max: 20 }),
      osl: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 20 }), async (requests) => {
        const table = requestTable(requests.length);
        const feasible = Uint8Array.from(requests, ({ isl }) => (isl <= 1000 ? 1 : 0));
        const observer = new WindowObserver(SLA, feasible);
        const idle = (isl: number) => isl / 8;
        const events: { atMs: number; order: number; seen: () => void; tell: () => void }[] = [];
        const { feed, observe } = await setUp({ feasible: (isl) => isl <= 1000, idlePrefillMs: idle });
        requests.forEach(({ arrivalMs, isl, ttftMs, itlMs, osl }, i) => {
          const firstMs = arrivalMs + ttftMs;
          const lastMs = firstMs + itlMs * (osl - 1);
          table.isl[i] = isl;
          table.arrivalMs[i] = arrivalMs;
          table.firstTokenMs[i] = firstMs;
          table.lastTokenMs[i] = lastMs;
          const at = (atMs: number, order: number, seen: () => void, kind: string, rest: object) =>
            events.push({ atMs, order, seen, tell: () => feed.push(atMs, `r${i}`, kind, { ...rest }) });
          at(arrivalMs, 0, () => observer.arrived(isl), "started", { isl, osl });
          at(
            firstMs,
            1,
            () => {
              observer.prefilled(idle(isl));
              observer.firstToken(i, ttftMs);
            },
            "first_token",
            { ttftMs },
          );
          at(lastMs, 2, () => observer.finished(i, table, osl), "finished", {
            ...{ isl, osl, cachedTokens: 0, ttftMs, itlMs: osl > 1 ? itlMs : null, durationMs: lastMs - arrivalMs },
          });
        });
        events.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        let next = 0;
        for (const untilMs of [1500.5, 3000.5, 6000.5]) {
          for (; next < events.length && events[next]!.atMs <= untilMs; next++) {
            events[next]!.seen();
            events[next]!.tell();
          }
          const seen = await observe(untilMs);
          const expected = observer.take();
          for (const [key, value] of Object.entries(expected)) {
            const found = seen[key as keyof Observation];
            if (typeof value === "number") expect(found, key).toBeCloseTo(value, 9);
            else expect(found, key).toEqual(value);
          }
        }
        for (const close of closers.splice(0).reverse()) await close();
      }),
      { numRuns: 25 },
    );
  });

  it("leaves out what happened before it was made, but knows those requests", async () => {
    const clock = new HandClock();
    const feed = new FakeFeed();
    feed.push(100, "old", "started", { isl: 700, osl: 2 });
    clock.ms = 500;
    const front = await server();
    front.answer = (url) => feed.answer(url);
    const source = scrapeSource({
      clock,
      frontends: [`${front.url}/`],
      workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers: [] }),
      sla: SLA,
    });
    closers.push(() => source.close());
    feed.push(600, "old", "first_token", { ttftMs: 500 });
    clock.ms = 1000;
    expect(await source.observe()).toMatchObject({
      windowMs: 500,
      startedRequests: 0,
      meanTtftMs: 500,
      ttftJudged: 1,
      ttftMet: 0,
      prefillProfiledS: null,
    });
  });

  it("begins its first window at time 0 where it is made before", async () => {
    const clock = new HandClock();
    clock.ms = -3000;
    const front = await server();
    front.answer = (url) => new FakeFeed().answer(url);
    const source = scrapeSource({
      clock,
      frontends: [front.url],
      workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers: [] }),
      sla: SLA,
    });
    closers.push(() => source.close());
    clock.ms = 5000;
    expect(await source.observe()).toMatchObject({ nowMs: 5000, windowMs: 5000, startedRequests: 0 });
  });

  it("takes cached tokens from whoever tells them: prefill's end, the first token, or what recent requests had", async () => {
    const computed: [number, number][] = [];
    const { feed, observe } = await setUp({
      idlePrefillMs: (isl, cached) => {
        computed.push([isl, cached]);
        return 1;
      },
    });
    feed.push(1, "a", "started", { isl: 100, osl: 2 });
    feed.push(2, "a", "first_token", { ttftMs: 1, cachedTokens: 64 });
    for (let i = 0; i < 400; i++) {
      feed.push(3, `f${i}`, "finished", {
        ...{ isl: 200, osl: 1, cachedTokens: 100, ttftMs: 1, itlMs: null, durationMs: 1 },
      });
    }
    feed.push(4, "b", "started", { isl: 301, osl: 2 });
    feed.push(5, "b", "first_token", { ttftMs: 1 });
    feed.push(6, "c", "started", { isl: 400, osl: 2 });
    feed.push(7, "c", "prefilled", { isl: 400, cachedTokens: 16 });
    feed.push(8, "c", "first_token", { ttftMs: 1 });
    feed.push(9, "d", "started", { isl: 500, osl: 2 });
    feed.push(10, "d", "first_token", { ttftMs: 1 });
    const seen = await observe(100);
    expect(computed).toEqual([
      [100, 64],
      [301, 150],
      [400, 16],
    ]);
    expect(seen).toMatchObject({ prefillCount: 3, prefillProfiledS: 0.003 });
  });

  it("sees only its model where it is told one", async () => {
    const { feed, observe } = await setUp({ model: "other" });
    feed.push(1, "a", "started", { isl: 100, osl: 2 });
    expect(await observe(10)).toMatchObject({ startedRequests: 0, completedRequests: 0 });
  });

  it("knows its model where the frontend writes it in lower case", async () => {
    const { feed, observe } = await setUp({ model: "Meta/LLaMA" });
    feed.push(1, "a", "started", { isl: 100, osl: 2, model: "meta/llama" });
    expect(await observe(10)).toMatchObject({ startedRequests: 1 });
  });

  it("tells no data from no traffic where a frontend does not answer, and does not count those requests later", async () => {
    const { feeds, servers, observe, source } = await setUp({}, 2);
    feeds[0]!.push(1, "a", "started", { isl: 100, osl: 2 });
    feeds[0]!.push(2, "a", "first_token", { ttftMs: 70 });
    feeds[1]!.push(3, "b", "started", { isl: 300, osl: 2 });
    const { answer } = servers[1]!;
    servers[1]!.answer = () => null;
    expect(await observe(1000)).toMatchObject({
      startedRequests: null,
      completedRequests: null,
      startedIsl: [100],
      meanTtftMs: 70,
      ttftJudged: 1,
    });
    expect(source.problems).toHaveLength(1);
    expect(source.problems[0]).toContain(servers[1]!.url);
    servers[1]!.answer = answer;
    feeds[1]!.push(1500, "c", "started", { isl: 500, osl: 2 });
    expect(await observe(2000)).toMatchObject({ startedRequests: 1, startedIsl: [500] });
    expect(source.problems).toEqual([]);
  });

  it("goes on without a frontend that has been away for long", async () => {
    const { feeds, servers, observe, source } = await setUp({ staleMs: 1500 }, 2);
    servers[1]!.answer = () => null;
    feeds[0]!.push(1, "a", "started", { isl: 100, osl: 2 });
    expect(await observe(1000)).toMatchObject({ startedRequests: null });
    feeds[0]!.push(1700, "b", "started", { isl: 100, osl: 2 });
    expect(await observe(2000)).toMatchObject({ startedRequests: 1 });
    expect(source.problems).toHaveLength(1);
    servers[0]!.answer = () => null;
    await observe(3000);
    expect(await observe(4000)).toMatchObject({
      startedRequests: null,
      completedRequests: null,
      prefillProfiledS: null,
    });
  });

  it("does not take a window for whole in which events were lost", async () => {
    const { feed, observe, source } = await setUp();
    feed.capacity = 3;
    feed.push(1, "a", "started", { isl: 100, osl: 2 });
    expect(await observe(10)).toMatchObject({ startedRequests: 1 });
    for (let i = 0; i < 5; i++) feed.push(11 + i, `b${i}`, "started", { isl: 100, osl: 2 });
    expect(await observe(20)).toMatchObject({ startedRequests: null, startedIsl: [100, 100, 100] });
    expect(source.problems[0]).toContain("events are lost");
    feed.push(21, "c", "started", { isl: 100, osl: 2 });
    expect(await observe(30)).toMatchObject({ startedRequests: 1 });
  });

  it("notices a frontend that began anew, whatever its numbers are by then", async () => {
    const { feed, observe } = await setUp();
    for (let i = 0; i < 4; i++) feed.push(i + 1, `a${i}`, "started", { isl: 100, osl: 2 });
    expect(await observe(10)).toMatchObject({ startedRequests: 4 });
    feed.restart();
    expect(await observe(20)).toMatchObject({ startedRequests: null });
    expect(await observe(30)).toMatchObject({ startedRequests: 0 });
    feed.restart();
    for (let i = 0; i < 6; i++) feed.push(31 + i, `b${i}`, "started", { isl: 200, osl: 2 });
    // The feed was empty at the last reading, so that nothing can have been lost.
    expect(await observe(40)).toMatchObject({ startedRequests: 6 });
    feed.restart();
    for (let i = 0; i < 8; i++) feed.push(41 + i, `c${i}`, "started", { isl: 300, osl: 2 });
    const seen = await observe(50);
    expect(seen).toMatchObject({ startedRequests: null });
    expect(seen.startedIsl).toEqual(Array.from({ length: 8 }, () => 300));
  });

  it("says which line of a feed it can't read", async () => {
    const { servers, observe, source } = await setUp();
    servers[0]!.answer = () => ({ body: '{"seq":1,"requestId":"a","model":"m","at":1,"kind":"startled"}\n' });
    expect(await observe(1000)).toMatchObject({ startedRequests: null });
    expect(source.problems[0]).toContain("line 1 is no request event");
  });

  it("refuses frontends that are none", () => {
    const options = (frontends: string[]) => () =>
      scrapeSource({
        clock: new HandClock(),
        frontends,
        workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers: [] }),
        sla: SLA,
      });
    expect(options([])).toThrow(expect.objectContaining({ code: "PLANNER_SOURCE_NO_FRONTENDS" }));
    expect(options(["localhost:8000"])).toThrow(expect.objectContaining({ code: "PLANNER_SOURCE_BAD_ADDRESS" }));
  });
});

describe("the scrape source and the workers", () => {
  const rank = (rest: object = {}) => ({
    ...{ running: 2, waiting: 1, queuedPrefillTokens: 500, kvTokens: 900, usedBlocks: 9, lastPassMs: 8 },
    ...rest,
  });

  it("adds up the ranks of each active worker, and measures prefill over all of them", async () => {
    const workers = await Promise.all([server(), server(), server()]);
    const prefillMs = [100, 40, 7];
    const ranks: object[][] = [
      [rank(), rank({ waiting: 3 })],
      [rank(), rank({ lastPassMs: null })],
      [rank({ lastPassMs: null })],
    ];
    workers.forEach((each, i) => {
      each.answer = () => ({ body: JSON.stringify({ ranks: ranks[i], prefillMs: prefillMs[i], preemptions: 0 }) });
    });
    const { view, observe } = await setUp({
      workers: () => ({
        counts: view.counts,
        workers: [
          worker(3, "prefill", workers[0]!.url),
          worker(5, "decode", workers[1]!.url),
          { ...worker(6, "decode", workers[2]!.url), state: "draining" },
          { ...worker(7, "decode", null), state: "starting" },
        ],
      }),
    });
    // What they had done before is not this window's: the first reading comes before anything can change.
    await observe(10);
    prefillMs[0]! += 50;
    prefillMs[1]! += 5;
    prefillMs[2] = 3;
    expect(await observe(20)).toMatchObject({
      prefillLoad: [{ workerId: 3, queuedRequests: 4, queuedTokens: 1000 }],
      decodeLoad: [{ workerId: 5, batch: 4, kvTokens: 1800, itlMs: 8 }],
      // The last one was restarted: 3 ms are new.
      prefillMeasuredS: expect.closeTo(0.058, 9),
    });
    ranks[1] = [rank({ lastPassMs: null })];
    expect((await observe(30)).decodeLoad).toEqual([{ workerId: 5, batch: 2, kvTokens: 900, itlMs: null }]);
  });

  it("leaves out workers that don't answer, and measures no prefill until they have answered twice", async () => {
    const [good, bad] = [await server(), await server()];
    let prefillMs = 0;
    const answer = () => ({ body: JSON.stringify({ ranks: [rank()], prefillMs, preemptions: 0 }) });
    good.answer = answer;
    bad.answer = answer;
    const { view, observe, source } = await setUp({
      workers: () => ({ ...view, workers: [worker(0, "decode", good.url), worker(1, "decode", bad.url)] }),
    });
    expect(await observe(10)).toMatchObject({ prefillMeasuredS: 0, prefillLoad: null });
    prefillMs = 10;
    bad.answer = () => ({ status: 500, body: "" });
    const seen = await observe(20);
    expect(seen.decodeLoad).toHaveLength(1);
    expect(seen.prefillMeasuredS).toBeNull();
    expect(source.problems).toEqual([expect.stringContaining("worker decode/1")]);
    good.answer = () => ({ body: "{" });
    expect(await observe(30)).toMatchObject({ decodeLoad: null, prefillMeasuredS: null });
    good.answer = answer;
    bad.answer = answer;
    expect((await observe(40)).prefillMeasuredS).toBeNull();
    prefillMs = 25;
    expect((await observe(50)).prefillMeasuredS).toBeCloseTo(0.03, 9);
  });

  it("reads vLLM's metrics of workers that have nothing better", async () => {
    const vllm = await server();
    const gaps = { sum: 1, count: 100 };
    let usage = "vllm:kv_cache_usage_perc";
    vllm.answer = (url) =>
      url.pathname !== "/metrics"
        ? { status: 404, body: "" }
        : {
            body: [
              'vllm:num_requests_running{engine="0",model_name="m"} 5',
              'vllm:num_requests_waiting{engine="0",model_name="m"} 3',
              `${usage}{engine="0",model_name="m"} 0.25`,
              'vllm:cache_config_info{block_size="16",num_gpu_blocks="1000",engine="0"} 1.0',
              "# TYPE vllm:request_prompt_tokens histogram",
              "vllm:request_prompt_tokens_sum 5000",
              "vllm:request_prompt_tokens_count 4",
              "# TYPE vllm:inter_token_latency_seconds histogram",
              `vllm:inter_token_latency_seconds_sum ${gaps.sum}`,
              `vllm:inter_token_latency_seconds_count ${gaps.count}`,
              "",
            ].join("\n"),
          };
    const { view, observe, source } = await setUp({
      workers: () => ({ ...view, workers: [worker(0, "prefill", vllm.url), worker(4, "decode", vllm.url)] }),
    });
    await observe(10);
    gaps.sum += 0.24;
    gaps.count += 20;
    expect(await observe(20)).toMatchObject({
      prefillLoad: [{ workerId: 0, queuedRequests: 3, queuedTokens: 3750 }],
      decodeLoad: [{ workerId: 4, batch: 5, kvTokens: 4000 }],
      prefillMeasuredS: null,
    });
    expect(source.problems).toEqual([]);
    usage = "vllm:something_else";
    gaps.sum += 0.24;
    gaps.count += 5;
    expect(await observe(30)).toMatchObject({ decodeLoad: null });
    expect(source.problems[0]).toContain("/metrics has no vllm:kv_cache_usage_perc");
    usage = "vllm:gpu_cache_usage_perc";
    gaps.sum += 0.26;
    gaps.count += 5;
    // The gaps of the scrape that was of no use are not lost.
    expect((await observe(40)).decodeLoad).toEqual([
      { workerId: 4, batch: 5, kvTokens: 4000, itlMs: expect.closeTo(50, 6) },
    ]);
  });

  it("tells an empty pool of prefill workers from none", async () => {
    const { observe } = await setUp({ disaggregated: true });
    expect(await observe(10)).toMatchObject({ prefillLoad: [], decodeLoad: [] });
  });

  it("gives up an answer that takes too long", async () => {
    const slow = await server();
    const { view, observe, source } = await setUp({
      timeoutMs: 50,
      workers: () => ({ ...view, workers: [worker(0, "decode", slow.url)] }),
    });
    slow.answer = () => "never";
    expect(await observe(10)).toMatchObject({ startedRequests: 0, decodeLoad: null });
    expect(source.problems).toEqual([expect.stringContaining("no answer in time")]);
  });
});
