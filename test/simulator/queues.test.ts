import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventQueue } from "../../src/simulator/event-queue.ts";
import { WakeHeap } from "../../src/simulator/wake-heap.ts";

const randomEvent = fc.record({
  timeMs: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: 0, max: 1e6, noNaN: true })),
  priority: fc.integer({ min: 1, max: 6 }),
});

/** Subjects say nothing about the order of arrival. */
const subjectOf = (i: number) => (i * 7919) % 1000;

describe("the event queue", () => {
  it("hands events out by time, priority, given order and the order in which they came", () => {
    fc.assert(
      fc.property(fc.array(randomEvent, { maxLength: 300 }), (events) => {
        const queue = new EventQueue();
        const orderOf = (subject: number) => subject % 3;
        events.forEach(({ timeMs, priority }, i) => {
          queue.push(timeMs, priority, subjectOf(i), orderOf(subjectOf(i)));
        });
        // A stable sort keeps the order of arrival among equals.
        const sorted = events
          .map((event, i) => ({ ...event, subject: subjectOf(i) }))
          .sort((a, b) => a.timeMs - b.timeMs || a.priority - b.priority || orderOf(a.subject) - orderOf(b.subject));
        const popped = sorted.map(() => {
          const timeMs = queue.nextMs;
          return { timeMs, priority: queue.nextPriority, subject: queue.pop() };
        });
        expect(popped).toEqual(sorted);
        expect([queue.size, queue.nextMs]).toEqual([0, Number.POSITIVE_INFINITY]);
      }),
    );
  });

  it("keeps that order while events come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.option(randomEvent), { maxLength: 300 }), (steps) => {
        const queue = new EventQueue();
        const model: { timeMs: number; priority: number; subject: number }[] = [];
        steps.forEach((step, i) => {
          if (step !== null) {
            queue.push(step.timeMs, step.priority, subjectOf(i));
            model.push({ ...step, subject: subjectOf(i) });
          } else if (model.length > 0) {
            model.sort((a, b) => a.timeMs - b.timeMs || a.priority - b.priority);
            const { timeMs, ...first } = model.shift()!;
            expect(queue.nextMs).toBe(timeMs);
            expect(queue.nextPriority).toBe(first.priority);
            expect(queue.pop()).toBe(first.subject);
          }
          expect(queue.size).toBe(model.length);
        });
      }),
    );
  });
});

describe("the wake-up heap", () => {
  it("knows the earliest wake-up, the lowest engine of equals, while wake-ups are set, moved and removed", () => {
    const step = fc.record({
      engine: fc.integer({ min: 0, max: 40 }),
      timeMs: fc.option(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1000 })), { freq: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const heap = new WakeHeap(4);
        const model = new Map<number, number>();
        for (const { engine, timeMs } of steps) {
          if (timeMs === null) {
            heap.remove(engine);
            model.delete(engine);
          } else {
            heap.set(engine, timeMs);
            model.set(engine, timeMs);
          }
          const [first] = [...model].sort(([a, aMs], [b, bMs]) => aMs - bMs || a - b);
          expect(heap.nextMs).toBe(first?.[1] ?? Number.POSITIVE_INFINITY);
          if (first !== undefined) expect(heap.nextEngine).toBe(first[0]);
        }
        const order: number[] = [];
        for (; heap.nextMs < Number.POSITIVE_INFINITY; heap.remove(heap.nextEngine)) order.push(heap.nextEngine);
        expect(order).toEqual([...model].sort(([a, aMs], [b, bMs]) => aMs - bMs || a - b).map(([engine]) => engine));
      }),
    );
  });
});
