import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createRouter,
  FIRST_COME,
  kvRouterIn,
  LeastLoadedRouter,
  ROUTER_MODES,
  RoundRobinRouter,
  SessionAffinity,
} from "#mocker/router";

const TTL_MS = 1000;
const at = (workers: string[], nowMs: number, session?: string) => ({
  workers,
  isl: 40,
  blocks: [],
  nowMs,
  ...(session === undefined ? {} : { session }),
});

describe("session affinity", () => {
  it("keeps a session where its first request went, whatever the load, until it was idle for the TTL", () => {
    const router = new SessionAffinity(new LeastLoadedRouter(), TTL_MS);
    const first = at(["a", "b"], 0, "s");
    expect(router.choose([0, 0], 2, first)).toBe(0);
    router.routed(1, "a", first);
    expect(router.choose([9, 0], 2, at(["a", "b"], 5000, "s"))).toBe(0);
    expect(router.choose([9, 0], 2, at(["a", "b"], 5000, "other"))).toBe(1);
    expect(router.choose([9, 0], 2, at(["a", "b"], 5000))).toBe(1);
    router.ended(1, 6000);
    expect(router.choose([9, 0], 2, at(["a", "b"], 6999, "s"))).toBe(0);
    expect(router.choose([9, 0], 2, at(["a", "b"], 7000, "s"))).toBe(1);
  });

  it("routes anew where the worker takes nothing, and stays there", () => {
    const router = new SessionAffinity(new LeastLoadedRouter(), TTL_MS);
    router.routed(1, "a", at(["a", "b"], 0, "s"));
    const without = at(["b", "c"], 10, "s");
    expect(router.choose([3, 1], 2, without)).toBe(1);
    router.routed(2, "c", without);
    expect(router.choose([0, 0, 9], 3, at(["a", "b", "c"], 20, "s"))).toBe(2);
  });

  it("counts the end of a request that was at another worker for nothing", () => {
    const router = new SessionAffinity(new LeastLoadedRouter(), TTL_MS);
    router.routed(1, "a", at(["a", "b"], 0, "s"));
    router.routed(2, "b", at(["b"], 10, "s"));
    router.ended(1, 20);
    expect(router.choose([0, 9], 2, at(["a", "b"], 20 + 2 * TTL_MS, "s"))).toBe(1);
  });

  it("leaves the order of the router underneath alone where it knows the worker", () => {
    const router = new SessionAffinity(new RoundRobinRouter(), TTL_MS);
    const workers = ["a", "b", "c"];
    const first = at(workers, 0, "s");
    expect(router.choose([], 3, first)).toBe(0);
    router.routed(1, "a", first);
    expect(router.choose([], 3, at(workers, 1))).toBe(1);
    expect(router.choose([], 3, at(workers, 2, "s"))).toBe(0);
    expect(router.choose([], 3, at(workers, 3))).toBe(2);
  });

  it("ranks those that wait, whatever the router underneath", () => {
    const pool = { role: "aggregated" as const, blockSize: 10, maxBatchedTokens: 100, tellsEvents: true };
    for (const mode of ROUTER_MODES) {
      const router = createRouter({ mode, sessionAffinityMs: TTL_MS }, 1, pool);
      expect(router.rank!(at(["a"], 0, "s"))).toMatchObject(FIRST_COME);
    }
  });

  it("tells for which worker a session waits", () => {
    const router = new SessionAffinity(new LeastLoadedRouter(), TTL_MS);
    router.routed(1, "b", at(["a", "b"], 0, "s"));
    expect(router.lane(at(["a", "b"], 1, "s"))).toBe("b");
    expect(router.lane(at(["a", "b"], 1, "other"))).toBeNull();
    expect(router.lane(at(["a", "b"], 1))).toBeNull();
    expect(router.lane(at(["a"], 1, "s"))).toBeNull();
  });

  it("lets a session wait for its own worker alone", () => {
    const settings = { mode: "kv" as const, queueThreshold: 0, sessionAffinityMs: TTL_MS };
    const router = createRouter(settings, 1, {
      role: "aggregated",
      blockSize: 10,
      maxBatchedTokens: 100,
      tellsEvents: true,
    });
    router.routed!(1, "a", at(["a", "b"], 0, "s"));
    expect(router.isBusy!(at(["a", "b"], 1, "s"))).toBe(true);
    expect(router.isBusy!(at(["a", "b"], 1))).toBe(false);
    expect(router.changesMs!(at(["a", "b"], 1, "s"))).toBe(Number.POSITIVE_INFINITY);
    router.prefilled!(1);
    expect(router.isBusy!(at(["a", "b"], 1, "s"))).toBe(false);
    // From when it is idle on, it waits as long as it is remembered.
    router.ended!(1, 50);
    router.routed!(2, "a", at(["a", "b"], 50));
    expect(router.isBusy!(at(["a", "b"], 60, "s"))).toBe(true);
    expect(router.changesMs!(at(["a", "b"], 60, "s"))).toBe(50 + TTL_MS);
    expect(router.isBusy!(at(["a", "b"], 50 + TTL_MS, "s"))).toBe(false);
    expect(router.changesMs!(at(["a", "b"], 50 + TTL_MS, "s"))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("routers of every mode with session affinity", () => {
  const event = fc.record({
    kind: fc.constantFrom("route", "route", "route", "end", "prefilled", "leave", "join", "cached", "uncached"),
    which: fc.nat(50),
    session: fc.nat(5),
    waitMs: fc.constantFrom(0, 1, 400, 1100),
  });

  it("keep sessions while their worker lives, and nothing of what has left", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ROUTER_MODES),
        fc.boolean(),
        fc.array(event, { maxLength: 80 }),
        (mode, kvEvents, events) => {
          const settings = { mode, kvEvents, sessionAffinityMs: TTL_MS, cacheTtlMs: 500 };
          const pool = { role: "aggregated" as const, blockSize: 4, maxBatchedTokens: 100, tellsEvents: true };
          const router = createRouter(settings, 7, pool) as SessionAffinity;
          const kv = kvRouterIn(router);
          let workers = ["w0", "w1", "w2"];
          let joined = 3;
          let nowMs = 0;
          let next = 0;
          const under = new Map<number, { worker: string; session: number }>();
          const bound = new Map<number, { worker: string; idleSinceMs: number }>();
          for (const { kind, which, session, waitMs } of events) {
            nowMs += waitMs;
            const some = [...under.keys()][which % Math.max(1, under.size)];
            if (kind === "route" && workers.length > 0) {
              const blocks = Array.from({ length: which % 6 }, (_, i) => i + 10 * (which % 2));
              const isl = 1 + which;
              const context = { workers, isl, blocks, nowMs, session };
              const worker = workers[router.choose([], workers.length, context)]!;
              const before = bound.get(session);
              const busy = [...under.values()].some((one) => one.session === session && one.worker === before?.worker);
              const holds = before !== undefined && (busy || nowMs < before.idleSinceMs + TTL_MS);
              if (holds && workers.includes(before.worker)) expect(worker).toBe(before.worker);
              if (kv !== null) {
                expect(kv.last!.overlapBlocks).toBeLessThanOrEqual(kv.last!.bestOverlapBlocks);
                expect(kv.last!.bestOverlapBlocks).toBeLessThanOrEqual(Math.floor(isl / 4));
              }
              router.routed(next, worker, context);
              under.set(next++, { worker, session });
              bound.set(session, { worker, idleSinceMs: Number.POSITIVE_INFINITY });
            } else if (kind === "end" && some !== undefined) {
              router.ended(some, nowMs);
              const { session: its, worker } = under.get(some)!;
              under.delete(some);
              if (bound.get(its)?.worker === worker) bound.get(its)!.idleSinceMs = nowMs;
            } else if (kind === "prefilled" && some !== undefined) router.prefilled(some);
            else if (kind === "leave" && workers.length > 1) {
              const worker = workers[which % workers.length]!;
              workers = workers.filter((one) => one !== worker);
              router.workerRemoved(worker);
              for (const [its, one] of bound) if (one.worker === worker) bound.delete(its);
              for (const [request, one] of under) if (one.worker === worker) under.delete(request);
            } else if (kind === "join") workers = [...workers, `w${joined++}`];
            else if (kind === "cached" && kvEvents) kv?.index.stored(workers[which % workers.length]!, [which % 3]);
            else if (kind === "uncached" && kvEvents) kv?.index.removed(workers[which % workers.length]!, [which % 3]);
          }
          for (const request of under.keys()) router.ended(request, nowMs);
          expect(kv?.load.requests ?? 0).toBe(0);
          for (const worker of workers) {
            if (kv !== null)
              expect(kv.load.of(worker)).toEqual({ prefillTokens: 0, requestBlocks: 0, unnamedBlocks: 0, requests: 0 });
            expect(kv?.index.usedBlocks(worker) ?? 0).toBe(0);
            router.workerRemoved(worker);
          }
          expect(kv?.index.size ?? 0).toBe(0);
          expect(router.sessions).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
