import { describe, expect, it } from "vitest";
import { setUp } from "./made-scrape.ts";

describe("the scrape source, where frontends come and go", () => {
  async function changing(frontends: number) {
    let known: readonly string[] = [];
    const made = await setUp({ frontends: () => known }, frontends);
    const know = (...indexes: number[]) => {
      known = indexes.map((index) => made.servers[index]!.url);
    };
    return { ...made, know };
  }

  it("knows nothing of the traffic while there is none, which is not the same as no traffic", async () => {
    const { observe, source, feed, know } = await changing(1);
    expect(await observe(1000)).toMatchObject({ startedRequests: null, meanIsl: null });
    expect(source.problems).toEqual(["no frontend is known"]);
    know(0);
    feed.push(500, "before", "started", { isl: 1, osl: 1 });
    feed.push(1500, "a", "started", { isl: 10, osl: 1 });
    // What arrived before the last window's end was missing then; the rest is counted where it belongs.
    expect(await observe(2000)).toMatchObject({ startedRequests: 1, startedIsl: [10] });
    expect(source.problems).toEqual([]);
  });

  it("adds one that comes, from the end of the last window on", async () => {
    const { observe, feeds, know } = await changing(2);
    know(0);
    feeds[0]!.push(500, "a", "started", { isl: 10, osl: 1 });
    expect(await observe(1000)).toMatchObject({ startedRequests: 1 });
    know(0, 1);
    feeds[0]!.push(1200, "b", "started", { isl: 20, osl: 1 });
    feeds[1]!.push(1300, "c", "started", { isl: 30, osl: 1 });
    expect(await observe(2000)).toMatchObject({ startedRequests: 2 });
  });

  it("asks one that goes for its last window, and misses it no longer after that", async () => {
    const { observe, feeds, servers, know } = await changing(2);
    know(0, 1);
    await observe(1000);
    know(0);
    feeds[1]!.push(1300, "c", "started", { isl: 30, osl: 1 });
    expect(await observe(2000)).toMatchObject({ startedRequests: 1, startedIsl: [30] });
    feeds[0]!.push(2300, "d", "started", { isl: 40, osl: 1 });
    feeds[1]!.push(2300, "e", "started", { isl: 50, osl: 1 });
    expect(await observe(3000)).toMatchObject({ startedRequests: 1, startedIsl: [40] });
    know(1);
    await servers[0]!.close();
    // The one that went died with what it knew: the window is missing, the next is whole.
    expect(await observe(4000)).toMatchObject({ startedRequests: null });
    feeds[1]!.push(4300, "f", "started", { isl: 60, osl: 1 });
    expect(await observe(5000)).toMatchObject({ startedRequests: 1, startedIsl: [60] });
  });
});
