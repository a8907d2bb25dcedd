import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Observation } from "#planner/core";
import { scrapeSource } from "#planner/sources";
import { requestTable } from "#src/record";
import { WindowObserver } from "../../../src/simulator/observer.ts";
import { FakeFeed, HandClock } from "./fake-deployment.ts";
import { closeAll, closeLater, NONE, SLA, server, setUp } from "./made-scrape.ts";

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
        const pages = { page: () => table, row: (request: number) => request };
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
          at(
            lastMs,
            2,
            () => observer.finished(i, { pages, sentMs: (request) => table.arrivalMs[request]! }, osl),
            "finished",
            {
              ...{ isl, osl, cachedTokens: 0, ttftMs, itlMs: osl > 1 ? itlMs : null, durationMs: lastMs - arrivalMs },
            },
          );
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
        await closeAll();
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
    closeLater(() => source.close());
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
    closeLater(() => source.close());
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

  it("counts requests of a frontend whose clock is ahead, and says so: else traffic would look like none", async () => {
    const { feed, observe, source } = await setUp();
    const hourMs = 3_600_000;
    feed.push(4000 + hourMs, "a", "started", { isl: 100, osl: 1 });
    // It is taken for as new as it can be: of this very instant, which belongs to the next window.
    expect(await observe(5000)).toMatchObject({ startedRequests: 0 });
    expect(source.problems).toEqual([expect.stringContaining("its clock is ahead of the planner's")]);
    feed.push(7000 + hourMs, "b", "started", { isl: 100, osl: 1 });
    feed.push(8000 + hourMs, "c", "started", { isl: 100, osl: 1 });
    expect(await observe(10_000)).toMatchObject({ startedRequests: 3, startedIsl: [100, 100, 100] });
  });

  it("takes a clock that is a little ahead for what it is", async () => {
    const { clock, feed, observe, source } = await setUp();
    clock.ms = 5000;
    feed.push(5400, "a", "started", { isl: 100, osl: 1 });
    expect(await observe(5000)).toMatchObject({ startedRequests: 0 });
    expect(await observe(10_000)).toMatchObject({ startedRequests: 1 });
    expect(source.problems).toEqual([]);
  });

  it("weighs frontends by what each has seen, and goes on with those that answer", async () => {
    const { feeds, servers, observe, source } = await setUp({}, 2);
    const finished = (i: number, atMs: number, id: string, isl: number) => {
      feeds[i]!.push(atMs - 10, id, "started", { isl, osl: 2 });
      feeds[i]!.push(atMs, id, "finished", {
        ...{ isl, osl: 2, cachedTokens: isl / 10, ttftMs: 100, itlMs: 5, durationMs: 200 },
        ...{ workerId: "w", prefillWorkerId: null },
      });
    };
    for (let n = 0; n < 3; n++) finished(0, 1000 + n, `a${n}`, 1000);
    finished(1, 1000, "b", 5000);
    expect(await observe(5000)).toMatchObject({ completedRequests: 4, meanIsl: 2000, kvHitRate: 0.1 });
    servers[1]!.answer = () => null;
    finished(0, 6000, "c", 1000);
    expect(await observe(10_000)).toMatchObject({ startedRequests: null, completedRequests: null, meanIsl: 1000 });
    expect(source.problems).toEqual([expect.stringContaining(servers[1]!.url)]);
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
