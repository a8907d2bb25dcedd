import fc from "fast-check";
import type { ForwardPass, Observation, PlannerContext, WorkerCounts } from "#planner/core";
import { buildSurface, type Profile, type Surface } from "#profiles";

/** A small invented engine: 20 ms + 20 µs per prompt token; 4 ms + 0.1 ms per sequence of 3000 tokens. */
export const testProfile: Profile = (() => {
  const isl = [100, 500, 1000, 2000, 4000, 8000, 16000];
  const maxKvTokens = 900_000;
  const decode = {
    kvUsage: [] as number[],
    contextLength: [] as number[],
    itlMs: [] as number[],
    throughputPerGpu: [] as number[],
  };
  for (const contextLength of [500, 2000, 4000, 8000, 16000]) {
    for (const kvUsage of [0.01, 0.1, 0.2, 0.4, 0.6, 0.8, 1]) {
      const itlMs = 4 + (kvUsage * maxKvTokens * 0.1) / 3000;
      decode.contextLength.push(contextLength);
      decode.kvUsage.push(kvUsage);
      decode.itlMs.push(itlMs);
      decode.throughputPerGpu.push((1000 * kvUsage * maxKvTokens) / contextLength / itlMs);
    }
  }
  const ttftMs = isl.map((tokens) => 20 + 0.02 * tokens);
  return {
    name: "invented",
    prefill: { isl, ttftMs, throughputPerGpu: isl.map((tokens, i) => (1000 * tokens) / ttftMs[i]!) },
    decode: { ...decode, maxKvTokens },
    provenance: {},
  };
})();

export function testSurface(): Surface {
  return buildSurface(testProfile, "robust");
}

export const disagg: PlannerContext = {
  mode: "disagg",
  sla: { ttftMs: 200, itlMs: 10 },
  gpusPerWorker: { prefill: 1, decode: 1 },
  startupMs: { prefill: 0, decode: 0 },
  transferMsPerToken: 0.002,
};

export const none: WorkerCounts = { active: 0, starting: 0, draining: 0 };
export const active = (count: number): WorkerCounts => ({ active: count, starting: 0, draining: 0 });

/** A tick of 5 s with `rate` requests/s of 3000/300 tokens, all within the SLA, seen in full. */
export function observation(nowMs: number, rate: number, overrides: Partial<Observation> = {}): Observation {
  const count = Math.round(rate * 5);
  return {
    nowMs,
    windowMs: 5000,
    startedRequests: count,
    startedIsl: new Array<number>(count).fill(3000),
    completedRequests: count,
    meanIsl: count > 0 ? 3000 : null,
    meanOsl: count > 0 ? 300 : null,
    meanTtftMs: count > 0 ? 110 : null,
    meanItlMs: count > 0 ? 8 : null,
    meanRequestDurationMs: count > 0 ? 2500 : null,
    ttftJudged: count,
    ttftMet: count,
    itlJudged: count,
    itlMet: count,
    prefillMeasuredS: count * 0.08,
    prefillProfiledS: count * 0.08,
    prefillCount: count,
    workers: { prefill: active(1), decode: active(1) },
    prefillLoad: [],
    decodeLoad: [],
    ...overrides,
  };
}

const seldomNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 6 });
const amount = (max: number) => fc.double({ min: 0, max, noNaN: true });
const whole = (max: number) => fc.integer({ min: 0, max });

/** What a source may report in one tick, missing parts included; workers are left to the caller. */
export const anyReport: fc.Arbitrary<Partial<Observation>> = fc.record({
  startedRequests: seldomNull(whole(2000)),
  startedIsl: fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 30 }),
  completedRequests: seldomNull(whole(2000)),
  meanIsl: seldomNull(amount(20_000)),
  meanOsl: seldomNull(amount(4000)),
  meanTtftMs: seldomNull(amount(100_000)),
  meanItlMs: seldomNull(amount(1000)),
  meanRequestDurationMs: seldomNull(amount(1e6)),
  ttftJudged: fc.constant(100),
  ttftMet: whole(100),
  itlJudged: fc.constantFrom(0, 100),
  itlMet: whole(100),
  prefillMeasuredS: seldomNull(amount(100)),
  prefillProfiledS: seldomNull(amount(100)),
  prefillCount: whole(1000),
  decodeLoad: seldomNull(
    fc.array(
      fc.record({ workerId: whole(9), batch: whole(300), kvTokens: whole(1_000_000), itlMs: seldomNull(amount(500)) }),
      { maxLength: 4 },
    ),
  ),
});

/** The invented engine, all of its times multiplied. */
export function slowerSurface(factor: number): Surface {
  const { prefill, decode } = testProfile;
  return buildSurface(
    {
      ...testProfile,
      prefill: { ...prefill, ttftMs: prefill.ttftMs.map((ms) => ms * factor) },
      decode: { ...decode, itlMs: decode.itlMs.map((ms) => ms * factor) },
    },
    "robust",
  );
}

/** An engine whose times grow linearly: a pass and so much per prompt token; an ITL and so much per thousand tokens in the batch. */
export interface LinearEngine {
  passMs: number;
  msPerPromptToken: number;
  itlBaseMs: number;
  itlMsPerKiloToken: number;
  maxKvTokens: number;
}

export function linearProfile(engine: LinearEngine): Profile {
  const { maxKvTokens } = engine;
  const isl = [64, 256, 1024, 4096, 16_384];
  const ttftMs = isl.map((tokens) => engine.passMs + engine.msPerPromptToken * tokens);
  const cells = [200, 2000, 8000, 16_000].flatMap((contextLength) =>
    [0.01, 0.25, 0.5, 0.75, 1].map((kvUsage) => {
      const itlMs = engine.itlBaseMs + (engine.itlMsPerKiloToken * kvUsage * maxKvTokens) / 1000;
      return { contextLength, kvUsage, itlMs, throughput: (1000 * kvUsage * maxKvTokens) / contextLength / itlMs };
    }),
  );
  return {
    name: "linear",
    prefill: { isl, ttftMs, throughputPerGpu: isl.map((tokens, i) => (1000 * tokens) / ttftMs[i]!) },
    decode: {
      kvUsage: cells.map(({ kvUsage }) => kvUsage),
      contextLength: cells.map(({ contextLength }) => contextLength),
      itlMs: cells.map(({ itlMs }) => itlMs),
      throughputPerGpu: cells.map(({ throughput }) => throughput),
      maxKvTokens,
    },
    provenance: {},
  };
}

/** What a forward pass does and leaves waiting; what is not named is not there. */
export interface PassLoad {
  queuedKvTokens?: number;
  queuedTokens?: number;
  prefillTokens?: number;
  sequences?: number;
  /** Σ context of the sequences. */
  kvTokens?: number;
  wallTimeS?: number;
}

/** A pass of a worker that has one rank and takes one prompt at a time. */
export function forwardPass(workerId: string, load: PassLoad = {}): ForwardPass {
  const {
    queuedTokens = 0,
    queuedKvTokens = 0,
    prefillTokens = 0,
    sequences = 0,
    kvTokens = 0,
    wallTimeS = 0.01,
  } = load;
  return {
    workerId,
    dpRank: 0,
    counterId: 1,
    wallTimeS,
    scheduled: {
      prefillRequests: prefillTokens > 0 ? 1 : 0,
      prefillTokens,
      prefillKvTokens: 0,
      decodeRequests: sequences,
      decodeKvTokens: kvTokens,
    },
    queued: {
      prefillRequests: queuedTokens > 0 ? 1 : 0,
      prefillTokens: queuedTokens,
      decodeRequests: queuedKvTokens > 0 ? 1 : 0,
      decodeKvTokens: queuedKvTokens,
    },
  };
}
