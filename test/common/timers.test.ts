import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Clock, TimerQueue, type Waker } from "#common";

/** A clock that is set by hand, and a waker that says what it was asked for. */
function byHand(timeScale = 1) {
  const state = { nowMs: 0, armedMs: Number.NaN, wakeUps: 0, closed: false };
  const clock: Clock = {
    timeScale,
    nowMs: () => state.nowMs,
    waitMs: (atMs) => Math.max(0, (atMs - state.nowMs) / timeScale),
    toUnixMs: (atMs) => atMs / timeScale,
    fromUnixMs: (unixMs) => unixMs * timeScale,
  };
  let wake = () => {};
  const waker: Waker = {
    arm: (waitMs) => {
      state.armedMs = waitMs;
      state.wakeUps++;
    },
    disarm: () => {
      state.armedMs = Number.NaN;
    },
    close: () => {
      state.closed = true;
    },
  };
  const queue = new TimerQueue(clock, (given) => {
    wake = given;
    return waker;
  });
  const wakeAt = (nowMs: number) => {
    state.nowMs = nowMs;
    wake();
  };
  return { state, queue, wakeAt };
}

describe("a timer queue", () => {
  it("calls back by deadline, order and insertion, whatever was added and cancelled in between", () => {
    const operation = fc.oneof(
      fc.record({ atMs: fc.integer({ min: 0, max: 20 }), order: fc.integer({ min: -1, max: 2 }) }),
      fc.record({ cancel: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.array(fc.integer({ min: 0, max: 25 })), (ops, stops) => {
        const { queue, wakeAt } = byHand();
        const timers: { atMs: number; order: number; index: number; cancelled: boolean }[] = [];
        const handles: ReturnType<TimerQueue["at"]>[] = [];
        const called: number[] = [];
        for (const op of ops) {
          if ("cancel" in op) {
            const timer = timers[op.cancel];
            if (timer === undefined) continue;
            timer.cancelled = true;
            queue.cancel(handles[op.cancel]!);
          } else {
            const index = timers.length;
            timers.push({ ...op, index, cancelled: false });
            handles.push(queue.at(op.atMs, () => called.push(index), op.order));
          }
        }
        const expected = timers
          .filter((timer) => !timer.cancelled)
          .sort((a, b) => a.atMs - b.atMs || a.order - b.order || a.index - b.index);
        for (const stopMs of [...stops].sort((a, b) => a - b)) {
          wakeAt(stopMs);
          expect(called).toEqual(expected.filter(({ atMs }) => atMs <= stopMs).map(({ index }) => index));
        }
        wakeAt(100);
        expect(called).toEqual(expected.map(({ index }) => index));
      }),
    );
  });

  it("asks for one wake-up, at the next deadline, in real ms", () => {
    const { queue, state } = byHand(10);
    queue.at(500, () => {});
    expect(state.armedMs).toBe(50);
    const sooner = queue.at(200, () => {});
    expect(state.armedMs).toBe(20);
    queue.at(900, () => {});
    expect(state.wakeUps).toBe(2);
    queue.cancel(sooner);
    expect(queue.nextMs).toBe(500);
  });

  it("is not early where it is woken up early", () => {
    const { queue, state, wakeAt } = byHand();
    const called: number[] = [];
    queue.at(10, (atMs) => called.push(atMs));
    wakeAt(9.999);
    expect(called).toEqual([]);
    expect(state.armedMs).toBeCloseTo(0.001, 9);
    wakeAt(10);
    expect(called).toEqual([10]);
  });

  it("tells callbacks their deadline and lets them live in it, however late they come", () => {
    const { queue, wakeAt } = byHand();
    const seen: [number, number][] = [];
    const step = (atMs: number) => {
      seen.push([atMs, queue.nowMs()]);
      if (atMs < 50) queue.at(atMs + 10, step);
    };
    queue.at(10, step);
    wakeAt(37);
    expect(seen).toEqual([10, 20, 30].map((atMs) => [atMs, atMs]));
    wakeAt(60);
    expect(seen.map(([atMs]) => atMs)).toEqual([10, 20, 30, 40, 50]);
    expect(queue.nowMs()).toBe(60);
  });

  it("gives way to the event loop where callbacks take long, and goes on afterwards", () => {
    const { queue, state, wakeAt } = byHand();
    const called: number[] = [];
    for (let i = 1; i <= 9; i++) {
      queue.at(i, () => {
        called.push(i);
        state.nowMs += 2;
      });
    }
    wakeAt(10);
    expect(called).toEqual([1, 2, 3]);
    expect(state.armedMs).toBe(0);
    wakeAt(state.nowMs);
    wakeAt(state.nowMs);
    expect(called).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("runs what was due before input of a past instant, and at it what comes first there", () => {
    const { queue, state } = byHand();
    const called: string[] = [];
    queue.at(5, () => called.push("before"));
    queue.at(8, () => called.push("at it, first"), -1);
    queue.at(8, () => called.push("at it, last"), 1);
    queue.at(9, () => called.push("after"));
    state.nowMs = 10;
    queue.catchUp(8);
    expect(called).toEqual(["before", "at it, first"]);
  });

  it("does not catch up from within a callback", () => {
    const { queue, wakeAt } = byHand();
    const called: number[] = [];
    queue.at(1, () => {
      queue.catchUp(5);
      called.push(1);
    });
    queue.at(2, () => called.push(2));
    wakeAt(5);
    expect(called).toEqual([1, 2]);
  });

  it("goes on after a callback that throws", () => {
    const { queue, wakeAt } = byHand();
    const called: number[] = [];
    queue.at(1, () => {
      throw new Error("of the test");
    });
    queue.at(2, () => called.push(2));
    expect(() => wakeAt(5)).toThrow("of the test");
    expect(queue.nowMs()).toBe(5);
    wakeAt(5);
    expect(called).toEqual([2]);
  });

  it("measures how late it called, in real ms", () => {
    const { queue, wakeAt } = byHand(10);
    for (const atMs of [10, 20, 30, 40]) queue.at(atMs, () => {});
    wakeAt(40);
    const lateness = queue.lateness();
    expect(lateness.count).toBe(4);
    expect(lateness.meanMs).toBeCloseTo(1.5, 9);
    expect(lateness.maxMs).toBe(3);
    expect(lateness.p50Ms).toBeGreaterThanOrEqual(1);
    expect(lateness.p50Ms).toBeLessThanOrEqual(1.1);
    expect(lateness.p99Ms).toBe(3);
  });

  it("is silent once it is closed", () => {
    const { queue, state, wakeAt } = byHand();
    const called: number[] = [];
    queue.at(1, () => called.push(1));
    queue.close();
    wakeAt(5);
    expect(called).toEqual([]);
    expect(state.closed).toBe(true);
  });
});
