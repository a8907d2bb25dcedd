import { describe, expect, it } from "vitest";
import { createPlanner, type Decision, type Observation, type Planner, plannerConfigSchema } from "#planner/core";
import type { RateShape } from "#scenarios";
import type { RunRecord } from "#src/record";
import { attainment, cost } from "#src/report";
import { active, disagg, none, observation, testSurface } from "./observations.ts";
import { loop, traffic } from "./simulated.ts";

const wave: RateShape = { kind: "sinusoid", min: 5, max: 30, periodMs: 600_000, phase: 0 };
const times = (factor: number): RateShape => ({ ...wave, min: 5 * factor, max: 30 * factor });
const share = (record: RunRecord) => attainment(record).attainment.share;
const codes = ({ reasons }: Decision) => reasons.map(({ code }) => code);

/** The strategy decides about its own role; the other has workers enough, which somebody else keeps. */
function beside(other: { prefill?: number; decode?: number }): (planner: Planner) => Planner {
  return (planner) => ({
    strategy: planner.strategy,
    intervalMs: planner.intervalMs,
    tick: (observation) => {
      const decision = planner.tick(observation);
      return { ...decision, targets: decision.targets && { ...decision.targets, ...other } };
    },
  });
}

describe("default strategy in other modes", () => {
  it("keeps TTFT and ITL together with one aggregated pool, and little more than it needs", () => {
    const workload = traffic(wave, 20, 3);
    const scaled = loop({ workload, mode: "agg", workers: { prefill: 0, decode: 2 } });
    expect(share(scaled)).toBeGreaterThan(0.99);
    // Eight workers carry the peak of 30 requests/s all the time; with six, a tenth misses.
    const fixed = beside({ decode: 8 });
    const still = loop({ workload, mode: "agg", workers: { prefill: 0, decode: 8 }, wrap: fixed });
    expect(share(still)).toBeGreaterThan(0.99);
    expect(cost(scaled).gpuSeconds).toBeLessThan(0.7 * cost(still).gpuSeconds);
  });

  it.each(["least-loaded", "round-robin"] as const)("keeps a tight TTFT with an aggregated pool, %s", (router) => {
    const context = { sla: { ttftMs: 150, itlMs: 10 } };
    const record = loop({
      workload: traffic(wave, 20, 4),
      mode: "agg",
      workers: { prefill: 0, decode: 2 },
      router,
      context,
    });
    expect(share(record)).toBeGreaterThan(0.985);
    expect(cost(record).averageGpus).toBeLessThan(7);
  });

  it.each([2, 4])("plans attention-DP engines by rank: with %i ranks, that many times the load", (dpSize) => {
    const workers = { prefill: 1, decode: 2 };
    const one = loop({ workload: traffic(wave, 20, 5), workers });
    const many = loop({ workload: traffic(times(dpSize), 20, 5), workers, dpSize });
    expect(share(many)).toBeGreaterThan(0.99);
    expect(cost(many).gpuSeconds).toBeLessThan(1.1 * cost(one).gpuSeconds);
  });

  it("plans aggregated attention-DP engines, where all ranks wait for the prompt of one", () => {
    const workload = traffic(times(4), 20, 5);
    const scaled = loop({ workload, mode: "agg", workers: { prefill: 0, decode: 2 }, dpSize: 4 });
    expect(share(scaled)).toBeGreaterThan(0.99);
    // Twenty workers carry the peak all the time; with seventeen, a sixth misses.
    const fixed = beside({ decode: 20 });
    const still = loop({ workload, mode: "agg", workers: { prefill: 0, decode: 20 }, dpSize: 4, wrap: fixed });
    expect(share(still)).toBeGreaterThan(0.99);
    expect(cost(scaled).gpuSeconds).toBeLessThan(0.7 * cost(still).gpuSeconds);
  });

  it("counts engines of several GPUs in budget and split", () => {
    const gpusPerWorker = { prefill: 2, decode: 4 };
    const record = loop({ workload: traffic(times(2), 20, 6), gpusPerWorker, settings: { maxGpus: 20 } });
    expect(cost(record).peakGpus).toBeLessThanOrEqual(20);
    const clamped = record.decisions.filter(({ clamps }) => clamps.some(({ name }) => name === "maxGpus"));
    const gpus = clamped.map(({ targets }) => 2 * targets!.prefill + 4 * targets!.decode);
    expect(Math.max(...gpus)).toBe(20);
  });

  it("plans prefill alone, and takes late decoding for nobody's fault here", () => {
    const wrap = beside({ decode: 6 });
    const context = { mode: "prefill" as const };
    const record = loop({ workload: traffic(wave, 20, 7), workers: { prefill: 1, decode: 6 }, context, wrap });
    expect(share(record)).toBeGreaterThan(0.99);
    const last = record.decisions.at(-1)!;
    expect(last.reasons.every(({ role }) => role !== "decode")).toBe(true);
    expect(Math.max(...record.timeline.prefillActive)).toBeGreaterThan(2);
    expect(cost(record).averageGpus - 6).toBeLessThan(4);
  });

  it("plans decode alone", () => {
    const wrap = beside({ prefill: 6 });
    const context = { mode: "decode" as const };
    const record = loop({ workload: traffic(wave, 20, 8), workers: { prefill: 6, decode: 1 }, context, wrap });
    expect(share(record)).toBeGreaterThan(0.985);
    expect(record.decisions.at(-1)!.reasons.every(({ role }) => role !== "prefill")).toBe(true);
    expect(cost(record).averageGpus - 6).toBeLessThan(3);
  });
});

describe("default strategy below its minimum", () => {
  const plannerOf = (extra: Record<string, unknown>) =>
    createPlanner(plannerConfigSchema.parse({ strategy: "default", ...extra }), disagg, testSurface());
  const tick = (plan: Planner, nowMs: number, prefill: number, decode: number, more: Partial<Observation> = {}) =>
    plan.tick(observation(nowMs, 0, { workers: { prefill: active(prefill), decode: active(decode) }, ...more }));

  it("makes it before any traffic, and then waits for the first request", () => {
    const plan = plannerOf({ minWorkers: { prefill: 1, decode: 2 }, maxGpus: 8 });
    const raised = tick(plan, 5000, 0, 1);
    expect(raised.targets).toEqual({ prefill: 1, decode: 2 });
    expect(raised.reasons.map(({ code, role }) => [code, role])).toEqual([
      ["no-traffic-yet", null],
      ["minimum", "prefill"],
      ["minimum", "decode"],
    ]);
    expect(tick(plan, 10_000, 1, 2).targets).toBeNull();
    // More than the minimum is somebody's choice, as before.
    expect(tick(plan, 15_000, 0, 5).targets).toEqual({ prefill: 1, decode: 5 });
    expect(tick(plan, 20_000, 3, 4).targets).toBeNull();
  });

  it("makes it where lengths are not known, with requests or without", () => {
    const unknown = { startedIsl: [], meanIsl: null, meanOsl: null, completedRequests: null };
    const plan = plannerOf({ minWorkers: 2, maxGpus: 8 });
    const asked = tick(plan, 5000, 0, 1, { ...unknown, startedRequests: 5 });
    expect(asked.targets).toEqual({ prefill: 2, decode: 2 });
    expect(codes(asked)).toEqual(["no-lengths-yet", "wake-up", "minimum"]);
    expect(tick(plan, 10_000, 2, 1, { ...unknown, startedRequests: 0 }).targets).toEqual({ prefill: 2, decode: 2 });
  });

  it("does nothing without data, and says so where the limits do not allow it now", () => {
    const plan = plannerOf({ minWorkers: 2, maxGpus: 4 });
    expect(tick(plan, 5000, 0, 0, { startedRequests: null, completedRequests: null }).targets).toBeNull();
    const held = plan.tick(
      observation(10_000, 0, { workers: { prefill: active(1), decode: { active: 1, starting: 0, draining: 2 } } }),
    );
    expect(held.targets).toEqual({ prefill: 1, decode: 1 });
    expect(codes(held)).toContain("minimum-unmet");
  });
});

describe("default strategy with a minimum of zero", () => {
  const pauses: RateShape = {
    kind: "steps",
    steps: [
      { atMs: 0, rate: 8 },
      { atMs: 300_000, rate: 0 },
      { atMs: 900_000, rate: 8 },
    ],
  };
  const settings = { minWorkers: 0, scaleToZeroDelay: "2m" };

  it.each(["disagg", "agg"] as const)("goes to zero in a pause and comes back with the first request: %s", (mode) => {
    const workers = { prefill: mode === "agg" ? 0 : 2, decode: 2 };
    const record = loop({ workload: traffic(pauses, 20, 9), mode, workers, startupMs: 30_000, settings });
    const { windowMs, prefillActive, decodeActive } = record.timeline;
    const at = (minute: number) => {
      const i = Math.floor((minute * 60_000) / windowMs);
      return prefillActive[i]! + decodeActive[i]!;
    };
    expect(at(6)).toBeGreaterThan(0);
    expect(at(9)).toBe(0);
    expect(at(19)).toBeGreaterThan(0);
    expect(record.decisions.some((decision) => codes(decision).includes("scale-to-zero"))).toBe(true);
    // Requests wait at the gateway while the first workers start; none is lost.
    expect(record.requests.status.every((status) => status === record.requests.status[0])).toBe(true);
    const firstTokenMs = record.requests.firstTokenMs.find((_, i) => record.requests.arrivalMs[i]! >= 900_000)!;
    expect(firstTokenMs).toBeLessThan(900_000 + 5000 + 30_000 + 5000);
  });

  it("comes from nothing at the very first request, though no length is known before one has ended", () => {
    const hidden = (planner: Planner): Planner => ({
      strategy: planner.strategy,
      intervalMs: planner.intervalMs,
      tick: (observation) => planner.tick({ ...observation, startedIsl: [] }),
    });
    const record = loop({
      workload: traffic({ kind: "constant", rate: 4 }, 5, 10),
      workers: { prefill: 0, decode: 0 },
      startupMs: 20_000,
      settings,
      wrap: hidden,
    });
    expect(codes(record.decisions[0]!)).toEqual(expect.arrayContaining(["no-lengths-yet", "wake-up"]));
    expect(record.decisions[0]!.targets).toEqual({ prefill: 1, decode: 1 });
    expect(record.requests.lastTokenMs.every((atMs) => atMs > 0)).toBe(true);
  });

  it("says that it wakes a role of which it can't tell yet what is needed", () => {
    const record = loop({
      workload: traffic({ kind: "constant", rate: 4 }, 1, 10),
      workers: { prefill: 0, decode: 0 },
      startupMs: 20_000,
      settings,
    });
    const [first] = record.decisions;
    expect(first!.targets!.decode).toBe(1);
    expect(first!.reasons).toContainEqual({
      code: "wake-up",
      role: "decode",
      text: "requests wait and there is no worker: 1",
    });
    expect(codes(first!)).not.toContain("hold");
  });

  it("asks for workers until they are there, however long nobody starts them for a request that waits", () => {
    const config = plannerConfigSchema.parse({
      strategy: "default",
      minWorkers: 0,
      scaleToZeroDelay: "10s",
      maxGpus: 4,
    });
    const planner = createPlanner(config, disagg, testSurface());
    const counts = { none: { prefill: none, decode: none }, one: { prefill: active(1), decode: active(1) } };
    const idle = { prefillLoad: [], decodeLoad: [], prefillMeasuredS: 0, prefillProfiledS: 0, prefillCount: 0 };
    let nowMs = 0;
    const tick = (rate: number, workers: keyof typeof counts) => {
      nowMs += 5000;
      return planner.tick(observation(nowMs, rate, { ...idle, workers: counts[workers] }));
    };
    const untilZero = () => {
      for (let ticks = 1; ticks <= 60; ticks++) if (tick(0, "one").targets?.decode === 0) return ticks;
      return Number.POSITIVE_INFINITY;
    };
    tick(1, "one");
    expect(untilZero()).toBeLessThan(60);
    tick(0, "none");
    // One request, and nobody does what is decided for ten minutes.
    expect(tick(0.2, "none").targets).toEqual({ prefill: 1, decode: 1 });
    for (let i = 0; i < 120; i++) expect(tick(0, "none").targets).toEqual({ prefill: 1, decode: 1 });
    const served = untilZero();
    expect(served).toBeGreaterThan(2);
    expect(served).toBeLessThan(60);
    expect(tick(0, "none").targets).toEqual({ prefill: 0, decode: 0 });
  });

  it("stays where it is while a worker starts that a lone request waits for, and while data lacks", () => {
    const lone: RateShape = {
      kind: "steps",
      steps: [
        { atMs: 0, rate: 0.5 },
        { atMs: 4000, rate: 0 },
      ],
    };
    const quick = { minWorkers: 0, scaleToZeroDelay: "10s" };
    const record = loop({
      workload: traffic(lone, 10, 12),
      workers: { prefill: 0, decode: 0 },
      startupMs: 120_000,
      settings: quick,
    });
    expect(record.requests.lastTokenMs.every((atMs) => atMs > 0)).toBe(true);
    const last = record.decisions.at(-1)!;
    expect(last.targets).toEqual({ prefill: 0, decode: 0 });
    let blind = 0;
    const unseen = (planner: Planner): Planner => ({
      strategy: planner.strategy,
      intervalMs: planner.intervalMs,
      tick: (observation) => {
        if (observation.nowMs < 320_000) return planner.tick(observation);
        blind++;
        return planner.tick({ ...observation, startedRequests: null, completedRequests: null, decodeLoad: null });
      },
    });
    const workers = { prefill: 2, decode: 2 };
    const lost = loop({ workload: traffic(pauses, 14, 9), workers, settings, wrap: unseen });
    expect(blind).toBeGreaterThan(50);
    expect(lost.decisions.at(-1)!.targets).toBeNull();
    expect(lost.timeline.decodeActive.at(-1)).toBeGreaterThan(0);
  });
});
