import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { madePool, madeSpec, scriptedPlanner } from "./hand-made.ts";

describe("what a planner sees at its ticks", () => {
  it("is the window since the last one, counted and averaged; null where nothing ended", () => {
    const planner = scriptedPlanner(100);
    simulate(
      madeSpec(
        {
          requests: [
            // First tokens at 50 and 170, last ones at 70 and 210.
            { atMs: 20, isl: 30, osl: 3 },
            { atMs: 120, isl: 50, osl: 5 },
          ],
        },
        { planner, minEndMs: 400, sla: { ttftMs: 50, itlMs: 9 } },
      ),
    );
    const workers = {
      prefill: { active: 0, starting: 0, draining: 0 },
      decode: { active: 1, starting: 0, draining: 0 },
    };
    expect(planner.seen).toHaveLength(4);
    expect(planner.seen[0]).toEqual({
      nowMs: 100,
      windowMs: 100,
      startedRequests: 1,
      startedIsl: [30],
      completedRequests: 1,
      meanIsl: 30,
      meanOsl: 3,
      meanTtftMs: 30,
      meanItlMs: 10,
      meanRequestDurationMs: 50,
      ttftJudged: 1,
      ttftMet: 1,
      itlJudged: 1,
      itlMet: 0,
      prefillMeasuredS: 0.03,
      prefillProfiledS: 0.03,
      prefillCount: 1,
      kvHitRate: 0,
      workers,
      prefillLoad: null,
      decodeLoad: [{ workerId: 0, batch: 0, kvTokens: 0, itlMs: 10 }],
    });
    expect(planner.seen[1]).toEqual({
      nowMs: 200,
      windowMs: 100,
      startedRequests: 1,
      startedIsl: [50],
      completedRequests: 0,
      meanIsl: null,
      meanOsl: null,
      meanTtftMs: 50,
      meanItlMs: null,
      meanRequestDurationMs: null,
      ttftJudged: 1,
      ttftMet: 1,
      itlJudged: 0,
      itlMet: 0,
      prefillMeasuredS: expect.closeTo(0.05, 12),
      prefillProfiledS: 0.05,
      prefillCount: 1,
      kvHitRate: null,
      workers,
      prefillLoad: null,
      // Four tokens out at 170, 180, 190 and 200.
      decodeLoad: [{ workerId: 0, batch: 1, kvTokens: 54, itlMs: 10 }],
    });
    expect(planner.seen[2]).toMatchObject({
      startedRequests: 0,
      startedIsl: [],
      completedRequests: 1,
      meanIsl: 50,
      meanOsl: 5,
      meanTtftMs: null,
      meanItlMs: 10,
      meanRequestDurationMs: 90,
      prefillMeasuredS: 0,
      prefillCount: 0,
    });
    expect(planner.seen[3]).toMatchObject({
      nowMs: 400,
      startedRequests: 0,
      completedRequests: 0,
      meanIsl: null,
      meanOsl: null,
      meanTtftMs: null,
      meanItlMs: null,
      meanRequestDurationMs: null,
      ttftJudged: 0,
    });
  });

  it("judges late requests as missed, and those that nobody could serve in time not at all", () => {
    const planner = scriptedPlanner(100);
    simulate(
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 30, osl: 1 },
            { atMs: 0, isl: 30, osl: 1 },
            { atMs: 0, isl: 41, osl: 2 },
          ],
        },
        { planner, minEndMs: 200, sla: { ttftMs: 40, itlMs: 20 } },
      ),
    );
    // One pass of 101 ms serves them all; 41 tokens take 41 ms on an idle worker already.
    expect(planner.seen[0]).toMatchObject({ startedRequests: 3, ttftJudged: 0, prefillCount: 0, meanTtftMs: null });
    expect(planner.seen[1]).toMatchObject({
      ttftJudged: 2,
      ttftMet: 0,
      meanTtftMs: 101,
      itlJudged: 0,
      prefillCount: 3,
    });
    expect(planner.seen[1]!.prefillProfiledS).toBeCloseTo(0.101, 12);
  });

  it("has the queues of prefill workers and the batches of decode workers", () => {
    const planner = scriptedPlanner(100);
    simulate(
      madeSpec(
        { requests: Array.from({ length: 4 }, () => ({ atMs: 0, isl: 60, osl: 20 })) },
        {
          prefill: madePool("prefill", { workers: 1 }, { maxNumSeqs: 1 }),
          decode: madePool("decode", { workers: 2 }),
          planner,
          minEndMs: 100,
        },
      ),
    );
    expect(planner.seen[0]).toMatchObject({
      workers: { prefill: { active: 1, starting: 0, draining: 0 }, decode: { active: 2, starting: 0, draining: 0 } },
      // The second is being computed, two wait.
      prefillLoad: [{ workerId: 0, queuedRequests: 2, queuedTokens: 180 }],
      // The first decodes since 60 and has four tokens.
      decodeLoad: [
        { workerId: 0, batch: 1, kvTokens: 64, itlMs: 10 },
        { workerId: 1, batch: 0, kvTokens: 0, itlMs: null },
      ],
      prefillCount: 1,
    });
  });

  it("comes at every multiple of the interval, with workers that start and drain", () => {
    const planner = scriptedPlanner(50, [{ prefill: 0, decode: 3 }, null, { prefill: 0, decode: 1 }]);
    simulate(
      madeSpec(
        { requests: Array.from({ length: 3 }, (_, i) => ({ atMs: 120 + i, isl: 10, osl: 20 })) },
        { decode: madePool("aggregated", { startupMs: 60 }), planner, minEndMs: 250 },
      ),
    );
    expect(planner.seen.slice(0, 5).map(({ nowMs }) => nowMs)).toEqual([50, 100, 150, 200, 250]);
    expect(
      planner.seen.slice(0, 5).map(({ workers: { decode } }) => [decode.active, decode.starting, decode.draining]),
    ).toEqual([
      [1, 0, 0],
      [1, 2, 0],
      [3, 0, 0],
      [1, 0, 2],
      [1, 0, 2],
    ]);
  });
});
