import fc from "fast-check";
import { expect } from "vitest";
import type { ScaleStatus } from "#planner/connectors";
import { createPlanner, type Observation, plannerConfigSchema } from "#planner/core";
import { anyReport, disagg, observation, testSurface } from "../../planner/observations.ts";
import { MadeSource, ManualClock, madeService } from "../../planner/service/made-service.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

const INTERVAL_MS = 5000;
const MAX_GPUS = 24;
/** GPUs of a worker of each role, as `madeService` has them. */
const GPUS = { prefill: 1, decode: 2 };

/** What happens in one tick: what the source gives, what state the platform tells, and what comes of a wish. */
interface Moment {
  source: { kind: "reports" | "nulls" | "holes" | "not numbers" | "hangs" | "throws"; report: Partial<Observation> };
  state: "known" | "unknown" | "throws" | "hangs" | "not ready";
  outcome: ScaleStatus | "throws";
}

const mostly = <Value>(usual: Value, ...others: Value[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 4, arbitrary: fc.constantFrom(usual, ...others) });

const anyMoment: fc.Arbitrary<Moment> = fc.record({
  source: fc.record({
    kind: mostly<Moment["source"]["kind"]>("reports", "nulls", "holes", "not numbers", "hangs", "throws"),
    report: anyReport,
  }),
  state: mostly<Moment["state"]>("known", "unknown", "throws", "hangs", "not ready"),
  outcome: mostly<Moment["outcome"]>("applied", "unchanged", "not-ready", "pending", "refused", "failed", "throws"),
});

class FaultySource extends MadeSource {
  moment: Moment["source"] = { kind: "reports", report: {} };

  override async observe(nowMs = 0): Promise<Observation> {
    const { kind, report } = this.moment;
    const seen = { ...observation(nowMs, 20), ...report };
    switch (kind) {
      case "hangs":
        return new Promise(() => {});
      case "throws":
        throw new Error("socket hang up");
      case "reports":
        return seen;
      case "holes":
        // What is not known is no number instead of null.
        return Object.fromEntries(
          Object.entries(seen).map(([key, value]) => [
            key,
            value === null && !key.endsWith("Load") ? Number.NaN : value,
          ]),
        ) as unknown as Observation;
      default:
        return withEvery(seen, kind === "nulls" ? null : Number.NaN);
    }
  }
}

/** All that a source may not know is replaced. */
function withEvery(seen: Observation, value: number | null): Observation {
  const number = value as number;
  return {
    ...seen,
    startedRequests: value,
    completedRequests: value,
    startedIsl: [],
    meanIsl: value,
    meanOsl: value,
    meanTtftMs: value,
    meanItlMs: value,
    meanRequestDurationMs: value,
    prefillMeasuredS: value,
    prefillProfiledS: value,
    prefillLoad: null,
    decodeLoad: value === null ? null : [{ workerId: 0, batch: number, kvTokens: number, itlMs: number }],
  };
}

/** Plays the moments one after the other, then some without a fault, and holds the service to what is promised. */
async function check(moments: Moment[]): Promise<void> {
  const clock = new ManualClock();
  const source = new FaultySource();
  const planner = createPlanner(
    plannerConfigSchema.parse({ strategy: "default", maxGpus: MAX_GPUS }),
    { ...disagg, gpusPerWorker: GPUS },
    testSurface(),
  );
  const { service, connector, snapshots } = madeService([null], { clock, sleep: clock.sleep, source, planner });
  await service.start();
  const play = async ({ source: given, state, outcome }: Moment) => {
    source.moment = given;
    connector.state_ = state === "not ready" ? "known" : state;
    connector.isReady = state !== "not ready";
    connector.outcome = outcome === "throws" ? new Error("socket hang up") : { status: outcome };
    const asked = connector.requests.length;
    const ticked = snapshots.length;
    await clock.advance(INTERVAL_MS);
    const isBlind = (given.kind !== "reports" && given.kind !== "holes") || state !== "known";
    if (isBlind && snapshots.length === ticked + 1) expect(connector.requests.length, given.kind).toBe(asked);
    const { prefill, decode } = connector.desired;
    expect(prefill * GPUS.prefill + decode * GPUS.decode, "GPUs").toBeLessThanOrEqual(MAX_GPUS);
    expect(Math.min(prefill, decode), "workers").toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(prefill) && Number.isInteger(decode)).toBe(true);
  };
  for (const moment of moments) await play(moment);
  const healthy: Moment = { source: { kind: "reports", report: {} }, state: "known", outcome: "applied" };
  // A tick that waited for two hanging answers may have left out the next.
  for (let i = 0; i < 3; i++) await play(healthy);
  await service.stop();
  const { ticks, skipped } = service.counters;
  expect(snapshots.length, "snapshots").toBe(ticks);
  expect(Math.abs(ticks + skipped - moments.length - 3), "ticks").toBeLessThanOrEqual(1);
  expect(["no-decision", "unchanged", "applied"]).toContain(snapshots.at(-1)!.action.status);
  for (const { decision } of snapshots) {
    for (const value of Object.values(decision?.values ?? {})) expect(Number.isFinite(value)).toBe(true);
  }
}

export const campaign: Campaign = {
  name: "planner-service-faults",
  proves:
    "the service ticks on through sources and platforms that hang, fail and tell nonsense, asks for nothing while blind, and keeps budget and minimum",
  cases: "sequences of faults",
  sliceRuns: 40,
  soakRuns: 5_000,
  run: (count, seed, control) =>
    checkProperty(fc.asyncProperty(fc.array(anyMoment, { minLength: 1, maxLength: 20 }), check), count, seed, control),
};
