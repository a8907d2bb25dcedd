import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { madePool, madeSpec, scriptedPlanner } from "./hand-made.ts";

describe("the timeline", () => {
  it("has arrivals per second by window, the last window being what is left", () => {
    const requests = [10, 20, 100, 150, 230].map((atMs) => ({ atMs, isl: 5, osl: 1 }));
    const { timeline } = simulate(madeSpec({ requests }, { timelineWindowMs: 100, minEndMs: 250 }));
    expect(timeline.windowMs).toBe(100);
    expect(timeline.startMs).toEqual([0, 100, 200]);
    // A window ends before the arrivals of its last instant.
    expect(timeline.requestRate).toEqual([20, 20, 20]);
  });

  it("has replicas, running requests, queued prompt tokens and KV usage at the end of each window", () => {
    const { timeline } = simulate(
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 60, osl: 30 },
            { atMs: 0, isl: 40, osl: 1 },
            { atMs: 0, isl: 40, osl: 1 },
          ],
        },
        {
          decode: madePool(
            "aggregated",
            { startupMs: 150 },
            { numGpuBlocks: 20, blockSize: 10, maxNumBatchedTokens: 60, maxNumSeqs: 2 },
          ),
          planner: scriptedPlanner(50, [{ prefill: 0, decode: 2 }, null, null, null, null, { prefill: 0, decode: 1 }]),
          timelineWindowMs: 100,
        },
      ),
    );
    expect(timeline.decodeActive.slice(0, 3)).toEqual([1, 2, 1]);
    expect(timeline.decodeStarting.slice(0, 3)).toEqual([1, 0, 0]);
    expect(timeline.prefillActive.slice(0, 3)).toEqual([0, 0, 0]);
    // 60 ms for the first prompt, then 10 + 40 until 110 beside a decode step.
    expect(timeline.runningRequests[0]).toBe(2);
    expect(timeline.prefillQueueTokens[0]).toBe(80);
    expect(timeline.kvUsage[0]).toBeCloseTo((61 + 40) / 200, 12);
    // 160: the third prompt is done too; at 200 the first has its seventh token, and a second worker is idle.
    expect(timeline.runningRequests[1]).toBe(1);
    expect(timeline.prefillQueueTokens[1]).toBe(0);
    expect(timeline.kvUsage[1]).toBeCloseTo((60 + 7) / 200 / 2, 12);
  });

  it("has the KV usage of decode workers alone in a disaggregated deployment", () => {
    const engine = { numGpuBlocks: 20, blockSize: 10 };
    const { timeline } = simulate(
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 60, osl: 9 },
            { atMs: 50, isl: 90, osl: 1 },
          ],
        },
        {
          prefill: madePool("prefill", {}, engine),
          decode: madePool("decode", { workers: 2 }, engine),
          timelineWindowMs: 100,
        },
      ),
    );
    // The second prompt is computed from 60 to 150; the first has four of its tokens.
    expect(timeline.prefillQueueTokens[0]).toBe(90);
    expect(timeline.kvUsage[0]).toBeCloseTo((60 + 4) / 200 / 2, 12);
    expect(timeline.prefillActive[0]).toBe(1);
  });

  it("shows workers that drain", () => {
    const { timeline } = simulate(
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 10, osl: 30 },
            { atMs: 0, isl: 10, osl: 30 },
          ],
        },
        {
          decode: madePool("aggregated", { workers: 2 }),
          planner: scriptedPlanner(50, [{ prefill: 0, decode: 1 }]),
          timelineWindowMs: 100,
          minEndMs: 400,
        },
      ),
    );
    expect(timeline.decodeDraining).toEqual([1, 1, 0, 0]);
    expect(timeline.decodeActive).toEqual([1, 1, 1, 1]);
  });
});
