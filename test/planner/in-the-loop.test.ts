import { expect, it } from "vitest";
import { engineConfig, profileTiming } from "#mocker/engine";
import { createPlanner, type Planner, plannerConfigSchema } from "#planner/core";
import { buildSurface, loadProfile, type Surface } from "#profiles";
import { buildWorkload, type RateShape, type Workload } from "#scenarios";
import type { RunRecord } from "#src/record";
import { attainment, cost } from "#src/report";
import { type PoolSpec, simulate } from "#src/simulator";
import { describeWithReference, referencePath } from "../reference.ts";
import { disagg } from "./observations.ts";

const wave: RateShape = { kind: "sinusoid", min: 5, max: 45, periodMs: 600_000, phase: 0 };
const steady: RateShape = { kind: "constant", rate: 20 };

function traffic(rate: RateShape, minutes: number, seed: number): Workload {
  const length = (value: number) => ({ kind: "fixed" as const, value });
  const content = {
    patterns: [{ share: null, isl: length(3000), osl: length(300) }],
    sessions: null,
    prefix: null,
    blockTokens: 64,
  };
  const durationMs = minutes * 60_000;
  const arrivals = { kind: "poisson" as const };
  return buildWorkload([{ kind: "open", startMs: 0, durationMs, rate, arrivals, content }], { seed });
}

function run(surface: Surface, workload: Workload, prefill: number, decode: number, planner?: Planner): RunRecord {
  const pool = (role: "prefill" | "decode", workers: number): PoolSpec => ({
    workers,
    engine: engineConfig({
      role,
      timing: profileTiming(surface),
      numGpuBlocks: Math.floor(surface.maxKvTokens / 64),
      blockSize: 64,
    }),
    dpSize: 1,
    gpusPerWorker: 1,
    startupMs: 0,
  });
  return simulate({
    name: "loop",
    seed: 1,
    workload,
    prefill: pool("prefill", prefill),
    decode: pool("decode", decode),
    router: "least-loaded",
    transfer: { bytesPerToken: 131_072, bytesPerSecond: 64e9, timing: "full_prompt" },
    sla: disagg.sla,
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
    minEndMs: workload.horizonMs,
    ...(planner ? { planner } : {}),
  });
}

function goodputPerGpu(record: RunRecord): number {
  return attainment(record).attainment.good / cost(record).gpuSeconds;
}

describeWithReference("default planner in the simulator, on a measured profile", () => {
  const surface = buildSurface(loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1")), "robust");
  const planner = (extra: Record<string, unknown> = {}) =>
    createPlanner(plannerConfigSchema.parse({ strategy: "default", ...extra }), disagg, surface);

  it("serves a sinusoid with far fewer GPUs than the deployment that fits its peak, and keeps the SLA", () => {
    const workload = traffic(wave, 30, 11);
    const scaled = run(surface, workload, 1, 1, planner());
    const fixed = run(surface, workload, 4, 4);
    expect(attainment(fixed).attainment.share).toBeGreaterThan(0.99);
    expect(attainment(scaled).attainment.share).toBeGreaterThan(0.985);
    expect(goodputPerGpu(scaled)).toBeGreaterThan(1.4 * goodputPerGpu(fixed));
  });

  it("goes up and down with the load: most workers near the peaks, fewest near the troughs", () => {
    const { timeline } = run(surface, traffic(wave, 20, 12), 1, 1, planner());
    const at = (seconds: number) => {
      const i = Math.floor((seconds * 1000) / timeline.windowMs);
      return timeline.prefillActive[i]! + timeline.decodeActive[i]!;
    };
    expect(Math.min(at(310), at(900))).toBeGreaterThanOrEqual(Math.max(at(590), at(1190)) + 4);
  });

  it("does not swing under constant load: at most 8 scale events in 30 minutes", () => {
    const record = run(surface, traffic(steady, 30, 13), 2, 2, planner());
    expect(record.scalingEvents.length).toBeLessThanOrEqual(8);
    expect(attainment(record).attainment.share).toBeGreaterThan(0.985);
  });

  it("never has more GPUs than its budget, also while workers drain", () => {
    const record = run(surface, traffic(wave, 20, 14), 1, 1, planner({ maxGpus: 5 }));
    const moments = record.workers.flatMap(({ createdMs, removedMs }) => [createdMs, removedMs ?? record.endMs]);
    for (const atMs of moments) {
      const alive = record.workers.filter((each) => each.createdMs <= atMs && (each.removedMs ?? Infinity) > atMs);
      expect(alive.length).toBeLessThanOrEqual(5);
    }
    expect(Math.max(...record.timeline.prefillActive)).toBeGreaterThan(1);
  });

  it("decides the same in every run of the same traffic", () => {
    const workload = traffic(wave, 5, 15);
    const decisions = () => run(surface, workload, 1, 1, planner()).decisions;
    expect(decisions()).toEqual(decisions());
  });
});
