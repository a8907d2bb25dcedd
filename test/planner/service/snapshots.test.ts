import { expect, it } from "vitest";
import { SnapshotRing, totalsOf } from "../../../planner/service/snapshots.ts";
import type { TickSnapshot } from "../../../planner/service/types.ts";
import { forwardPass, observation } from "../observations.ts";

function snapshot(tick: number, workers: number): TickSnapshot {
  const decodeLoad = Array.from({ length: workers }, (_, workerId) => ({ workerId, batch: 1, kvTokens: 1, itlMs: 8 }));
  return {
    tick,
    atMs: tick * 5000,
    atUnixMs: tick * 5000,
    observed: totalsOf(observation(tick * 5000, 5, { decodeLoad })),
    problems: [],
    state: null,
    decision: null,
    action: { status: "no-decision", message: "", wanted: null, inForce: {} },
    isLeader: true,
    lagMs: 0,
    tookMs: 1,
    gpuHours: 0,
  };
}

const kept = (ring: SnapshotRing) => ring.all().filter(({ observed }) => observed!.kvTokens !== null).length;

it("keeps what is said of single workers as long as there are few of them", () => {
  const ring = new SnapshotRing(5000);
  for (let tick = 0; tick < 5000; tick++) ring.add(snapshot(tick, 10));
  expect(kept(ring)).toBe(5000);
});

it("forgets single workers of old ticks where there are thousands of them, and never those of the last", () => {
  const ring = new SnapshotRing(500);
  for (let tick = 0; tick < 600; tick++) ring.add(snapshot(tick, 10_000));
  expect(ring.all()).toHaveLength(500);
  expect(kept(ring)).toBe(200);
  expect(Object.keys(ring.last!.observed!.kvTokens!)).toHaveLength(10_000);
  expect(ring.all()[0]!.observed).toMatchObject({ kvTokens: null, startedRequests: 25 });
  const wide = new SnapshotRing(10);
  wide.add(snapshot(0, 3_000_000));
  expect(kept(wide)).toBe(1);
});

it("tells what waits on each engine by the last pass of each of its ranks", () => {
  const pass = (workerId: string, dpRank: number, tokens: number) => {
    const made = forwardPass(workerId, { queuedKvTokens: tokens, queuedTokens: 10 * tokens });
    return { ...made, dpRank };
  };
  const decode = [pass("0", 0, 900), pass("1", 0, 5), pass("0", 1, 30), pass("0", 0, 100)];
  const totals = totalsOf(observation(5000, 5, { prefillLoad: null, forwardPasses: { prefill: null, decode } }));
  expect(totals.queuedKvTokens).toEqual({ "0": 130, "1": 5 });
  expect(totals.queuedTokens).toEqual({ "0": 1300, "1": 50 });
  expect(totalsOf(observation(5000, 5, { prefillLoad: null })).queuedTokens).toBeNull();
  expect(totalsOf(observation(5000, 5))).not.toHaveProperty("queuedKvTokens");
});
