import { describe, expect, it } from "vitest";
import { type FeedBatch, KvEventFeed, publishesKvEvents } from "../../../../mocker/worker/kv-events/feed.ts";
import { HandFedWorker } from "./hand-fed-worker.ts";

function setUp(dpSize = 1) {
  const hand = new HandFedWorker(dpSize);
  const feed = new KvEventFeed(hand.worker);
  const batches: FeedBatch[] = [];
  const stop = feed.listen((batch) => batches.push(batch));
  /** Kind and hashes, without the rest. */
  const told = () =>
    batches.map(({ dpRank, events }) => [
      dpRank,
      ...events.map((event) => {
        if (event.kind === "cleared") return ["cleared"];
        return event.kind === "removed"
          ? ["removed", ...event.blockHashes]
          : ["stored", event.parent, ...event.blocks.map((block) => block.sequenceHash)];
      }),
    ]);
  return { hand, feed, batches, stop, told };
}

const TOKENS = Array.from({ length: 12 }, (_, i) => i + 1);

describe("the feed of KV events", () => {
  it("tells what a pass changed at its end, chains of blocks as one", () => {
    const { hand, told, batches } = setUp();
    const [a, b, c] = hand.sequence(TOKENS) as [number, number, number];
    const [other] = hand.sequence([9, 9, 9, 9]) as [number];
    hand.stored([a, b, other, c]);
    hand.removed([other, a]);
    expect(batches).toEqual([]);
    hand.passEnded();
    hand.passEnded();
    expect(told()).toEqual([
      [
        0,
        ["stored", null, hand.hash(a), hand.hash(b)],
        ["stored", null, hand.hash(other)],
        ["stored", hand.hash(b), hand.hash(c)],
        ["removed", hand.hash(other), hand.hash(a)],
      ],
    ]);
  });

  it("keeps the passes of ranks apart", () => {
    const { hand, told } = setUp(2);
    const [a] = hand.sequence(TOKENS) as [number];
    hand.stored([a], 0);
    hand.stored([a], 1);
    hand.passEnded(1);
    expect(told()).toEqual([[1, ["stored", null, hand.hash(a)]]]);
    hand.passEnded(0);
    expect(told()).toHaveLength(2);
  });

  it("tells of a cleared cache at once, and snapshots what is left", () => {
    const { hand, feed, told } = setUp(2);
    const [a, b] = hand.sequence(TOKENS) as [number, number];
    hand.stored([a, b], 0);
    hand.stored([b], 1);
    hand.passEnded(0);
    hand.cleared(0);
    expect(told().at(-1)).toEqual([0, ["cleared"]]);
    expect(feed.snapshot().map(({ blocks }) => blocks.map((block) => block.sequenceHash))).toEqual([
      [],
      [hand.hash(b)],
    ]);
    // A snapshot holds what was pending, so that it had to be told before.
    expect(told().at(-1)).toEqual([1, ["stored", hand.hash(a), hand.hash(b)]]);
  });

  it("knows what is cached even if nobody listened when it was stored", () => {
    const { hand, feed, batches, stop } = setUp();
    stop();
    const [a, b] = hand.sequence(TOKENS) as [number, number];
    hand.stored([a, b]);
    hand.passEnded();
    hand.removed([a]);
    expect(batches).toEqual([]);
    expect(feed.snapshot()[0]!.blocks.map((block) => block.sequenceHash)).toEqual([hand.hash(b)]);
  });

  it("is for workers with prefix caching that are not decode workers", () => {
    expect(publishesKvEvents({ prefixCaching: true, role: "aggregated" })).toBe(true);
    expect(publishesKvEvents({ prefixCaching: true, role: "prefill" })).toBe(true);
    expect(publishesKvEvents({ prefixCaching: true, role: "decode" })).toBe(false);
    expect(publishesKvEvents({ prefixCaching: false, role: "aggregated" })).toBe(false);
  });
});
