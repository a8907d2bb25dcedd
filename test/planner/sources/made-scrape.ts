import { onTestFinished } from "vitest";
import type { Observation } from "#planner/core";
import { type ScrapeSourceOptions, type SourceWorkers, scrapeSource } from "#planner/sources";
import { FakeFeed, FakeServer, HandClock } from "./fake-deployment.ts";

const closers: (() => unknown)[] = [];

/** Ends with the test, the last named first. */
export function closeLater(close: () => unknown): void {
  if (closers.length === 0) onTestFinished(closeAll);
  closers.push(close);
}

/** Ends it all now. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export const SLA = { ttftMs: 200, itlMs: 10 };
export const NONE = { active: 0, starting: 0, draining: 0 };

export async function server(): Promise<FakeServer> {
  const made = await new FakeServer().listen();
  closeLater(() => made.close());
  return made;
}

/** A source over frontends with request feeds, and a clock to be moved. */
export async function setUp(options: Partial<ScrapeSourceOptions> = {}, frontends = 1) {
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
  closeLater(() => source.close());
  const observe = (atMs: number): Promise<Observation> => {
    clock.ms = atMs;
    return source.observe(atMs);
  };
  return { clock, feeds, feed: feeds[0]!, servers, source, view, observe };
}
