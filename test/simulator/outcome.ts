import { expect } from "vitest";
import { UserError } from "#common";
import type { KvEvent } from "#mocker/engine";
import { type SimulationResult, type SimulationSpec, simulate } from "#src/simulator";

type Told = KvEvent & { atMs: number };
export type Outcome = { result: SimulationResult; kvEvents: Told[][] } | { stuck: string };

/** A run with its KV events by engine, or what it could not go on with. */
export function outcomeOf(spec: SimulationSpec): Outcome {
  const kvEvents: Told[][] = [];
  try {
    const result = simulate({
      ...spec,
      onKvEvent: (engine, event, atMs) => {
        kvEvents[engine] ??= [];
        // Microseconds: sums of many passes differ in their last bits.
        kvEvents[engine].push({ ...event, atMs: Math.round(atMs * 1000) });
      },
    });
    return { result, kvEvents };
  } catch (error) {
    if (error instanceof UserError && error.code === "ENGINE_STUCK") return { stuck: error.message };
    throw error;
  }
}

/** Runs a spec with both engines and expects the same outcome. @param made a planner has a state: each run gets its own */
export function expectAgreement(made: () => SimulationSpec): void {
  const skipping = outcomeOf({ ...made(), engine: "skipping" });
  const stepping = outcomeOf({ ...made(), engine: "stepping" });
  if ("stuck" in skipping || "stuck" in stepping) {
    expect(skipping).toEqual(stepping);
    return;
  }
  expectSame(skipping.result, stepping.result);
  expect(skipping.kvEvents).toEqual(stepping.kvEvents);
}

function close(actual: number, expected: number): boolean {
  if (Number.isNaN(actual) || Number.isNaN(expected)) return Number.isNaN(actual) === Number.isNaN(expected);
  return Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
}

/** Expects two runs to be the same in every time, counter, admission, worker, window and fault. */
export function expectSame(skipping: SimulationResult, stepping: SimulationResult): void {
  const { requests: a } = skipping;
  const { requests: b } = stepping;
  for (const key of [
    "status",
    "outputTokens",
    "cachedTokens",
    "preemptions",
    "attempts",
    "prefillWorker",
    "decodeWorker",
  ] as const) {
    expect([...a[key]], key).toEqual([...b[key]]);
  }
  const times = ["arrivalMs", "admitMs", "firstTokenMs", "secondTokenMs", "lastTokenMs", "firstOutputTokenMs"] as const;
  for (const key of times) {
    const [ours, theirs] = [a[key] ?? [], b[key] ?? []];
    expect(ours.length).toBe(theirs.length);
    const different = [...ours].findIndex((value, i) => !close(value, theirs[i]!));
    expect(different, `${key}: ${ours[different]} and ${theirs[different]}`).toBe(-1);
  }
  expect(a.reasoningTokens).toEqual(b.reasoningTokens);
  const { skippedPasses: _a, ...countersA } = skipping.engine;
  const { skippedPasses: _b, ...countersB } = stepping.engine;
  expect(countersA).toEqual(countersB);
  expect(skipping.gaps.count).toBe(stepping.gaps.count);
  expect(close(skipping.gaps.meanMs, stepping.gaps.meanMs)).toBe(true);
  expect(skipping.workers).toEqual(stepping.workers);
  expect(skipping.timeline).toEqual(stepping.timeline);
  expect(skipping.routing).toEqual(stepping.routing);
  expect(skipping.faults).toEqual(stepping.faults);
  const order = (result: SimulationResult) =>
    [...result.admissions].sort((x, y) => x.atMs - y.atMs || x.request - y.request || x.pool.localeCompare(y.pool));
  expect(order(skipping)).toEqual(order(stepping));
}
