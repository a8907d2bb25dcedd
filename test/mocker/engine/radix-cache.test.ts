import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeafHeap } from "../../../mocker/engine/sglang/leaf-heap.ts";
import { RadixCache, type RadixMatch, type RadixNode } from "../../../mocker/engine/sglang/radix-cache.ts";
import type { KvEvent } from "../../../mocker/engine/types.ts";

const node = (lastAccess: number): RadixNode => ({
  ids: [lastAccess],
  parent: null,
  children: new Map(),
  locks: 0,
  lastAccess,
});

describe("leaves by their last access", () => {
  it("are no more than twice those that are free, however often they are used", () => {
    const leaves = Array.from({ length: 2000 }, (_, i) => node(i));
    const heap = new LeafHeap();
    let clock = 0;
    for (let round = 0; round < 10; round++) {
      for (const leaf of leaves) {
        leaf.lastAccess = ++clock;
        heap.add(leaf);
      }
    }
    expect(heap.length).toBeLessThanOrEqual(2 * leaves.length);
    leaves[0]!.locks = 1;
    for (let i = 1; i < leaves.length; i++) expect(heap.take()).toBe(leaves[i]);
    expect(heap.take()).toBeNull();
  });
});

describe("a radix cache", () => {
  it("forgets a prefix however long", () => {
    const cache = new RadixCache(200_000, null);
    const ids = Array.from({ length: 200_000 }, (_, i) => i);
    cache.take(ids.length);
    cache.insert(ids, ids.length);
    expect(cache.clear()).toHaveLength(ids.length);
    expect([cache.free, cache.owned]).toEqual([200_000, 0]);
  });

  it("is the same where sequences publish from what they hold on", () => {
    const step = fc.record({
      sequence: fc.nat(3),
      tokens: fc.array(fc.nat(1), { minLength: 1, maxLength: 6 }),
      ends: fc.boolean(),
    });
    const capacity = 24;
    /** Sequences that publish what they come by, let go in between; what became of it all. */
    const play = (steps: { sequence: number; tokens: number[]; ends: boolean }[], fromHeld: boolean) => {
      const events: KvEvent[] = [];
      const cache = new RadixCache(capacity, (event) => events.push({ ...event }));
      const held = Array.from({ length: 4 }, () => ({ ids: [] as number[], at: null as RadixMatch | null }));
      const log: unknown[] = [];
      for (const { sequence, tokens, ends } of steps) {
        const one = held[sequence]!;
        if (cache.room < tokens.length) continue;
        cache.take(tokens.length);
        one.ids.push(...tokens);
        const before = one.at;
        const { node: end, known } = cache.insert(one.ids, one.ids.length, fromHeld ? before : null);
        cache.give(Math.max(0, known - (before?.pages ?? 0)));
        if (fromHeld) cache.lock(end, before?.node);
        else {
          cache.lock(end);
          if (before !== null) cache.unlock(before.node);
        }
        one.at = { node: end, pages: one.ids.length };
        if (ends) {
          cache.unlock(end);
          held[sequence] = { ids: [], at: null };
        }
        log.push([known, cache.free, cache.room, cache.owned, cache.evictions]);
      }
      return { log, events, left: cache.clear() };
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        expect(play(steps, true)).toEqual(play(steps, false));
      }),
    );
  });
});
