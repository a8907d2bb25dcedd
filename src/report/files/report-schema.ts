import { z } from "zod";
import { REPORT_SCHEMA } from "./report-json.ts";

/** A measure; null where there is no sample. */
const measure = z.number().nullable();
const count = z.int().nonnegative();
const counts = z.array(count);
const measures = z.array(measure);
const role = z.enum(["prefill", "decode"]);

const distribution = z.strictObject({
  count,
  mean: measure,
  min: measure,
  max: measure,
  standardDeviation: measure,
  p1: measure,
  p5: measure,
  p10: measure,
  p25: measure,
  p50: measure,
  p75: measure,
  p90: measure,
  p95: measure,
  p99: measure,
});

const roleCost = z.strictObject({
  gpuSeconds: z.number(),
  averageWorkers: measure,
  peakWorkers: count,
  startedWorkers: count,
});

const staticDeployment = z
  .strictObject({
    prefill: count,
    decode: count,
    attainment: measure,
    goodputPerGpu: measure,
    gpuHours: z.number(),
  })
  .nullable();

const expectation = z.strictObject({
  name: z.string(),
  expected: z.string(),
  actual: z.string(),
  passed: z.boolean(),
  where: z.string().optional(),
  message: z.string().optional(),
});

/** report.json, version 1. Unknown fields are refused, so that the published schema can't fall behind what is written. */
export const reportSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  name: z.string(),
  mode: z.enum(["agg", "disagg"]),
  sla: z.strictObject({ ttftMs: z.number(), itlMs: z.number() }),
  seed: z.number().nullable(),
  shows: z.string().nullable(),
  profile: z.string().nullable(),
  strategy: z.string().nullable().describe("planner strategy; null where no planner ran"),
  endMs: z.number().describe("length of the run"),
  requests: z.strictObject({
    total: count,
    completed: count,
    rejected: count,
    failed: count,
    unfinished: count,
    retried: count.describe("were given to workers more than once"),
    attempts: count.describe("times that all of them were given to workers"),
    infeasible: count.describe("could not have kept the TTFT on an idle engine; not judged"),
  }),
  attainment: z.strictObject({
    judged: count,
    good: count.describe("kept TTFT and ITL"),
    ttftMet: count,
    itlMet: count,
    share: measure.describe("good ÷ judged, 0..1"),
    ttftShare: measure,
    itlShare: measure,
  }),
  goodput: z.strictObject({
    requestsPerSecond: measure,
    perGpu: measure.describe("good requests ÷ allocated GPU-seconds"),
  }),
  cost: z.strictObject({
    gpuSeconds: z.number(),
    gpuHours: z.number(),
    averageGpus: measure,
    peakGpus: z.number(),
    roles: z.strictObject({ prefill: roleCost, decode: roleCost }),
  }),
  scaling: z.strictObject({ events: count, up: count, down: count }),
  throughput: z.strictObject({
    durationMs: z.number().describe("first arrival to last token"),
    requestsPerSecond: measure,
    outputTokensPerSecond: measure,
    inputTokensPerSecond: measure,
  }),
  metrics: z.strictObject({
    ttftMs: distribution,
    ttfoMs: distribution.optional().describe("to the first token that is not reasoning; of models that reason"),
    ttstMs: distribution,
    latencyMs: distribution,
    itlMs: distribution,
    perUserThroughput: distribution,
    osl: distribution,
    isl: distribution,
    reasoningTokens: distribution.optional().describe("output tokens that were reasoning; of models that reason"),
    queueMs: distribution,
  }),
  gapsMs: distribution.pick({
    count: true,
    mean: true,
    min: true,
    max: true,
    standardDeviation: true,
    p50: true,
    p90: true,
    p99: true,
  }),
  engine: z.strictObject({
    passes: count,
    steadyPasses: count,
    skippedPasses: count,
    scheduledPrefillTokens: count,
    preemptions: count,
    prefixHitTokens: count,
    hostHitTokens: count.describe("of those, loaded from host memory"),
    evictedBlocks: count,
    drafts: count.describe("steps of a sequence with speculated tokens"),
    draftTokens: count.describe("tokens speculated"),
    acceptedDraftTokens: count.describe("of those, accepted"),
    extrapolations: count,
  }),
  routing: z
    .strictObject({
      requests: count,
      hitRate: measure.describe("prompt tokens that the router knew to be cached on the chosen worker, of all"),
      regretRate: measure.describe("prompt tokens cached on another candidate but not on the chosen one, of all"),
      waited: count.describe("requests that waited in the router"),
      meanWaitMs: measure,
    })
    .nullable()
    .describe("of runs with a KV-aware router"),
  tenants: z
    .array(
      z.strictObject({
        name: z.string(),
        sla: z.strictObject({ ttftMs: z.number(), itlMs: z.number() }).describe("its own, or the run's"),
        requests: count,
        completed: count,
        judged: count,
        good: count.describe("kept its SLA"),
        share: measure.describe("good ÷ judged, 0..1"),
        ttftP50Ms: measure,
        ttftP99Ms: measure,
        itlP50Ms: measure,
        itlP99Ms: measure,
      }),
    )
    .describe("of traffic with tenants, in its order"),
  expectations: z.array(expectation),
  bestStatic: z
    .strictObject({
      floor: z.number(),
      maxGpus: z.number(),
      tried: count,
      atFloor: staticDeployment,
      any: staticDeployment,
    })
    .nullable(),
  faults: z
    .array(
      z.strictObject({
        atMs: z.number(),
        untilMs: z.number().nullable().describe("null: it lasted to the end of the run"),
        kind: z.string(),
        text: z.string(),
        workers: count.describe("workers that it struck"),
        requests: count.describe("requests that it touched"),
        retried: count.describe("of those, what the frontend gave to workers once more"),
        failed: count.describe("of those, what broke off; a client may have tried again"),
        ticks: count.describe("ticks on which the planner could not see or do something"),
        recoveryMs: measure.describe(
          "until requests kept the SLA again; null: not before the run ended, or it ended before the fault",
        ),
      }),
    )
    .describe("what went wrong on purpose, in order of time"),
  gpusPerWorker: z.strictObject({ prefill: z.number(), decode: z.number() }),
  scalingEvents: z.array(z.strictObject({ atMs: z.number(), role, from: count, to: count, reason: z.string() })),
  workers: z.array(
    z.strictObject({
      role,
      id: count,
      createdMs: z.number().describe("when its GPUs began to count"),
      readyMs: z.number(),
      drainingMs: z.number().nullable(),
      removedMs: z.number().nullable(),
    }),
  ),
  timeline: z.strictObject({
    windowMs: z.number(),
    startMs: measures,
    requestRate: measures,
    prefillActive: counts,
    prefillStarting: counts,
    prefillDraining: counts,
    decodeActive: counts,
    decodeStarting: counts,
    decodeDraining: counts,
    kvUsage: measures,
    prefillQueueTokens: measures,
    runningRequests: measures,
  }),
});
