import { describe, expect, it } from "vitest";
import type { RateShape } from "#scenarios";
import type { RunRecord } from "#src/record";
import { attainment } from "#src/report";
import { loop, traffic } from "./simulated.ts";

const flash: RateShape = { kind: "burst", base: 6, peak: 20, startsMs: [400_000, 1_100_000], lengthMs: 120_000 };
const moods: RateShape = {
  kind: "mmpp",
  states: [
    { rate: 6, meanStayMs: 60_000 },
    { rate: 24, meanStayMs: 30_000 },
  ],
};

function learnt(record: RunRecord, fromS: number, toS: number): { share: number; gpus: number } {
  const fromMs = fromS * 1000;
  const toMs = toS * 1000;
  const heldMs = record.workers.reduce(
    (sum, { createdMs, removedMs }) =>
      sum + Math.max(0, Math.min(removedMs ?? record.endMs, toMs) - Math.max(createdMs, fromMs)),
    0,
  );
  return { share: attainment(record, { fromMs, toMs }).attainment.share, gpus: heldMs / (toMs - fromMs) };
}

/** Fewest workers that never change and attain as much in that time, or 99 %. */
function fewest(
  run: (workers: { prefill: number; decode: number }) => RunRecord,
  fromS: number,
  toS: number,
  share: number,
) {
  for (let gpus = 2; ; gpus++) {
    for (let prefill = 1; prefill < gpus; prefill++) {
      const record = run({ prefill, decode: gpus - prefill });
      if (learnt(record, fromS, toS).share >= Math.min(0.99, share)) return gpus;
    }
  }
}

describe("default planner where load jumps and workers take a minute to start", () => {
  it.each([
    { name: "a flash crowd, after the first", rate: flash, minutes: 25, fromS: 640, share: 0.9 },
    { name: "two moods, after ten minutes", rate: moods, minutes: 25, fromS: 600, share: 0.97 },
  ])("does what the best fixed size does: $name", ({ rate, minutes, fromS, share: least }) => {
    const workload = traffic(rate, minutes, 41);
    const toS = minutes * 60;
    const fixed = (workers: { prefill: number; decode: number }) =>
      loop({ workload, workers, settings: { minWorkers: workers, maxGpus: workers.prefill + workers.decode } });
    const { share, gpus } = learnt(loop({ workload, startupMs: 60_000 }), fromS, toS);
    expect(share).toBeGreaterThan(0.985);
    expect(gpus).toBeLessThan(fewest(fixed, fromS, toS, share) / least);
  });

  it("has workers enough where requests come clumped, once that is proven", () => {
    const workload = traffic({ kind: "constant", rate: 20 }, 20, 42, 300, { kind: "gamma", cv: 2 });
    const record = loop({ workload, startupMs: 60_000, workers: { prefill: 3, decode: 3 } });
    const { share, gpus } = learnt(record, 420, 1200);
    // 98.4 % with 7.8 where they are taken for Poisson arrivals; 6 and 3 that never change do 99.0 %, and now it is 99.7 % with 9.5.
    expect(share).toBeGreaterThan(0.99);
    expect(gpus).toBeLessThan(10);
    expect(record.decisions.at(-1)!.values.arrivalDispersion).toBeGreaterThan(2);
  });

  it("follows a period once it has gone round it, with no more than that needs, though the first rounds came unforeseen", () => {
    const quick: RateShape = { kind: "sinusoid", min: 4, max: 60, periodMs: 300_000, phase: 0 };
    const record = loop({ workload: traffic(quick, 25, 43), startupMs: 60_000 });
    const isHeld = (fromMs: number, toMs: number) =>
      record.decisions.some(
        ({ atMs, reasons }) =>
          atMs > fromMs && atMs <= toMs && reasons.some(({ code }) => code === "fixed-by-hindsight"),
      );
    expect(isHeld(0, 750_000)).toBe(true);
    expect(isHeld(750_000, 1_500_000)).toBe(false);
    const { share, gpus } = learnt(record, 750, 1500);
    expect(share).toBeGreaterThan(0.99);
    // 10.0 where the first rounds are held against it.
    expect(gpus).toBeLessThan(9.2);
  });

  it("keeps one size under constant load, as its forecasts have it, whatever history says", () => {
    const workload = traffic({ kind: "constant", rate: 14 }, 30, 42);
    const record = loop({ workload, startupMs: 60_000, workers: { prefill: 2, decode: 2 } });
    expect(record.scalingEvents.filter(({ atMs }) => atMs > 300_000).length).toBeLessThanOrEqual(2);
    const { reasons, values } = record.decisions.at(-1)!;
    const prefill = reasons.filter(({ role }) => role === "prefill");
    expect(values.prefillFixedWorkers).toBeGreaterThan(0);
    expect(values.prefillFollowedRatio).toBeLessThan(0.93);
    expect(prefill.map(({ code }) => code)).toEqual(["hold"]);
  });
});
