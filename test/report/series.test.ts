import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Decision } from "#planner/core";
import { forecasts } from "../../src/report/series/forecasts.ts";
import { gpuTime } from "../../src/report/series/gpu-time.ts";
import { latencyWindows, roundWindowMs } from "../../src/report/series/latency-windows.ts";
import { thinColumn } from "../../src/report/series/timeline-windows.ts";
import { workerSteps } from "../../src/report/series/worker-steps.ts";
import { cost } from "../../src/report/summary/cost.ts";
import { recordOf, worker } from "./record.ts";
import { syntheticRun } from "./synthetic-run.ts";

describe("worker steps", () => {
  it("follow a worker from starting over ready to draining", () => {
    const life = worker("decode", 0, { createdMs: 100, readyMs: 400, drainingMs: 700, removedMs: 900 });
    const steps = workerSteps([life, worker("prefill", 0)], "decode", 1000);
    expect(steps).toEqual({
      atMs: [100, 400, 700, 900, 1000],
      active: [0, 1, 0, 0, 0],
      starting: [1, 0, 0, 0, 0],
      draining: [0, 0, 1, 0, 0],
    });
  });

  it("end a worker that is cancelled while it starts", () => {
    const life = worker("decode", 0, { createdMs: 0, readyMs: 500, removedMs: 300 });
    const steps = workerSteps([life], "decode", 1000);
    expect(steps.atMs).toEqual([0, 300, 1000]);
    expect(steps.starting).toEqual([1, 0, 0]);
    expect(Math.max(...steps.active, ...steps.draining)).toBe(0);
  });

  it("have the workers' GPU time as their area", () => {
    const record = syntheticRun({ requests: 500 });
    const { atMs, active, starting, draining } = workerSteps(record.workers, "decode", record.endMs);
    let areaMs = 0;
    for (let i = 0; i + 1 < atMs.length; i++) {
      areaMs += (active[i]! + starting[i]! + draining[i]!) * (atMs[i + 1]! - atMs[i]!);
    }
    expect(areaMs / 1000).toBeCloseTo(cost(record).roles.decode.gpuSeconds, 6);
  });
});

describe("GPU time", () => {
  it("rises to the summary's GPU-hours", () => {
    const record = syntheticRun({ requests: 500 });
    const { prefillHours, decodeHours } = gpuTime(record);
    expect(prefillHours.at(-1)! + decodeHours.at(-1)!).toBeCloseTo(cost(record).gpuHours, 9);
    for (const hours of [prefillHours, decodeHours]) {
      for (let i = 1; i < hours.length; i++) expect(hours[i]!).toBeGreaterThanOrEqual(hours[i - 1]!);
    }
  });
});

describe("latency windows", () => {
  it("sort requests by arrival and judge each in its window", () => {
    const windows = latencyWindows(
      recordOf(
        [
          { arrivalMs: 500, ttftMs: 100, itlMs: 5, osl: 11 },
          { arrivalMs: 900, ttftMs: 300, itlMs: 15, osl: 11 },
          { arrivalMs: 2500, ttftMs: 150, itlMs: 0, osl: 1 },
          { arrivalMs: 2600, ttftMs: 150, itlMs: 0, osl: 1, status: 2 },
        ],
        { endMs: 3000 },
      ),
      1000,
    );
    expect(windows.judged).toEqual([2, 0, 2]);
    expect(windows.ttftMet).toEqual([1, 0, 1]);
    expect(windows.itlMet).toEqual([1, 0, 1]);
    expect(windows.ttftP50Ms).toEqual([200, Number.NaN, 150]);
    expect(windows.itlP50Ms).toEqual([10, Number.NaN, Number.NaN]);
  });

  it("are round and at most as many as asked for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 1_000_000_000 }), fc.integer({ min: 10, max: 400 }), (endMs, most) => {
        const windowMs = roundWindowMs(endMs, most, 1000);
        expect(windowMs % 1000).toBe(0);
        expect(Math.ceil(endMs / windowMs)).toBeLessThanOrEqual(most + 1);
      }),
    );
  });
});

describe("a thinned column", () => {
  it("keeps mean and maximum", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 500 }), (column) => {
        const record = syntheticRun({ requests: 5, minutes: 1 });
        const timeline = { ...record.timeline, startMs: column.map((_, i) => i * 5000) };
        const thin = thinColumn(timeline, column, 40);
        expect(thin.mean.length).toBeLessThanOrEqual(40);
        expect(Math.max(...thin.max)).toBe(Math.max(...column));
        expect(thin.atMs.every((at, i) => i === 0 || at > thin.atMs[i - 1]!)).toBe(true);
      }),
    );
  });
});

describe("forecasts", () => {
  const tick = (i: number, observed: number | null, predicted: number | null, horizonS?: number): Decision => ({
    tick: i,
    atMs: i * 5000,
    strategy: "s",
    targets: null,
    workers: { prefill: { active: 0, starting: 0, draining: 0 }, decode: { active: 1, starting: 0, draining: 0 } },
    observedRate: observed,
    forecast: predicted === null ? null : { requestRate: predicted, isl: 1, osl: 1 },
    values: horizonS === undefined ? {} : { forecastHorizonS: horizonS },
    clamps: [],
    reasons: [],
  });

  it("stand at the time they were made for and are judged by what came then", () => {
    // The load rises by 1 req/s a tick; forecasts 10 s ahead know it.
    const right = forecasts(Array.from({ length: 20 }, (_, i) => tick(i, i, i + 2, 10)));
    expect(right.meanRelativeError).toBeCloseTo(0, 12);
    expect(right.horizonMs).toBe(10_000);
    const late = forecasts(Array.from({ length: 20 }, (_, i) => tick(i, 10, 11, 10)));
    expect(late.meanRelativeError).toBeCloseTo(0.1, 12);
  });

  it("speak of the next interval where a strategy names no horizon, and have no error before their time comes", () => {
    const next = forecasts([tick(0, 1, 2), tick(1, 2, 3), tick(2, 3, 4)]);
    expect(next.meanRelativeError).toBeCloseTo(0, 12);
    expect(forecasts([tick(0, 1, 2, 600), tick(1, 2, 2, 600)]).meanRelativeError).toBeNaN();
    expect(forecasts([]).meanRelativeError).toBeNaN();
  });
});
