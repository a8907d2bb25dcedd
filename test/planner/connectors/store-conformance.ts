import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type KeyValueStore, StoreUnavailable } from "#planner/connectors";
import { waitFor } from "../../integration/processes.ts";

/** A place that a store may be opened at several times. */
export interface StoreFixture {
  open(): KeyValueStore;
  /** Nobody answers, and answers again with what was there. */
  outage?: { begin(): Promise<void>; end(): Promise<void> };
  close(): Promise<void>;
}

/**
 * How every store behaves that planners and environments share.
 * @param options `canFail`: the fixture has outages
 */
export function storeConformance(
  name: string,
  makeFixture: () => Promise<StoreFixture>,
  options: { canFail?: boolean } = {},
): void {
  describe(`store ${name}`, () => {
    let fixture: StoreFixture;
    let store: KeyValueStore;
    let other: KeyValueStore;

    beforeEach(async () => {
      fixture = await makeFixture();
      store = fixture.open();
      other = fixture.open();
    });
    afterEach(async () => {
      await Promise.all([store.close(), other.close()]);
      await fixture.close();
    });

    const textsOf = async (prefix: string, of = other) =>
      Object.fromEntries([...(await of.read(prefix)).values].map(([key, { value }]) => [key, value]));

    it("holds what was written, under its prefix alone", async () => {
      expect((await store.read("v1/")).values.size).toBe(0);
      expect(await store.commit({ write: { "v1/a/x": "1", "v1/a/y": "zwei ä", "v1/b": "" } })).toBe(true);
      expect(await textsOf("v1/a/")).toEqual({ "v1/a/x": "1", "v1/a/y": "zwei ä" });
      expect(await textsOf("v1/")).toEqual({ "v1/a/x": "1", "v1/a/y": "zwei ä", "v1/b": "" });
      expect(await textsOf("v2/")).toEqual({});
    });

    it("deletes, and knows an absent key by revision 0", async () => {
      await store.commit({ write: { a: "1" } });
      expect(await store.commit({ expect: { a: 0 }, write: { a: "2" } })).toBe(false);
      expect(await store.commit({ write: { a: null } })).toBe(true);
      expect(await textsOf("")).toEqual({});
      expect(await store.commit({ expect: { a: 0 }, write: { a: "2" } })).toBe(true);
      expect(await textsOf("a")).toEqual({ a: "2" });
    });

    it("writes all of a transaction or nothing", async () => {
      await store.commit({ write: { a: "1", b: "1" } });
      const { values } = await store.read("");
      const expect_ = { a: values.get("a")!.revision, b: values.get("b")!.revision };
      await other.commit({ write: { b: "2" } });
      expect(await store.commit({ expect: expect_, write: { a: "3", b: "3", c: "3" } })).toBe(false);
      expect(await textsOf("")).toEqual({ a: "1", b: "2" });
    });

    it("lets one alone of several win that expect the same", async () => {
      await store.commit({ write: { a: "0" } });
      const { revision } = (await store.read("a")).values.get("a")!;
      const won = await Promise.all(
        [store, other, store, other].map((by, i) => by.commit({ expect: { a: revision }, write: { a: String(i) } })),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await textsOf("a")).toEqual({ a: String(won.indexOf(true)) });
    });

    it("has revisions that grow, of the store and of what was written", async () => {
      await store.commit({ write: { a: "1" } });
      const first = await store.read("");
      await other.commit({ write: { b: "1" } });
      const second = await store.read("");
      expect(second.revision).toBeGreaterThan(first.revision);
      expect(second.values.get("a")).toEqual(first.values.get("a"));
      expect(second.values.get("b")!.revision).toBeGreaterThan(first.revision);
    });

    it("tells a change since a revision at once, one to come when it comes, and none after the wait", async () => {
      const { revision } = await store.read("v1/");
      const waiting = store.changed("v1/", revision, 60_000);
      await other.commit({ write: { "v1/a": "1" } });
      expect(await waiting).toBe(true);
      expect(await store.changed("v1/", revision, 60_000)).toBe(true);
      const now = (await store.read("v1/")).revision;
      expect(await store.changed("v1/", now, 1)).toBe(false);
      const deleted = store.changed("v1/", now, 60_000);
      await other.commit({ write: { "v1/a": null } });
      expect(await deleted).toBe(true);
    });

    it("ends a wait when it is told to", async () => {
      const { revision } = await store.read("");
      const end = new AbortController();
      const waiting = store.changed("", revision, 60_000, end.signal);
      end.abort();
      expect(await waiting).toBe(false);
      expect(await store.changed("", revision, 60_000, end.signal)).toBe(false);
    });

    if (!options.canFail) return;
    it("says so while nobody answers, and goes on with what was there", async () => {
      const outage = fixture.outage!;
      await store.commit({ write: { a: "1" } });
      const { revision } = await store.read("");
      await outage.begin();
      await expect(store.read("")).rejects.toThrow(StoreUnavailable);
      await expect(store.commit({ write: { a: "2" } })).rejects.toThrow(StoreUnavailable);
      await expect(store.changed("", revision, 60_000)).rejects.toThrow(StoreUnavailable);
      await outage.end();
      await waitFor("an answer", async () => (await textsOf("", store).catch(() => null)) !== null);
      expect(await textsOf("", store)).toEqual({ a: "1" });
    });
  });
}
