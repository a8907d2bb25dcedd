import fc from "fast-check";
import {
  ENGINE_QUIRK_NAMES,
  type EngineConfig,
  type EngineQuirks,
  type EngineRole,
  engineConfig,
  fixedTiming,
  NO_ENGINE_QUIRKS,
  polynomialTiming,
} from "#mocker/engine";
import { QUEUE_POLICIES, type QueuePolicy } from "#mocker/router";
import type { Workload } from "#scenarios";
import { type RequestHints, routingHints } from "#scenarios/workload";
import type { PoolSpec, SimulationSpec } from "#src/simulator";

import { scriptedPlanner } from "./hand-made.ts";

/** The engines of a pool, as plain numbers. */
interface RandomEngine {
  acceptRates: number[] | null;
  family: "vllm" | "trtllm" | "sglang";
  sglang: {
    lpm: boolean;
    maxPrefillTokens: number;
    chunkedPrefillSize: number;
    clipMaxNewTokens: number;
    scheduleConservativeness: number;
  };
  blockSize: number;
  numGpuBlocks: number;
  maxNumSeqs: number;
  maxNumBatchedTokens: number;
  chunkedPrefill: boolean;
  prefixCaching: boolean;
  preemption: "lifo" | "fifo";
  watermark: number;
  thinkingRatio: number;
  speedupRatio: number;
  polynomial: boolean;
  /** Of the family vllm with prefix caching alone; null: none. */
  host: { blocks: number; msPerBlock: number } | null;
  kvEvents: boolean | "shared";
  dpSize: number;
  prefillScheduleInterval: number;
  prefillDecodeInterval: number;
}

/** Plain numbers from which a small simulation is built: shrinks well, prints well. */
export interface RandomCase extends RandomEngine {
  requests: { isl: number; osl: number; gapMs: number; group: number }[];
  sessions: number;
  concurrency: number;
  workers: number;
  disaggregated: boolean;
  /** Of decode workers where they are apart; null: the same as of prefill workers. */
  decodeEngine: RandomEngine | null;
  transferMsPerToken: number;
  quirks: string[];
  leastLoaded: boolean;
  /** In place of `leastLoaded`; null: no. */
  kvRouter: {
    temperature: number;
    queueThreshold: number | null;
    queuePolicy: QueuePolicy;
    affinity: boolean;
    /** Two queues of their own in place of threshold and policy; null: none. */
    classes: { busyTokens: number; quanta: [number, number]; requestLimit: number | null } | null;
  } | null;
  /** The run is cut off here; null: it runs to its end. */
  endMs: number | null;
  /** Workers of each role by planner tick; empty: they stay. */
  scaling: number[];
}

const engineParts = {
  acceptRates: fc.option(fc.array(fc.constantFrom(0, 0.5, 0.9, 1), { minLength: 1, maxLength: 5 }), { freq: 3 }),
  family: fc.constantFrom(...(["vllm", "vllm", "vllm", "trtllm", "sglang", "sglang"] as const)),
  sglang: fc.record({
    lpm: fc.boolean(),
    maxPrefillTokens: fc.constantFrom(64, 300, 16384),
    chunkedPrefillSize: fc.constantFrom(64, 256, 8192),
    clipMaxNewTokens: fc.constantFrom(10, 4096),
    scheduleConservativeness: fc.constantFrom(0.2, 1, 2),
  }),
  blockSize: fc.constantFrom(1, 4, 16, 64),
  numGpuBlocks: fc.integer({ min: 8, max: 90 }),
  maxNumSeqs: fc.integer({ min: 1, max: 12 }),
  maxNumBatchedTokens: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 64, max: 2048 })),
  chunkedPrefill: fc.boolean(),
  prefixCaching: fc.constantFrom(true, true, false),
  preemption: fc.constantFrom("lifo" as const, "fifo" as const),
  watermark: fc.constantFrom(0, 0, 0.05),
  thinkingRatio: fc.constantFrom(0, 0.1, 0.6, 1),
  speedupRatio: fc.constantFrom(1, 1, 3, 0),
  polynomial: fc.boolean(),
  host: fc.option(fc.record({ blocks: fc.integer({ min: 1, max: 90 }), msPerBlock: fc.constantFrom(0.01, 1, 15) })),
  kvEvents: fc.constantFrom<RandomEngine["kvEvents"][]>(false, true, "shared"),
  dpSize: fc.constantFrom(1, 1, 2, 3),
  prefillScheduleInterval: fc.constantFrom(1, 1, 2, 3),
  prefillDecodeInterval: fc.constantFrom(0, 0, 1, 3, 20),
};

export const randomCase: fc.Arbitrary<RandomCase> = fc.record({
  ...engineParts,
  requests: fc.array(
    fc.record({
      isl: fc.integer({ min: 1, max: 200 }),
      osl: fc.integer({ min: 1, max: 60 }),
      gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 }), fc.double({ min: 0, max: 50, noNaN: true })),
      group: fc.integer({ min: 0, max: 5 }),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  sessions: fc.integer({ min: 0, max: 3 }),
  concurrency: fc.integer({ min: 0, max: 12 }),
  workers: fc.integer({ min: 1, max: 3 }),
  disaggregated: fc.boolean(),
  decodeEngine: fc.option(fc.record(engineParts), { freq: 2 }),
  transferMsPerToken: fc.constantFrom(0, 0.05, 1),
  quirks: fc.subarray([...ENGINE_QUIRK_NAMES, "passesBeforeArrivals"]),
  leastLoaded: fc.boolean(),
  kvRouter: fc.option(
    fc.record({
      temperature: fc.constantFrom(0, 0, 0.3),
      queueThreshold: fc.constantFrom(null, 0, 0.5),
      queuePolicy: fc.constantFrom(...QUEUE_POLICIES),
      affinity: fc.boolean(),
      classes: fc.option(
        fc.record({
          busyTokens: fc.constantFrom(0, 50, 300),
          quanta: fc.tuple(fc.constantFrom(1, 64), fc.constantFrom(64, 512)),
          requestLimit: fc.constantFrom(null, null, 1, 4),
        }),
      ),
    }),
  ),
  endMs: fc.option(fc.double({ min: 1, max: 3000, noNaN: true })),
  scaling: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }),
});

/** Requests of one group share leading blocks of 16 tokens; every third request is unlike all others. */
function workloadOf(random: RandomCase): Workload {
  const { requests } = random;
  const count = requests.length;
  const arrivalMs = new Float64Array(count).fill(Number.NaN);
  const nextTurn = new Int32Array(count).fill(-1);
  const thinkMs = new Float64Array(count);
  const heads: number[] = [];
  for (let i = 0; i < count; i++) {
    const previous = i - 1;
    const isTurn = random.sessions > 0 && i % (random.sessions + 1) !== 0;
    if (isTurn) {
      nextTurn[previous] = i;
      thinkMs[i] = requests[i]!.gapMs;
    } else {
      heads.push(i);
    }
  }
  let clockMs = 0;
  if (random.concurrency === 0) {
    for (const head of heads) {
      clockMs += requests[head]!.gapMs;
      arrivalMs[head] = clockMs;
    }
  }
  const blockTokens = 16;
  const offset = new Int32Array(count + 1);
  const ids: number[] = [];
  requests.forEach(({ isl, group }, i) => {
    offset[i] = ids.length;
    if (i % 3 !== 2) {
      for (let b = 0; b < Math.ceil(isl / blockTokens); b++)
        ids.push(b < 3 + group ? group * 1000 + b : 100_000 + i * 100 + b);
    }
  });
  offset[count] = ids.length;
  const hints = routingHints(count, (request) => hintOf(requests[request]!.group));
  return {
    count,
    isl: Int32Array.from(requests, (request) => request.isl),
    osl: Int32Array.from(requests, (request) => request.osl),
    arrivalMs,
    openHeads: random.concurrency === 0 ? Int32Array.from(heads) : new Int32Array(0),
    closedLoops:
      random.concurrency === 0
        ? []
        : [
            {
              concurrency: random.concurrency,
              heads: Int32Array.from(heads),
              startMs: 0,
              endMs: Number.POSITIVE_INFINITY,
            },
          ],
    nextTurn,
    thinkMs,
    turnIndex: null,
    sessionIds: null,
    prompts: { blockTokens, offset, ids: Int32Array.from(ids) },
    horizonMs: clockMs,
    ...(hints === undefined ? {} : { hints }),
  };
}

export function quirksOf(names: readonly string[]): EngineQuirks {
  const quirks = { ...NO_ENGINE_QUIRKS };
  for (const name of ENGINE_QUIRK_NAMES) quirks[name] = names.includes(name);
  return quirks;
}

function routerOf({ kvRouter, leastLoaded }: RandomCase): SimulationSpec["router"] {
  if (kvRouter === null) return leastLoaded ? "least-loaded" : "round-robin";
  const { affinity, classes, ...settings } = kvRouter;
  const sessionAffinityMs = affinity ? 300 : null;
  if (classes === null) return { mode: "kv", ...settings, sessionAffinityMs };
  const { busyTokens, quanta, requestLimit } = classes;
  const policyClass = (name: string, place: 0 | 1) => ({
    name,
    family: name,
    bucket: "all",
    queuePolicy: settings.queuePolicy,
    quantum: quanta[place],
    busyTokens: busyTokens * place,
    busyBudgets: null,
    limits: { requests: place === 0 ? null : requestLimit, promptTokens: null, cachedTokens: null },
  });
  const buckets = [{ minTokens: 0, name: "all" }];
  const root = { defaultFamily: "a", buckets, classes: [policyClass("a", 0), policyClass("b", 1)] };
  return { mode: "kv", temperature: settings.temperature, sessionAffinityMs, policies: { root, models: {} } };
}

/** What requests of a group tell routers; those of the first nothing. */
function hintOf(group: number): RequestHints {
  if (group === 0) return {};
  return { priority: group - 1, strictPriority: group === 5 ? 1 : 0, policyClass: group % 2 === 0 ? "a" : "b" };
}

function engineOf(random: RandomEngine, role: EngineRole, quirks: EngineQuirks): EngineConfig {
  const timing = random.polynomial
    ? polynomialTiming({ capacityTokens: random.numGpuBlocks * random.blockSize })
    : fixedTiming({ prefillMs: 30, decodeMs: 7, perPass: quirks.fixedPrefillPerPass });
  const { lpm, ...sizes } = random.sglang;
  // Each of the ranks gets a page at least.
  const chunkedPrefillSize = Math.max(sizes.chunkedPrefillSize, random.dpSize * random.blockSize);
  const schedulePolicy = lpm ? ("lpm" as const) : ("fifo" as const);
  return engineConfig({
    family: random.family,
    sglang: { ...sizes, chunkedPrefillSize, schedulePolicy },
    role,
    timing,
    quirks,
    numGpuBlocks: random.numGpuBlocks,
    blockSize: random.blockSize,
    maxNumSeqs: random.maxNumSeqs,
    maxNumBatchedTokens: random.maxNumBatchedTokens,
    chunkedPrefill: random.chunkedPrefill,
    prefixCaching: random.prefixCaching,
    preemption: random.preemption,
    watermark: random.watermark,
    thinkingRatio: random.thinkingRatio,
    speedupRatio: random.speedupRatio,
    speculative: random.acceptRates === null ? null : { acceptRates: random.acceptRates, seed: 3 },
    prefillScheduleInterval: random.family === "vllm" ? random.prefillScheduleInterval : 1,
    prefillDecodeInterval: random.family === "sglang" ? random.prefillDecodeInterval : 0,
    kvOffload:
      random.host === null || random.family !== "vllm" || !random.prefixCaching
        ? null
        : { hostBlocks: random.host.blocks, bytesPerBlock: random.host.msPerBlock * 1e6, bytesPerSecond: 1e9 },
    kvEvents: random.kvEvents,
  });
}

export function specOf(random: RandomCase): SimulationSpec {
  const quirks = quirksOf(random.quirks);
  const pool = (role: EngineRole): PoolSpec => {
    const own = role === "decode" && random.decodeEngine !== null ? random.decodeEngine : random;
    return {
      workers: random.workers,
      engine: engineOf(own, role, quirks),
      dpSize: own.dpSize,
      gpusPerWorker: 1,
      startupMs: 150,
    };
  };
  return {
    name: "random",
    seed: 1,
    workload: workloadOf(random),
    prefill: random.disaggregated ? pool("prefill") : null,
    decode: pool(random.disaggregated ? "decode" : "aggregated"),
    router: routerOf(random),
    transfer:
      random.transferMsPerToken === 0
        ? null
        : { bytesPerToken: random.transferMsPerToken * 1e6, bytesPerSecond: 1e9, timing: "full_prompt" },
    sla: { ttftMs: 500, itlMs: 20 },
    quirks: { passesBeforeArrivals: random.quirks.includes("passesBeforeArrivals") },
    engine: "skipping",
    capture: true,
    endMs: random.endMs ?? 600_000,
    ...(random.scaling.length === 0
      ? {}
      : {
          planner: scriptedPlanner(
            200,
            random.scaling.map((workers) => ({ prefill: workers, decode: workers })),
          ),
        }),
  };
}

/** A planner that scales the roles apart, down to none and back. */
export interface ScalingCase {
  random: RandomCase;
  script: { prefill: number; decode: number }[];
}

const workers = fc.integer({ min: 0, max: 3 });

export const scalingCase: fc.Arbitrary<ScalingCase> = fc.record({
  random: randomCase,
  script: fc.array(fc.record({ prefill: workers, decode: workers }), { minLength: 1, maxLength: 6 }),
});

export function scalingSpecOf({ random, script }: ScalingCase): SimulationSpec {
  const targets = random.disaggregated ? script : script.map(({ decode }) => ({ prefill: 0, decode }));
  return { ...specOf(random), planner: scriptedPlanner(200, targets) };
}
