import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ENGINE_QUIRK_NAMES, type EngineQuirks, type FinishedPass, NO_ENGINE_QUIRKS } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind } from "./engine-driver.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

const [stepping, skipping, walking] = ENGINES;

const randomRun = fc.record({
  acceptRates: fc.option(fc.array(fc.constantFrom(0, 0.5, 0.9, 1), { minLength: 1, maxLength: 5 })),
  family: fc.constantFrom("vllm", "vllm", "trtllm", "sglang", "sglang"),
  sglang: fc.record({
    schedulePolicy: fc.constantFrom("fifo", "fifo", "lpm"),
    maxPrefillTokens: fc.integer({ min: 8, max: 80 }),
    chunkedPrefillSize: fc.constantFrom(16, 32, 64),
    clipMaxNewTokens: fc.constantFrom(4096, 4096, 10),
    scheduleConservativeness: fc.constantFrom(1, 1, 0.2, 2),
  }),
  role: fc.constantFrom("aggregated", "prefill", "decode"),
  /** `endsAfterMs`: when a transfer, or its release, is told of; `cancelAfterMs`: null for most. */
  requests: fc.array(
    fc.record({
      isl: fc.integer({ min: 1, max: 40 }),
      osl: fc.integer({ min: 1, max: 40 }),
      atMs: fc.integer({ min: 0, max: 600 }),
      transferMs: fc.integer({ min: 0, max: 100 }),
      cancelAfterMs: fc.option(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 400 }))),
      sharedBlocks: fc.integer({ min: 0, max: 5 }),
      group: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 1, maxLength: 25 },
  ),
  blockSize: fc.constantFrom(1, 4, 8),
  numGpuBlocks: fc.integer({ min: 8, max: 80 }),
  maxNumSeqs: fc.integer({ min: 1, max: 8 }),
  maxNumBatchedTokens: fc.integer({ min: 2, max: 80 }),
  chunkedPrefill: fc.boolean(),
  prefixCaching: fc.boolean(),
  preemption: fc.constantFrom("lifo", "fifo"),
  watermark: fc.constantFrom(0, 0.1),
  speedupRatio: fc.constantFrom(1, 1, 1, 0),
  /** Of the family vllm with prefix caching alone. */
  kvOffload: fc.option(
    fc.record({ hostBlocks: fc.integer({ min: 1, max: 60 }), msPerBlock: fc.constantFrom(0, 0.5, 3, 20) }),
    { freq: 9 },
  ),
  quirks: fc.subarray(ENGINE_QUIRK_NAMES.filter((name) => name !== "abortOnStuck")),
  thinkingRatio: fc.constantFrom(0, 0.1, 0.6, 1),
});

type RandomRun = typeof randomRun extends fc.Arbitrary<infer T> ? T : never;

type Input = { atMs: number; kind: "submit" | "reserve" | "activate" | "release" | "cancel"; request: number };

function inputsOf({ requests, role }: RandomRun): Input[] {
  return requests
    .flatMap(({ atMs, transferMs, cancelAfterMs }, request): Input[] => [
      { atMs, kind: role === "decode" ? "reserve" : "submit", request },
      ...(role === "decode" ? [{ atMs: atMs + transferMs, kind: "activate" as const, request }] : []),
      ...(role === "prefill" ? [{ atMs: atMs + transferMs, kind: "release" as const, request }] : []),
      ...(cancelAfterMs === null ? [] : [{ atMs: atMs + cancelAfterMs, kind: "cancel" as const, request }]),
    ])
    .sort((a, b) => a.atMs - b.atMs);
}

function play(kind: EngineKind, random: RandomRun, recordsPasses = false) {
  const { requests, quirks: names, acceptRates, kvOffload: host, ...config } = random;
  const kvOffload =
    host === null || config.family !== "vllm" || !config.prefixCaching
      ? null
      : { hostBlocks: host.hostBlocks, bytesPerBlock: host.msPerBlock * 1e6 || 1e-3, bytesPerSecond: 1e9 };
  const speculative = acceptRates === null ? null : { acceptRates, seed: 7 };
  const quirks: EngineQuirks = { ...NO_ENGINE_QUIRKS };
  for (const name of names) quirks[name] = true;
  const made = requests.map(({ isl, osl, sharedBlocks, group }) => ({
    isl,
    osl,
    blocks: Array.from(
      { length: Math.min(sharedBlocks, Math.floor(isl / config.blockSize)) },
      (_, b) => group * 100 + b,
    ),
  }));
  // Requests that never fit are no part of what a decode worker is asked.
  const longest = config.numGpuBlocks * config.blockSize;
  const fitting = made.map((request) => ({ ...request, isl: Math.min(request.isl, longest - 1) }));
  const driver = new EngineDriver(
    kind,
    { ...config, quirks, speculative, kvOffload },
    fitting.map(({ isl, osl, blocks }) => ({
      isl,
      osl: Math.min(osl, longest - isl + 1),
      blocks: blocks.slice(0, Math.floor(isl / config.blockSize)),
    })),
  );
  if (recordsPasses) driver.engine.recordPasses();
  const loads: unknown[] = [];
  const passes: unknown[] = [];
  for (const { atMs, kind: input, request } of inputsOf(random)) {
    driver.runUntil(atMs);
    loads.push(driver.engine.load(atMs));
    passes.push(withoutVariances(driver.engine.finishedPass(atMs)));
    if (input === "submit") driver.submit(request);
    else driver.command(input, request);
  }
  driver.finish();
  loads.push(driver.engine.load(driver.nowMs));
  const events = [...driver.events].sort(
    (a, b) => a.atMs - b.atMs || a.request - b.request || a.kind.localeCompare(b.kind),
  );
  const { skippedPasses: _skipped, ...counters } = driver.engine.counters;
  const gapCount = driver.gaps.reduce((sum, { weight }) => sum + weight, 0);
  const gapSumMs = Math.round(driver.gaps.reduce((sum, { gapMs, weight }) => sum + gapMs * weight, 0) * 1e6);
  const { hostBlocks } = driver.engine;
  return { driver, passes, seen: { events, counters, loads, gapCount, gapSumMs, hostBlocks } };
}

/** The skipping engine keeps sums of its batch, no more. */
function withoutVariances(pass: FinishedPass | null): unknown {
  return JSON.parse(JSON.stringify(pass, (key, value) => (key.endsWith("Variance") ? undefined : value)));
}

describe("both engines, driven by hand with requests, transfers and cancellations at random times", () => {
  it("agree on every event, counter and load", () => {
    let loaded = 0;
    let answered = 0;
    fc.assert(
      fc.property(randomRun, (random) => {
        const expected = play(stepping, random).seen;
        if (expected.counters.hostHitTokens > 0) loaded++;
        answered += expected.events.filter(({ kind }) => kind === "firstOutputToken").length;
        expect(play(skipping, random).seen).toEqual(expected);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
    expect(loaded).toBeGreaterThan(RUNS / 100);
    expect(answered).toBeGreaterThan(RUNS / 2);
  });

  it("agree on the last pass where passes are recorded, and that changes nothing else", () => {
    fc.assert(
      fc.property(randomRun, fc.constantFrom(skipping, walking), (random, kind) => {
        const { seen, passes } = play(stepping, random);
        const { seen: found, passes: recorded } = play(kind, random, true);
        expect(recorded).toEqual(passes);
        if (!kind.kvEvents) expect(found).toEqual(seen);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 4) },
    );
  });

  it("agree on every KV event in its order", () => {
    fc.assert(
      fc.property(randomRun, (random) => {
        const expected = play({ ...stepping, kvEvents: true }, random);
        const actual = play(walking, random);
        expect(actual.seen).toEqual(expected.seen);
        expect(actual.driver.kvEvents).toEqual(expected.driver.kvEvents);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 2) },
    );
  });

  it("hold nothing once every request has been cancelled", () => {
    fc.assert(
      fc.property(randomRun, fc.constantFrom(...ENGINES), (random, kind) => {
        const { driver } = play(kind, random);
        driver.command("cancel", ...random.requests.keys());
        driver.finish();
        expect(driver.engine.load(driver.nowMs)).toMatchObject({ usedBlocks: 0, running: 0, waiting: 0, kvTokens: 0 });
        expect(driver.engine.isEmpty()).toBe(true);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 3) },
    );
  });
});
