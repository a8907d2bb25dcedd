import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicaBook } from "../../../src/live/cluster/replica-book.ts";

const END_MS = 100_000;

describe("ReplicaBook", () => {
  it("makes lives of what is wanted and ready", () => {
    const book = new ReplicaBook("prefill");
    book.see({ desired: 1, ready: 1 }, 0);
    book.see({ desired: 3, ready: 1 }, 1000);
    book.see({ desired: 3, ready: 2 }, 2000);
    book.see({ desired: 1, ready: 2 }, 3000);
    expect(book.counts()).toEqual({ active: 1, starting: 0, draining: 1 });
    book.see({ desired: 1, ready: 1 }, 4000);
    const common = { role: "prefill" };
    expect(book.lives(END_MS)).toEqual([
      { ...common, id: 0, createdMs: 0, readyMs: 0, drainingMs: null, removedMs: null },
      { ...common, id: 1, createdMs: 1000, readyMs: 2000, drainingMs: 3000, removedMs: 4000 },
      { ...common, id: 2, createdMs: 1000, readyMs: END_MS + 1, drainingMs: null, removedMs: 3000 },
    ]);
    expect(book.events.map(({ atMs, from, to }) => [atMs, from, to])).toEqual([
      [1000, 1, 3],
      [3000, 3, 1],
    ]);
  });

  it("has another one start where one that is wanted is lost", () => {
    const book = new ReplicaBook("decode");
    book.see({ desired: 1, ready: 1 }, 0);
    book.see({ desired: 1, ready: 0 }, 1000);
    expect(book.counts()).toEqual({ active: 0, starting: 1, draining: 0 });
    book.see({ desired: 1, ready: 1 }, 2000);
    expect(book.lives(END_MS).map(({ readyMs, removedMs }) => [readyMs, removedMs])).toEqual([
      [0, 1000],
      [2000, null],
    ]);
    expect(book.events).toEqual([]);
  });

  it("has as many ready and wanted as were seen, whatever was seen", () => {
    const seen = fc.record({ desired: fc.nat(6), ready: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(seen, { minLength: 1, maxLength: 30 }), (all) => {
        const book = new ReplicaBook("decode");
        all.forEach((one, i) => {
          book.see(one, i * 1000);
          const { active, starting, draining } = book.counts();
          expect(active + starting).toBe(one.desired);
          // More than are wanted may be ready only while they drain, which none does that was never wanted.
          expect(active + draining).toBeLessThanOrEqual(one.ready);
          if (one.ready <= one.desired) expect(active + draining).toBe(one.ready);
        });
        for (const { createdMs, readyMs, drainingMs, removedMs } of book.lives(END_MS)) {
          expect(createdMs).toBeLessThanOrEqual(readyMs);
          if (drainingMs !== null) expect(drainingMs).toBeGreaterThanOrEqual(readyMs);
          if (removedMs !== null) expect(removedMs).toBeGreaterThanOrEqual(createdMs);
        }
      }),
    );
  });
});
