import { afterEach, describe, expect, it } from "vitest";
import { createPlanner, type Observation, type Planner, plannerConfigSchema } from "#planner/core";
import { scrapeSource } from "#planner/sources";
import { buildSurface } from "#profiles";
import { active, disagg, none, testProfile } from "../observations.ts";
import { FakeFeed, FakeServer, HandClock } from "../sources/fake-deployment.ts";
import { seenFailing } from "./seen-failing.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const workers = { prefill: active(4), decode: active(3) };

/** Frontends of which each answers as its feed says, or not at all while it is silent. */
async function frontends(count: number) {
  const clock = new HandClock();
  const feeds = Array.from({ length: count }, () => new FakeFeed());
  const state = { silent: false };
  const servers: FakeServer[] = [];
  for (const feed of feeds) {
    const server = await new FakeServer().listen();
    server.answer = (url) => (state.silent ? null : feed.answer(url));
    closers.push(() => server.close());
    servers.push(server);
  }
  const sourceOf = (urls: string[]) => {
    const source = scrapeSource({
      clock,
      frontends: urls,
      workers: () => ({ counts: workers, workers: [] }),
      sla: disagg.sla,
      disaggregated: true,
      pollMs: 3_600_000,
    });
    closers.push(() => source.close());
    return source;
  };
  const urls = servers.map(({ url }) => url);
  return { clock, feeds, state, all: sourceOf(urls), each: urls.map((url) => sourceOf([url])) };
}

/** A request of the window that ends at `endMs`, answered within it. */
function answered(feed: FakeFeed, endMs: number, id: string, isl: number): void {
  const rest = { isl, osl: 300, cachedTokens: 0, ttftMs: 100, itlMs: 8, durationMs: 2500 };
  feed.push(endMs - 3000, id, "started", { isl, osl: 300 });
  feed.push(endMs - 2900, id, "first_token", { ttftMs: 100 });
  feed.push(endMs - 500, id, "finished", { ...rest, workerId: "w", prefillWorkerId: null });
}

describe("frontends that fall silent under load", () => {
  /** The planner of 2025 reads no series as zero: an empty answer is a value. */
  const emptyIsZero = (seen: Observation): Observation => ({
    ...seen,
    startedRequests: seen.startedRequests ?? 0,
    completedRequests: seen.completedRequests ?? 0,
    meanIsl: seen.meanIsl ?? 0,
    meanOsl: seen.meanOsl ?? 0,
    meanTtftMs: seen.meanTtftMs ?? 0,
    meanItlMs: seen.meanItlMs ?? 0,
    meanRequestDurationMs: seen.meanRequestDurationMs ?? 0,
  });
  const strategy = (config: Record<string, unknown>, family: "robust" | "compat"): Planner =>
    createPlanner(plannerConfigSchema.parse(config), disagg, buildSurface(testProfile, family));

  const claim = async (plan: Planner, read: (seen: Observation) => Observation) => {
    const { clock, feeds, state, all } = await frontends(1);
    const decide = async (atMs: number) => {
      clock.ms = atMs;
      return plan.tick({ ...read(await all.observe(atMs)), workers });
    };
    for (let tick = 1; tick <= 3; tick++) {
      for (let i = 0; i < 150; i++) answered(feeds[0]!, tick * 5000, `${tick}-${i}`, 3000);
      await decide(tick * 5000);
    }
    state.silent = true;
    for (let tick = 4; tick <= 8; tick++) {
      const { targets } = await decide(tick * 5000);
      expect(targets?.prefill ?? workers.prefill.active, "prefill workers").toBeGreaterThanOrEqual(
        workers.prefill.active,
      );
      expect(targets?.decode ?? workers.decode.active, "decode workers").toBeGreaterThanOrEqual(workers.decode.active);
    }
  };

  it("[W4 held] cost no worker: no data is not no traffic", () =>
    claim(strategy({ strategy: "default" }, "robust"), (seen) => seen));

  it("[W4 shown] cost all workers but the minimum, where nothing is read as zero", () =>
    seenFailing(
      () => claim(strategy({ strategy: "sla-compat", interval: "5s", predictor: "constant" }, "compat"), emptyIsZero),
      /workers: expected [12] to be greater/,
    ));
});

describe("two frontends of which one has nearly all the traffic", () => {
  const claim = async (mean: (sources: Awaited<ReturnType<typeof frontends>>) => Promise<number>) => {
    const made = await frontends(2);
    for (let i = 0; i < 99; i++) answered(made.feeds[0]!, 5000, `a${i}`, 3000);
    answered(made.feeds[1]!, 5000, "b", 100);
    made.clock.ms = 5000;
    expect(await mean(made), "mean ISL").toBeCloseTo((99 * 3000 + 100) / 100, 6);
  };

  it("[W11 held] are weighted by their requests", () => claim(async ({ all }) => (await all.observe(5000)).meanIsl!));

  it("[W11 shown] count the same where means are averaged", () =>
    seenFailing(
      () =>
        claim(async ({ each }) => {
          const seen = await Promise.all(each.map((source) => source.observe(5000)));
          return seen.reduce((sum, { meanIsl }) => sum + meanIsl!, 0) / seen.length;
        }),
      /mean ISL: expected 1550/,
    ));
});

describe("workers of which nobody knows anything", () => {
  it("[W4 held] are not taken for none", async () => {
    const plan = createPlanner(
      plannerConfigSchema.parse({ strategy: "default" }),
      disagg,
      buildSurface(testProfile, "robust"),
    );
    const { all, clock, state } = await frontends(1);
    state.silent = true;
    clock.ms = 5000;
    const seen = await all.observe(5000);
    expect(seen.startedRequests).toBeNull();
    expect(plan.tick({ ...seen, workers: { prefill: none, decode: none } }).targets).toBeNull();
  });
});
