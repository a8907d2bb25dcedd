import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { createPlanner, type Observation, plannerConfigSchema, type WorkerCounts } from "#planner/core";
// Kubernetes' arithmetic by itself.
import { HpaPace } from "../../planner/core/autoscalers/hpa-behavior.ts";
import { wantedByAll, wantedReplicas } from "../../planner/core/autoscalers/hpa-metrics.ts";
import { active, disagg, none, observation, testSurface } from "./observations.ts";

const perReplica = (values: (number | null)[], target = 10) => ({
  kind: "per-replica" as const,
  name: "concurrency",
  target,
  values,
});
const total = (value: number | null, target = 10) => ({ kind: "total" as const, name: "rate", target, total: value });

describe("replicas that a metric asks for", () => {
  it("are replicas × metric ÷ target, rounded up", () => {
    expect(wantedReplicas(perReplica([20, 20]), 2, 0.1)).toBe(4);
    expect(wantedReplicas(perReplica([5, 6, 5]), 3, 0.1)).toBe(2);
    expect(wantedReplicas(total(41), 2, 0.1)).toBe(5);
  });

  it("stay within the tolerance of 10 %", () => {
    expect(wantedReplicas(perReplica([11, 11]), 2, 0.1)).toBe(2);
    expect(wantedReplicas(perReplica([11.2, 11.2]), 2, 0.1)).toBe(3);
    expect(wantedReplicas(total(18.1), 2, 0.1)).toBe(2);
    expect(wantedReplicas(total(22), 2, 0.1)).toBe(2);
    expect(wantedReplicas(total(22.1), 2, 0.1)).toBe(3);
  });

  it("count replicas without a value as idle upwards, and as at the target downwards", () => {
    // 2 × 20 over 3 is 13.3: 4, not 6.
    expect(wantedReplicas(perReplica([20, 20, null]), 3, 0.1)).toBe(4);
    // 2 + 2 + 10 over 3 is 4.67: 2, not 1.
    expect(wantedReplicas(perReplica([2, 2, null]), 3, 0.1)).toBe(2);
    // 14 over two is 7: the direction turns, so nothing.
    expect(wantedReplicas(perReplica([14, null]), 2, 0.1)).toBe(2);
  });

  it("are not known without any value", () => {
    expect(wantedReplicas(perReplica([null, null]), 2, 0.1)).toBeNull();
    expect(wantedReplicas(perReplica([]), 1, 0.1)).toBeNull();
    expect(wantedReplicas(total(null), 2, 0.1)).toBeNull();
  });

  it("of several metrics are the most; an unknown one stops a scale-down alone", () => {
    expect(wantedByAll([total(50), total(30)], 2, 0.1)).toBe(5);
    expect(wantedByAll([total(50), total(null)], 2, 0.1)).toBe(5);
    expect(wantedByAll([total(10), total(null)], 2, 0.1)).toBeNull();
    expect(wantedByAll([total(null)], 2, 0.1)).toBeNull();
  });

  it("never turn the direction of what was measured", () => {
    const value = fc.option(fc.double({ min: 0, max: 40, noNaN: true }), { freq: 3 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
        const wanted = wantedReplicas(perReplica(values), values.length, 0.1);
        const known = values.filter((each) => each !== null);
        if (known.length === 0) {
          expect(wanted).toBeNull();
          return;
        }
        const mean = known.reduce((sum, each) => sum + each, 0) / known.length;
        if (mean > 10) expect(wanted).toBeGreaterThanOrEqual(values.length);
        else if (known.length < values.length) expect(wanted).toBeLessThanOrEqual(values.length);
      }),
    );
  });
});

describe("the pace of an autoscaler", () => {
  const pace = () => new HpaPace({ upStabilizationMs: 0, downStabilizationMs: 300_000 });

  it("goes down to the largest wish of the last 300 s, up at once", () => {
    const hpa = pace();
    expect(hpa.next(4, 4, 0)).toBe(4);
    expect(hpa.next(2, 4, 15_000)).toBe(4);
    expect(hpa.next(3, 4, 290_000)).toBe(4);
    // The wish for 4 is 300 s old.
    expect(hpa.next(1, 4, 300_000)).toBe(3);
    expect(hpa.next(5, 3, 315_000)).toBe(5);
  });

  it("adds four replicas or doubles them in 15 s, whichever is more", () => {
    const hpa = pace();
    expect(hpa.next(30, 1, 0)).toBe(5);
    hpa.changed(1, 5, 0);
    // Of those 15 s all are used up.
    expect(hpa.next(30, 5, 5000)).toBe(5);
    expect(hpa.next(30, 5, 15_000)).toBe(10);
    hpa.changed(5, 10, 15_000);
    expect(hpa.next(30, 10, 30_000)).toBe(20);
  });

  it("counts the replicas that it found as its first wish", () => {
    const hpa = pace();
    hpa.found(4, 0);
    expect(hpa.next(1, 4, 0)).toBe(4);
    hpa.found(4, 285_000);
    expect(hpa.next(1, 4, 285_000)).toBe(4);
    expect(hpa.next(1, 4, 300_000)).toBe(1);
  });

  it("adds to what there was before replicas went in the same 15 s", () => {
    const hpa = new HpaPace({ upStabilizationMs: 0, downStabilizationMs: 0 });
    expect(hpa.next(2, 10, 0)).toBe(2);
    hpa.changed(10, 2, 0);
    expect(hpa.next(40, 2, 5000)).toBe(20);
    hpa.changed(2, 20, 5000);
    expect(hpa.next(40, 20, 15_000)).toBe(20);
  });

  it("waits with a stabilisation upwards for the least wish", () => {
    const hpa = new HpaPace({ upStabilizationMs: 60_000, downStabilizationMs: 0 });
    expect(hpa.next(1, 1, 0)).toBe(1);
    expect(hpa.next(3, 1, 30_000)).toBe(1);
    expect(hpa.next(3, 1, 60_000)).toBe(3);
  });
});

const hpa = (settings: object = {}) =>
  createPlanner(
    plannerConfigSchema.parse({
      strategy: "hpa",
      prefill: { requestRate: 10 },
      decode: { concurrency: 20 },
      ...settings,
    }),
    disagg,
    testSurface(),
  );

const batches = (...sizes: number[]) =>
  sizes.map((batch, workerId) => ({ workerId, batch, kvTokens: batch * 3000, itlMs: 8 }));
const workers = (prefill: number, decode: number) => ({ prefill: active(prefill), decode: active(decode) });

describe("strategy hpa", () => {
  it("scales each role by its own targets", () => {
    const seen = observation(15_000, 35, { workers: workers(2, 2), decodeLoad: batches(35, 33) });
    const decision = hpa().tick(seen);
    expect(decision.targets).toEqual({ prefill: 4, decode: 4 });
    expect(decision.values).toMatchObject({
      prefillRequestsPerS: 35,
      prefillRequestsPerSTarget: 10,
      decodeConcurrency: 34,
    });
    expect(decision.reasons[0]).toEqual({
      code: "scale-up",
      role: "prefill",
      text: "2 → 4: prefillRequestsPerS 35 for a target of 10",
    });
  });

  it("counts a share of the KV cache", () => {
    // 150 × 3000 of 900 000 tokens are 50 %.
    const planner = hpa({ decode: { kvPercent: 25 } });
    const { targets } = planner.tick(
      observation(15_000, 10, { workers: workers(1, 2), decodeLoad: batches(150, 150) }),
    );
    expect(targets).toEqual({ prefill: 1, decode: 4 });
  });

  it("takes none of the workers that it found for five minutes", () => {
    const planner = hpa();
    const at = (nowMs: number) =>
      planner.tick(observation(nowMs, 10, { workers: workers(4, 3), decodeLoad: batches(1, 1, 1) })).targets;
    for (let nowMs = 15_000; nowMs < 315_000; nowMs += 15_000) expect(at(nowMs)).toEqual({ prefill: 4, decode: 3 });
    expect(at(315_000)).toEqual({ prefill: 1, decode: 1 });
  });

  it("leaves a role without a target what it has, whatever the other one wants, unless the budget has no room for both", () => {
    const planner = hpa({ prefill: undefined, maxGpus: 8 });
    const busy = (prefill: number, decode: number) =>
      planner.tick(
        observation(15_000, 35, {
          workers: workers(prefill, decode),
          decodeLoad: batches(...Array.from({ length: decode }, () => 90)),
        }),
      );
    const fits = busy(4, 3);
    expect(fits.targets).toEqual({ prefill: 4, decode: 4 });
    expect(fits.reasons).toContainEqual({ code: "no-target", role: "prefill", text: "it has no target: it stays" });
    const above = busy(9, 3);
    expect(above.targets!.prefill).toBeLessThan(9);
    const texts = above.reasons.filter(({ role }) => role === "prefill").map(({ text }) => text);
    expect(texts[0]).toBe("it has no target");
    expect(texts[1]).toMatch(/^9 → \d$/);
    expect(texts[2]).toMatch(/^maxGpus: \d in place of 9$/);
  });

  it("decides nothing about what it does not see", () => {
    const blind = observation(15_000, 10, { workers: workers(2, 2), startedRequests: null, decodeLoad: null });
    const decision = hpa().tick(blind);
    expect(decision.targets).toBeNull();
    expect(decision.reasons.map(({ code }) => code)).toEqual(["no-data", "no-data"]);
    const half = hpa().tick({ ...blind, startedRequests: 500 });
    expect(half.targets).toEqual({ prefill: 6, decode: 2 });
  });

  it("leaves a role without targets as it is", () => {
    const planner = hpa({ prefill: undefined });
    const { targets } = planner.tick(observation(15_000, 90, { workers: workers(2, 1), decodeLoad: batches(60) }));
    expect(targets).toEqual({ prefill: 2, decode: 3 });
  });

  it("refuses a budget without room for one worker each", () => {
    expect(() => hpa({ maxGpus: 1 })).toThrow(UserError);
  });

  it.each([
    ["hpa", (settings: object) => hpa(settings)],
    ["keda", (settings: object) => keda(settings)],
  ])("keeps its budget and its minimum, whatever it sees: %s", (_name, plannerOf) => {
    const count = fc.integer({ min: 0, max: 6 });
    const counts = fc.record({ active: count, starting: count, draining: fc.integer({ min: 0, max: 2 }) });
    const look = fc.record({
      prefill: counts,
      decode: counts,
      rate: fc.option(fc.integer({ min: 0, max: 200 })),
      batch: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(
        fc.array(look, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 3, max: 20 }),
        (looks, maxGpus) => {
          const planner = plannerOf({ maxGpus, minWorkers: { prefill: 1, decode: 2 } });
          looks.forEach(({ prefill, decode, rate, batch }, i) => {
            const seen: Observation = observation((i + 1) * 15_000, rate ?? 0, {
              ...(rate === null ? { startedRequests: null } : {}),
              workers: { prefill, decode },
              decodeLoad: batches(...new Array<number>(decode.active).fill(batch)),
            });
            const { targets } = planner.tick(seen);
            if (targets === null) return;
            const held = (role: WorkerCounts, target: number) => Math.max(target, role.active) + role.draining;
            const before = prefill.active + prefill.draining + decode.active + decode.draining;
            // Who is over the budget already cannot be below it at once: active workers drain first.
            const now = held(prefill, targets.prefill) + held(decode, targets.decode);
            expect(now).toBeLessThanOrEqual(Math.max(maxGpus, before));
            expect(targets.prefill + targets.decode).toBeLessThanOrEqual(Math.max(maxGpus, before));
            if (before <= maxGpus - 3 && prefill.active > 0 && decode.active > 1) {
              expect(targets.prefill).toBeGreaterThanOrEqual(1);
              expect(targets.decode).toBeGreaterThanOrEqual(2);
            }
          });
        },
      ),
    );
  });
});

const keda = (settings: object = {}) =>
  createPlanner(
    plannerConfigSchema.parse({
      strategy: "keda",
      prefill: { queueLength: 2 },
      decode: { queueLength: 20, activation: 1 },
      ...settings,
    }),
    disagg,
    testSurface(),
  );
const queue = (...queued: number[]) =>
  queued.map((queuedRequests, workerId) => ({ workerId, queuedRequests, queuedTokens: queuedRequests * 3000 }));

describe("strategy keda", () => {
  it("divides the queue by its target", () => {
    const seen = observation(15_000, 35, {
      workers: workers(2, 2),
      prefillLoad: queue(5, 2),
      decodeLoad: batches(40, 39),
    });
    expect(keda().tick(seen).targets).toEqual({ prefill: 4, decode: 4 });
  });

  it("decides nothing where the queue of one worker is not known", () => {
    const seen = observation(15_000, 35, { workers: workers(2, 1), prefillLoad: queue(9), decodeLoad: null });
    expect(keda().tick(seen).targets).toBeNull();
  });

  it("takes the last worker after the cooldown, and polls whether one is wanted every 30 s", () => {
    const planner = keda({ minWorkers: 0, scaleDownStabilization: "0s" });
    const quiet = (nowMs: number, counts: number, rate = 0) =>
      planner.tick(
        observation(nowMs, rate, {
          workers: workers(counts, counts),
          prefillLoad: queue(...new Array<number>(counts).fill(0)),
          decodeLoad: batches(...new Array<number>(counts).fill(0)),
        }),
      ).targets;
    expect(quiet(0, 1)).toEqual({ prefill: 1, decode: 1 });
    expect(quiet(285_000, 1)).toEqual({ prefill: 1, decode: 1 });
    // The cooldown is over, but 15 s after a poll nobody looks.
    expect(quiet(300_000, 1)).toEqual({ prefill: 1, decode: 1 });
    expect(quiet(315_000, 1)).toEqual({ prefill: 0, decode: 0 });
    // Requests 5 s after a poll wait for the next one, which finds them though no more have come.
    expect(quiet(320_000, 0, 1)).toEqual({ prefill: 0, decode: 0 });
    expect(quiet(335_000, 0)).toEqual({ prefill: 0, decode: 0 });
    expect(quiet(350_000, 0)).toEqual({ prefill: 1, decode: 1 });
  });

  it("wakes a role for more waiting requests than its activation, and for as many workers as they ask for while the first one starts", () => {
    const planner = keda({ minWorkers: 0, pollingInterval: "5s", decode: { queueLength: 4, activation: 5 } });
    const starting = { active: 0, starting: 1, draining: 0 };
    const at = (nowMs: number, rate: number, decode: WorkerCounts) =>
      planner.tick(observation(nowMs, rate, { workers: { prefill: active(1), decode }, prefillLoad: queue(1) })).targets
        ?.decode;
    expect(at(5000, 1, none)).toBe(0);
    expect(at(10_000, 0, none)).toBe(0);
    expect(at(15_000, 0.2, none)).toBe(1);
    expect(at(20_000, 2, starting)).toBe(4);
  });

  it("does not forget requests that may have come while nothing was known", () => {
    const planner = keda({ minWorkers: 0, pollingInterval: "5s" });
    const idle = { workers: workers(0, 0) };
    expect(planner.tick(observation(5000, 0, idle)).targets).toEqual({ prefill: 0, decode: 0 });
    expect(planner.tick(observation(10_000, 0, { ...idle, startedRequests: null })).targets).toEqual({
      prefill: 0,
      decode: 0,
    });
    expect(planner.tick(observation(15_000, 0, idle)).targets).toEqual({ prefill: 1, decode: 1 });
  });

  it("is active from above its activation on", () => {
    const planner = keda({ minWorkers: 0, scaleDownStabilization: "0s" });
    const at = (nowMs: number, batch: number) =>
      planner.tick(observation(nowMs, 0, { workers: workers(1, 1), prefillLoad: queue(1), decodeLoad: batches(batch) }))
        .targets;
    at(0, 2);
    expect(at(150_000, 1)).toEqual({ prefill: 1, decode: 1 });
    expect(at(300_000, 1)).toEqual({ prefill: 1, decode: 0 });
  });
});
