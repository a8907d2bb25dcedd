import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeafHeap } from "../../../mocker/engine/sglang/leaf-heap.ts";
import { PageContent } from "../../../mocker/engine/sglang/page-content.ts";
import { newNode, RadixCache, type RadixHolder, type RadixNode } from "../../../mocker/engine/sglang/radix-cache.ts";
import type { KvEvent } from "../../../mocker/engine/types.ts";

const node = (lastAccess: number): RadixNode => ({ ...newNode(new PageContent([lastAccess]), 0, 1, null), lastAccess });

const holderOf = (content: PageContent): RadixHolder => ({ content, node: null, publishedPages: 0 });

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

  it("come in their order whichever way they were added", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000), { maxLength: 50 }), (accesses) => {
        const heap = new LeafHeap();
        for (const access of accesses) heap.add(node(access));
        const taken = accesses.map(() => heap.take()!.lastAccess);
        expect(taken).toEqual([...accesses].sort((a, b) => a - b));
      }),
    );
  });
});

describe("a radix cache", () => {
  it("forgets a prefix however long", () => {
    const cache = new RadixCache(200_000, null);
    const ids = Array.from({ length: 200_000 }, (_, i) => i);
    cache.take(ids.length);
    const holder = holderOf(new PageContent(ids));
    cache.publish(holder, ids.length);
    expect([cache.free, cache.owned]).toEqual([0, 200_000]);
    cache.unlock(holder.node!);
    expect(cache.clear()).toHaveLength(ids.length);
    expect([cache.free, cache.owned]).toEqual([200_000, 0]);
  });

  describe("of six pages and, used later, two others", () => {
    const [six, two] = [
      [1, 2, 3, 4, 5, 6],
      [7, 8],
    ];
    const filled = () => {
      const cache = new RadixCache(10, null);
      for (const ids of [six, two]) {
        cache.take(ids.length);
        const holder = holderOf(new PageContent(ids));
        cache.publish(holder, ids.length);
        cache.unlock(holder.node!);
      }
      return cache;
    };
    /** What is left of each once six pages had to go. */
    const left = (cache: RadixCache) => {
      cache.take(cache.free + 6);
      return [six, two].map((ids) => cache.cachedPages(new PageContent(ids), ids.length));
    };
    const publishAgain = (cache: RadixCache) => {
      cache.take(2);
      const holder = holderOf(new PageContent(six.slice(0, 2)));
      cache.give(cache.publish(holder, 2));
      cache.unlock(holder.node!);
    };

    it("a prefix that ends within a node is cut off it, and not used by that; the next time it is", () => {
      const cache = filled();
      const match = () => cache.match(new PageContent(six), 2);
      const first = match();
      expect([first.pages, first.whole]).toEqual([2, cache.root]);
      cache.touch(first.whole);
      expect(match().whole).toBe(match().node);
      expect(left(cache)).toEqual([0, 2]);
      const again = filled();
      again.match(new PageContent(six), 2);
      again.touch(again.match(new PageContent(six), 2).whole);
      expect(left(again)).toEqual([2, 0]);
    });

    it("counting cached pages cuts nothing: who publishes them again ends within a node", () => {
      const cache = filled();
      expect(cache.cachedPages(new PageContent([1, 2, 9]), 3)).toBe(2);
      publishAgain(cache);
      expect(left(cache)).toEqual([0, 2]);
      const cut = filled();
      cut.match(new PageContent(six), 2);
      publishAgain(cut);
      expect(left(cut)).toEqual([2, 0]);
    });
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
      const nobody = () => ({ ids: [] as number[], held: null as RadixHolder | null });
      const sequences = Array.from({ length: 4 }, nobody);
      const log: unknown[] = [];
      for (const { sequence, tokens, ends } of steps) {
        const one = sequences[sequence]!;
        if (cache.room < tokens.length) continue;
        cache.take(tokens.length);
        one.ids.push(...tokens);
        const before = one.held;
        const published = before?.publishedPages ?? 0;
        const holder = fromHeld && before !== null ? before : holderOf(new PageContent(one.ids));
        const from = holder.publishedPages;
        const known = from + cache.publish(holder, one.ids.length);
        cache.give(Math.max(0, known - published));
        if (before !== null && before !== holder) cache.unlock(before.node!);
        one.held = holder;
        if (ends) {
          cache.unlock(holder.node!);
          sequences[sequence] = nobody();
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

  it("is the same where it is told which pages are a request's own, and of these when it lets go", () => {
    const step = fc.record({
      sequence: fc.nat(3),
      /** Of a request that begins: pages that it shares with its group, and of its own. */
      group: fc.nat(1),
      shared: fc.nat(4),
      own: fc.nat(4),
      /** Pages that it fills, and whether it lets go then: for good, or only to come again. */
      fills: fc.nat(3),
      ends: fc.constantFrom("no", "no", "yes", "again"),
    });
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
    const play = (steps: readonly Step[], tellsOwn: boolean) => {
      const cache = new RadixCache(24, null);
      const sequences = Array.from({ length: 4 }, () => null as (RadixHolder & { filled: number; at: number }) | null);
      const log: unknown[] = [];
      let requests = 0;
      let ofItsOwn = 0;
      const publish = (one: RadixHolder, pages: number, access?: number) => {
        if (pages > one.publishedPages) cache.give(cache.publish(one, pages, access));
      };
      /** It finds all but the last page, which it computes again. */
      const begin = (content: PageContent, pages: number) => {
        const match = cache.match(content, Math.max(0, pages - 1));
        const missing = pages - match.pages;
        log.push(["match", match.pages, cache.unheldPages(match.node)]);
        if (missing + cache.unheldPages(match.node) > cache.room) return null;
        cache.touch(match.node);
        cache.lock(match.node);
        cache.take(missing);
        const one = { content, node: match.node, publishedPages: match.pages, filled: pages, at: 0 };
        publish(one, pages);
        return one;
      };
      for (const { sequence, group, shared, own, fills, ends } of steps) {
        const one = sequences[sequence]!;
        if (one === null) {
          const ids = Array.from({ length: shared }, (_, page) => 10 * group + page);
          const first = -1 - 100 * ++requests;
          const content = tellsOwn
            ? new PageContent(Int32Array.from(ids), 0, shared, first)
            : new PageContent([...ids, ...Array.from({ length: 200 }, (_, page) => first - page)]);
          sequences[sequence] = begin(content, shared + own);
          continue;
        }
        for (let page = 0; page < fills && cache.room > 0; page++) {
          cache.take(1);
          one.filled++;
          one.at = cache.keepUses(1) + 1;
          if (!tellsOwn) publish(one, one.filled, one.at);
          else ofItsOwn++;
        }
        if (ends !== "no") {
          publish(one, one.filled, one.at);
          if (one.node !== null) cache.unlock(one.node);
          sequences[sequence] = ends === "again" ? begin(one.content, one.filled) : null;
        }
        log.push([cache.free, cache.room, cache.owned, cache.evictions]);
      }
      for (const one of sequences) {
        if (one === null) continue;
        publish(one, one.filled, one.at);
        cache.unlock(one.node!);
      }
      return { log, left: cache.clear().sort((a, b) => a - b), ofItsOwn };
    };
    let putOff = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { ofItsOwn, ...told } = play(steps, true);
        const { ofItsOwn: _, ...untold } = play(steps, false);
        expect(told).toEqual(untold);
        putOff += ofItsOwn;
      }),
    );
    expect(putOff).toBeGreaterThan(100);
  });
});
