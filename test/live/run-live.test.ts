import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quantileSorted } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { type LiveRun, runLive } from "#src/live";
import type { RunRecord } from "#src/record";
import { prepareRehearsal, type Rehearsal } from "#src/rehearsal";
import { type LiveCase, tooClose } from "../../bench/live-cases.ts";
import { compareRuns } from "../../src/live/compare.ts";
import { steadyCase } from "./steady-case.ts";

const PROFILE = "l40s-qwen3-8b-bf16-tp1-estimate";
/** Arrivals keep so far from planner ticks: what a machine may be late without changing what a tick sees, ms. */
const CLEAR_MS = 400;
/** Arrivals keep so far from each other: what it may be late without changing their order. */
const APART_MS = 100;
const ATTEMPTS = 5;

const common = {
  seed: 8,
  durationMs: 20_000,
  rate: (atMs: number) => (atMs < 4000 ? 0.6 : 1.6),
  isl: [1500, 3000],
  osl: [20, 50],
  turns: [1, 3],
  thinkMs: [1500, 3000],
  groups: 3,
  groupBlocks: 2,
  intervalMs: 4000,
  sla: { ttft: "800ms", itl: "60ms" },
  planner: { strategy: "default", interval: "4s", maxGpus: 4 },
  clearMs: CLEAR_MS,
  apartMs: APART_MS,
} as const;

const aggregated: LiveCase = {
  ...common,
  name: "agg",
  deployment: {
    profile: PROFILE,
    mode: "agg",
    router: "round-robin",
    engine: { blockSize: 64 },
    agg: { workers: 1, startup: "4s" },
  },
};
const disaggregated: LiveCase = {
  ...common,
  name: "disagg",
  deployment: {
    profile: PROFILE,
    mode: "disagg",
    router: "round-robin",
    engine: { blockSize: 64, reasoning: { ratio: 0.6 } },
    prefill: { workers: 1, startup: "4s" },
    decode: { workers: 1, startup: "4s" },
    kvTransfer: { bandwidth: "16GB/s" },
  },
};

/** Choices of the router by what workers tell of their caches, and draws among equals by the seed. */
const cacheAware: LiveCase = {
  ...common,
  name: "kv",
  deployment: {
    profile: PROFILE,
    mode: "agg",
    router: { mode: "kv", sessionAffinity: "10s" },
    engine: { blockSize: 64 },
    agg: { workers: 2, startup: "4s" },
  },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-live-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The latest that anything in the run came, model ms. */
function worstLagMs({ lag, timeScale }: LiveRun): number {
  const all = [...lag.processes.map((process) => process.lag), lag.client, lag.generator, lag.ticks.late];
  return timeScale * Math.max(...all.map(({ maxMs }) => maxMs));
}

/** What a token loses on its way, on average, model ms. */
function usualLagMs({ lag, timeScale }: LiveRun): number {
  return (
    timeScale *
    [...lag.processes.map((process) => process.lag), lag.client].reduce((sum, { meanMs }) => sum + meanMs, 0)
  );
}

/** What must be the same whatever the machine does, as long as it is not later than arrivals are clear. */
function outcome({ requests, decisions, scalingEvents, workers }: RunRecord) {
  const arrivals = [...requests.arrivalMs.keys()].sort((a, b) => requests.arrivalMs[a]! - requests.arrivalMs[b]!);
  return {
    order: arrivals,
    status: [...requests.status],
    outputTokens: [...requests.outputTokens],
    reasoningTokens: requests.reasoningTokens && [...requests.reasoningTokens],
    cachedTokens: [...requests.cachedTokens],
    prefillWorker: [...requests.prefillWorker],
    decodeWorker: [...requests.decodeWorker],
    decisions: decisions.map(({ atMs, targets, workers: counts }) => ({ atMs, targets, counts })),
    scalingEvents,
    workers: workers.map(({ role, id, createdMs, readyMs, drainingMs }) => ({
      role,
      id,
      createdMs,
      readyMs,
      drainingMs,
    })),
  };
}

interface Compared {
  live: LiveRun;
  virtual: RunRecord;
  /** The live run had the twin's outcome, or the machine was quiet enough to be held to it. */
  tells: boolean;
}

/** The least time between an arrival and a change of a worker's load: who is later than that may show a router another load. */
function nearestChangeMs({ requests: { arrivalMs, firstTokenMs, lastTokenMs } }: RunRecord): number {
  const changes = [...firstTokenMs, ...lastTokenMs];
  return Math.min(...[...arrivalMs].flatMap((atMs) => changes.map((changeMs) => Math.abs(changeMs - atMs))));
}

/** Runs until the machine was quiet enough, or got it right all the same. */
async function compared(rehearsal: Rehearsal): Promise<Compared> {
  const virtual = rehearsal.run({ engine: "stepping" });
  const looksAtLoad = rehearsal.scenario.deployment.router.mode === "kv";
  const quietMs = Math.min(APART_MS, looksAtLoad ? nearestChangeMs(virtual) : APART_MS);
  const expected = JSON.stringify(outcome(virtual));
  for (let attempt = 1; ; attempt++) {
    const live = await runLive(rehearsal);
    const tells = worstLagMs(live) < quietMs || JSON.stringify(outcome(live.record)) === expected;
    if (tells || attempt === ATTEMPTS) return { live, virtual, tells };
  }
}

const TOO_LATE = `the machine was too late in each of ${ATTEMPTS} runs`;

describe.each([aggregated, disaggregated, cacheAware])("$name: a live run", { timeout: 300_000 }, (made) => {
  let steady: LiveCase;
  let rehearsal: Rehearsal;
  let runs: Compared;

  beforeAll(async () => {
    ({ steady, rehearsal } = steadyCase(made, join(folder, made.name)));
    runs = await compared(rehearsal);
  });

  it("has a twin worth comparing with: conversations, shared prefixes, scaling, arrivals clear of ticks", () => {
    const virtual = rehearsal.run();
    expect(tooClose(steady, rehearsal.scenario)).toEqual([]);
    expect(virtual.requests.count).toBeGreaterThan(25);
    expect(Math.max(...virtual.requests.cachedTokens)).toBeGreaterThan(1000);
    expect(virtual.scalingEvents.length).toBeGreaterThan(0);
    const { prefillWorker, decodeWorker } = virtual.requests;
    expect(Math.max(...prefillWorker, ...decodeWorker)).toBeGreaterThan(0);
  });

  it("has the twin's order, counts, prefix hits, workers and decisions, exactly", (context) => {
    if (!runs.tells) return context.skip(TOO_LATE);
    expect(outcome(runs.live.record)).toEqual(outcome(runs.virtual));
    const comparison = compareRuns(runs.live.record, runs.virtual);
    expect(comparison).toMatchObject({ countsEqual: true, differingRequests: 0 });
    expect(comparison.decisions).toMatchObject({ first: null, live: runs.virtual.decisions.length });
  });

  it("has the twin's times, but for what the machine was late", (context) => {
    if (!runs.tells) return context.skip(TOO_LATE);
    const { requests: a } = runs.live.record;
    const { requests: b, gaps } = runs.virtual;
    const differences = (column: "firstTokenMs" | "firstOutputTokenMs" | "lastTokenMs") =>
      Array.from(a[column] ?? [], (atMs, i) => atMs - a.arrivalMs[i]! - (b[column]![i]! - b.arrivalMs[i]!));
    // A request that comes a little later may miss a pass, and so may the one behind it.
    const mostMs = 2 * gaps.maxMs + 5 * worstLagMs(runs.live) + 10;
    const usualMs = 3 * usualLagMs(runs.live) + 8;
    expect(a.firstOutputTokenMs === null).toBe(made !== disaggregated);
    for (const column of ["firstTokenMs", "firstOutputTokenMs", "lastTokenMs"] as const) {
      if (a[column] === null) continue;
      const found = differences(column);
      expect(found.filter((difference) => !(Math.abs(difference) <= mostMs))).toEqual([]);
      expect(
        Math.abs(
          quantileSorted(
            found.sort((x, y) => x - y),
            0.5,
          ),
        ),
      ).toBeLessThan(usualMs);
    }
  });

  it("takes as long as the twin for most requests, whatever the machine did", () => {
    const { requests: a } = runs.live.record;
    const { requests: b } = runs.virtual;
    const median = (values: number[]) =>
      quantileSorted(
        values.sort((x, y) => x - y),
        0.5,
      );
    const itlMs = ({ firstTokenMs, lastTokenMs, outputTokens }: RunRecord["requests"], i: number) =>
      (lastTokenMs[i]! - firstTokenMs[i]!) / (outputTokens[i]! - 1);
    const ratios = Array.from(a.isl, (_, i) => itlMs(a, i) / itlMs(b, i));
    expect(Math.abs(median(ratios) - 1)).toBeLessThan(0.04);
    const ttftMs = ({ firstTokenMs, arrivalMs }: RunRecord["requests"], i: number) => firstTokenMs[i]! - arrivalMs[i]!;
    const later = Array.from(a.isl, (_, i) => ttftMs(a, i) - ttftMs(b, i));
    expect(median(later)).toBeLessThan(8 + 3 * usualLagMs(runs.live));
  });

  it("is a record like the twin's", (context) => {
    if (!runs.tells) return context.skip(TOO_LATE);
    const { record } = runs.live;
    const { virtual } = runs;
    expect(record).toMatchObject({
      name: virtual.name,
      mode: virtual.mode,
      seed: virtual.seed,
      profile: virtual.profile,
      sla: virtual.sla,
      gpusPerWorker: virtual.gpusPerWorker,
    });
    expect(record.timeline.windowMs).toBe(virtual.timeline.windowMs);
    expect(sumOf(record.timeline)).toBeCloseTo(record.requests.count, 6);
    expect(record.engine.scheduledPrefillTokens).toBe(virtual.engine.scheduledPrefillTokens);
    expect(record.engine.prefixHitTokens).toBe(virtual.engine.prefixHitTokens);
  });
});

describe("a live run of engines that are not as profiled", { timeout: 120_000 }, () => {
  it("lets the planner find out by how much, as the twin does", async () => {
    const scenario = parseScenario(
      JSON.stringify({
        name: "slower-prompts",
        seed: 3,
        // The profile says some 150 ms for such a prompt.
        deployment: {
          profile: PROFILE,
          mode: "agg",
          agg: { workers: 1, engine: { timing: { fixed: { prefill: "300ms", decode: "10ms" } } } },
        },
        sla: { ttft: "2s", itl: "60ms" },
        planner: { strategy: "default", interval: "2s", maxGpus: 1 },
        traffic: [{ constant: { requestRate: 1.3, duration: "8s", arrivals: "constant", isl: 1000, osl: 10 } }],
      }),
      join(folder, "slower.yaml"),
      { plannerSchema: plannerConfigSchema },
    );
    const rehearsal = prepareRehearsal(scenario);
    const corrections = ({ decisions }: RunRecord) => decisions.flatMap(({ values }) => values.prefillCorrection ?? []);
    const virtual = corrections(rehearsal.run());
    const live = corrections((await runLive(rehearsal)).record);
    expect(virtual.length).toBeGreaterThan(1);
    expect(virtual.at(-1)).toBeGreaterThan(1.15);
    expect(live).toHaveLength(virtual.length);
    expect(Math.abs(live.at(-1)! / virtual.at(-1)! - 1)).toBeLessThan(0.05);
  });
});

/** Arrivals over all windows. */
function sumOf({ requestRate, startMs, windowMs }: RunRecord["timeline"]): number {
  return requestRate.reduce(
    (sum, rate, i) => sum + (rate * ((startMs[i + 1] ?? startMs[i]! + windowMs) - startMs[i]!)) / 1000,
    0,
  );
}
