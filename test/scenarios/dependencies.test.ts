import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asClosedLoop, atTimes, FollowUps, families, firstSessions, mergeWorkloads, type Workload } from "#scenarios";
import { dependenciesOf, type Edge, edgesOf, requestOnCircle } from "../../scenarios/workload/dependencies.ts";
import { anyGraph, graphWorkload } from "./graphs.ts";

/** Plays a graph with answers that take `lengthMs`, and says when each request began. */
function play(workload: Workload, lengthMs: (request: number) => number): Float64Array {
  const began = new Float64Array(workload.count).fill(Number.NaN);
  const due: { atMs: number; what: "start" | "end"; request: number }[] = [];
  const follow = new FollowUps(workload, (request, atMs) => due.push({ atMs, what: "start", request }));
  for (const head of workload.openHeads) due.push({ atMs: workload.arrivalMs[head]!, what: "start", request: head });
  while (due.length > 0) {
    const next = due.reduce((best, event) => (event.atMs < best.atMs ? event : best));
    due.splice(due.indexOf(next), 1);
    if (next.what === "end") follow.ended(next.request, next.atMs);
    else {
      expect(began[next.request]).toBeNaN();
      began[next.request] = next.atMs;
      due.push({ atMs: next.atMs + lengthMs(next.request), what: "end", request: next.request });
      follow.started(next.request, next.atMs);
    }
  }
  return began;
}

describe("requests with dependencies", () => {
  it("start when the last of their parents allows it, each once", () => {
    fc.assert(
      fc.property(
        anyGraph,
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 25, maxLength: 25 }),
        (made, ms) => {
          const began = play(made, (request) => ms[request]!);
          const allowed = new Float64Array(made.count).fill(Number.NEGATIVE_INFINITY);
          for (const { parent, child, delayMs, onStart } of edgesOf(made.dependencies!)) {
            const fromMs = began[parent]! + (onStart ? 0 : ms[parent]!);
            allowed[child] = Math.max(allowed[child]!, fromMs + delayMs);
          }
          for (let i = 0; i < made.count; i++) {
            expect(began[i]).toBe(allowed[i] === Number.NEGATIVE_INFINITY ? made.arrivalMs[i] : allowed[i]);
          }
        },
      ),
    );
  });

  it("do not start before their own time", () => {
    const made = graphWorkload(2, [{ parent: 0, child: 1, delayMs: 5, onStart: false }]);
    made.arrivalMs[1] = 400;
    expect([...play(made, () => 100)]).toEqual([0, 400]);
    expect([...play(made, () => 1000)]).toEqual([0, 1005]);
  });

  it("tell when the last of a session has ended", () => {
    const made = graphWorkload(4, [
      { parent: 0, child: 1, delayMs: 0, onStart: false },
      { parent: 0, child: 2, delayMs: 0, onStart: true },
    ]);
    const follow = new FollowUps(made, () => {});
    expect([0, 2, 3, 1].map((request) => follow.ended(request, 0))).toEqual([false, false, true, true]);
    expect([...families(made)]).toEqual([0, 0, 0, 3]);
  });

  it("keep to the columns they were made of", () => {
    fc.assert(
      fc.property(anyGraph, (made) => {
        const edges = edgesOf(made.dependencies!);
        expect(dependenciesOf(edges.toReversed(), made.count).offset).toEqual(made.dependencies!.offset);
        expect(edgesOf(dependenciesOf(edges, made.count))).toEqual(edges);
        expect(requestOnCircle(made.count, made.dependencies!)).toBe(-1);
      }),
    );
  });

  it("may not wait for each other", () => {
    const edge = (parent: number, child: number): Edge => ({ parent, child, delayMs: 0, onStart: false });
    const circle = dependenciesOf([edge(0, 1), edge(1, 2), edge(2, 3), edge(3, 1), edge(3, 4)], 5);
    expect([1, 2, 3]).toContain(requestOnCircle(5, circle));
  });

  it("stay together when workloads merge", () => {
    const edge = { parent: 0, child: 1, delayMs: 7, onStart: false };
    const merged = mergeWorkloads([
      { workload: graphWorkload(3, []), startMs: 0 },
      { workload: graphWorkload(2, [edge]), startMs: 100 },
    ]);
    expect(edgesOf(merged.dependencies!)).toEqual([{ ...edge, parent: 3, child: 4 }]);
    expect([...families(merged)]).toEqual([0, 1, 2, 3, 3]);
  });

  it("become a closed loop, or get other times, as whole sessions", () => {
    // Two first requests, 0 and 1, that 2 waits for; then a request of its own.
    const made = graphWorkload(4, [
      { parent: 0, child: 2, delayMs: 5, onStart: false },
      { parent: 1, child: 2, delayMs: 5, onStart: false },
    ]);
    const closed = asClosedLoop(made, 1);
    expect([...closed.closedLoops[0]!.heads]).toEqual([0, 3]);
    expect(edgesOf(closed.dependencies!)).toContainEqual({ parent: 0, child: 1, delayMs: 10, onStart: true });
    const moved = atTimes(made, Float64Array.of(500, 900));
    expect([...moved.openHeads]).toEqual([0, 3]);
    expect([...play(moved, () => 100)]).toEqual([500, 510, 615, 900]);
    expect([...firstSessions(made, 1).openHeads]).toEqual([0, 1]);
  });

  it("keep times of their own, counted from the first of their session, where that begins at another time", () => {
    const edges = [1, 2].map((child) => ({ parent: 0, child, delayMs: 5, onStart: false }));
    const made = { ...graphWorkload(3, edges), arrivalMs: Float64Array.of(40, 340, Number.NaN) };
    expect([...play(atTimes(made, Float64Array.of(1000)), () => 100)]).toEqual([1000, 1300, 1105]);
    const later = { parent: 0, child: 1, delayMs: 300, onStart: true };
    expect(edgesOf(asClosedLoop(made, 1).dependencies!)).toContainEqual(later);
  });
});
