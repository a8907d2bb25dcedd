import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asClosedLoop } from "#scenarios";
import { RequestStatus } from "#src/record";
import { simulate } from "#src/simulator";
import { edgesOf } from "../../scenarios/workload/dependencies.ts";
import { anyGraph, graphWorkload } from "../scenarios/graphs.ts";
import { madePool, madeSpec } from "./hand-made.ts";

const completed = (status: Uint8Array) => [...status].every((value) => value === RequestStatus.completed);

describe("a closed loop", () => {
  const requests = Array.from({ length: 9 }, (_, i) => ({ isl: 5 + i, osl: 1 + (i % 4) }));
  const heads = [...requests.keys()];

  it("keeps its concurrency: the next request is sent at the instant one ends", () => {
    const { requests: table } = simulate(madeSpec({ requests, loops: [{ concurrency: 3, heads }] }));
    const ends = [...table.lastTokenMs].sort((a, b) => a - b);
    expect([...table.arrivalMs]).toEqual([0, 0, 0, ...ends.slice(0, 6)]);
    expect(completed(table.status)).toBe(true);
  });

  it("begins at its time, beside open traffic and another loop", () => {
    const { requests: table } = simulate(
      madeSpec({
        requests: [{ atMs: 20, isl: 5, osl: 1 }, ...requests],
        loops: [
          { concurrency: 1, heads: [1, 2], startMs: 500 },
          { concurrency: 2, heads: [3, 4, 5], startMs: 0 },
        ],
      }),
    );
    expect(table.arrivalMs[0]).toBe(20);
    expect(table.arrivalMs[1]).toBe(500);
    expect(table.arrivalMs[2]).toBe(table.lastTokenMs[1]);
    expect([table.arrivalMs[3], table.arrivalMs[4]]).toEqual([0, 0]);
    expect(table.arrivalMs[5]).toBe(Math.min(table.lastTokenMs[3]!, table.lastTokenMs[4]!));
  });

  it("bounded by time sends nothing from its end on; what was never sent is in no count", () => {
    const stock = Array.from({ length: 200 }, () => ({ isl: 10, osl: 3 }));
    const result = simulate(
      madeSpec({ requests: stock, loops: [{ concurrency: 1, heads: [...stock.keys()], endMs: 90 }] }),
    );
    // 30 ms each: sent at 0, 30 and 60, not at 90.
    expect(result.requests.count).toBe(3);
    expect([...result.requests.arrivalMs]).toEqual([0, 30, 60]);
    expect(result.feasible).toHaveLength(3);
    expect(completed(result.requests.status)).toBe(true);
    expect(result.endMs).toBe(90);
  });

  it("goes on after a request that is rejected", () => {
    const result = simulate(
      madeSpec(
        {
          requests: [
            { isl: 5, osl: 1 },
            { isl: 5000, osl: 1 },
            { isl: 5, osl: 1 },
          ],
          loops: [{ concurrency: 1, heads: [0, 1, 2] }],
        },
        { decode: madePool("aggregated", {}, { numGpuBlocks: 10 }) },
      ),
    );
    const { completed: done, rejected } = RequestStatus;
    expect([...result.requests.status]).toEqual([done, rejected, done]);
    expect([...result.requests.arrivalMs]).toEqual([0, 5, 5]);
    expect(result.requests.outputTokens[1]).toBe(0);
  });
});

describe("a session of several turns", () => {
  const requests = [
    { atMs: 40, isl: 10, osl: 2 },
    { isl: 20, osl: 1 },
    { isl: 30, osl: 1 },
    { atMs: 45, isl: 7, osl: 1 },
  ];
  const turns = [
    { from: 0, to: 1, thinkMs: 1000 },
    { from: 1, to: 2, thinkMs: 0 },
  ];

  it("sends a turn its think time after the end of the one before", () => {
    const { requests: table } = simulate(
      madeSpec({ requests, turns }, { decode: madePool("aggregated", {}, { maxNumSeqs: 1 }) }),
    );
    // Turn 1: 40 → 60; the other request until 67.
    expect([...table.arrivalMs]).toEqual([40, 1060, 1080, 45]);
    expect([...table.lastTokenMs]).toEqual([60, 1080, 1110, 67]);
  });

  it("keeps the slot of its closed loop until its last turn has ended", () => {
    const { requests: table } = simulate(
      madeSpec({
        requests: requests.map(({ isl, osl }) => ({ isl, osl })),
        turns,
        loops: [{ concurrency: 1, heads: [0, 3] }],
      }),
    );
    expect([...table.arrivalMs]).toEqual([0, 1020, 1040, 1070]);
  });

  it("finds its earlier turns in the prefix cache", () => {
    const { requests: table } = simulate(
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 32, osl: 1, blocks: [1, 2] },
            { isl: 64, osl: 1, blocks: [1, 2, 3, 4] },
          ],
          turns: [{ from: 0, to: 1, thinkMs: 100 }],
          blockTokens: 16,
        },
        { decode: madePool("aggregated", {}, { blockSize: 16 }) },
      ),
    );
    expect([...table.cachedTokens]).toEqual([0, 32]);
    expect(table.lastTokenMs[1]).toBe(132 + 32);
  });
});

describe("requests with dependencies", () => {
  it("never begin before what they wait for, however the engines are loaded", () => {
    fc.assert(
      fc.property(
        anyGraph,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom("skipping", "stepping"),
        (made, slots, engine) => {
          const decode = madePool("aggregated", {}, { maxNumSeqs: slots });
          const result = simulate({ ...madeSpec({ requests: [] }, { decode }), workload: made, engine });
          expect(result.requests.count).toBe(made.count);
          expect(completed(result.requests.status)).toBe(true);
          const { arrivalMs, lastTokenMs } = result.requests;
          const allowed = new Float64Array(made.count).fill(Number.NaN);
          for (const { parent, child, delayMs, onStart } of edgesOf(made.dependencies!)) {
            const atMs = (onStart ? arrivalMs[parent]! : lastTokenMs[parent]!) + delayMs;
            if (!(allowed[child]! >= atMs)) allowed[child] = atMs;
          }
          for (let i = 0; i < made.count; i++) {
            expect(arrivalMs[i]).toBe(Number.isNaN(allowed[i]!) ? made.arrivalMs[i] : allowed[i]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("begin at once with what they wait for, where there is no delay", () => {
    const edges = [
      { parent: 0, child: 1, delayMs: 0, onStart: true },
      { parent: 1, child: 2, delayMs: 0, onStart: true },
    ];
    for (const workload of [graphWorkload(4, edges), asClosedLoop(graphWorkload(4, edges), 1)]) {
      const { requests: table } = simulate({ ...madeSpec({ requests: [] }), workload });
      expect(completed(table.status)).toBe(true);
      expect([...table.arrivalMs].slice(0, 3)).toEqual([0, 0, 0]);
    }
  });

  it("go in the order of the trace where they begin at one instant, whatever they waited for", () => {
    const edges = [
      { parent: 0, child: 3, delayMs: 0, onStart: true },
      { parent: 1, child: 2, delayMs: 0, onStart: true },
    ];
    const made = graphWorkload(5, edges);
    const workload = { ...made, arrivalMs: made.arrivalMs.map((atMs) => 0 * atMs) };
    const decode = madePool("aggregated", {}, { maxNumSeqs: 1 });
    const { requests: table } = simulate({ ...madeSpec({ requests: [] }, { decode }), workload });
    expect(Math.max(...table.arrivalMs)).toBe(0);
    const byFirstToken = [...table.firstTokenMs.keys()].sort((a, b) => table.firstTokenMs[a]! - table.firstTokenMs[b]!);
    expect(byFirstToken).toEqual([0, 1, 2, 3, 4]);
  });

  it("hold a closed loop's place until the last of them has ended", () => {
    const edges = [1, 2].map((child) => ({ parent: 0, child, delayMs: 1000 * child, onStart: false }));
    const made = asClosedLoop(graphWorkload(4, edges), 1);
    const { requests: table } = simulate({ ...madeSpec({ requests: [] }), workload: made });
    expect(table.arrivalMs[3]).toBe(table.lastTokenMs[2]);
    expect(table.arrivalMs[2]).toBe(table.lastTokenMs[0]! + 2000);
  });
});
