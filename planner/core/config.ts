import { z } from "zod";
import { parseDurationMs, UserError } from "#common";
import { predictorConfigSchema } from "#planner/predictors";

/** A duration that may be 0, in ms. */
const waitText = z.string().transform((text, context) => {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.issues.push({ code: "custom", message: error.message, input: text });
  }
  return z.NEVER;
});

/** A duration such as `5s`, in ms. */
const durationText = waitText.refine((ms) => ms > 0, "expected a duration above 0");

function duration(fallback: string, description: string) {
  return durationText.prefault(fallback).describe(description);
}

const gpus = z.int().positive();
const workers = z.int().min(0);
/** One number for both roles, or one each. */
const minWorkersByRole = z
  .union([
    workers.transform((count) => ({ prefill: count, decode: count })),
    z.strictObject({ prefill: workers.default(1), decode: workers.default(1) }),
  ])
  .prefault(1);
/** Read by whoever makes the planner, and handed in as its history. */
const warmupTrace = z
  .string()
  .min(1)
  .optional()
  .describe(
    "Trace of traffic from before (Mooncake or dynamo.request.trace.v1; file, folder or pattern), relative to the scenario's file",
  );
const watts = z.number().positive();

const defaultSchema = z.strictObject({
  strategy: z.literal("default"),
  warmupTrace,
  interval: duration("5s", "Time between decisions; up to 5s is best"),
  maxGpus: z
    .union([
      gpus,
      z.strictObject({
        total: gpus.optional().describe("GPUs over all workers"),
        prefill: gpus.optional().describe("GPUs over prefill workers"),
        decode: gpus.optional().describe("GPUs over decode (or aggregated) workers"),
      }),
    ])
    .optional()
    .describe("GPUs over all workers, draining ones included, or by role, or both; absent: no limit"),
  minGpus: z.int().min(0).default(0).describe("GPUs that are always used, as far as the limits allow"),
  maxPowerWatts: watts.optional().describe("Power over all workers, draining ones included, W; absent: no limit"),
  powerPerWorker: z
    .strictObject({ prefill: watts.nullable().default(null), decode: watts.nullable().default(null) })
    .optional()
    .describe("Power that a worker of each role draws, W"),
  minWorkers: minWorkersByRole.describe(
    "Workers of each role that always remain; 0: none where there is nothing to do",
  ),
  scaleDownDelay: duration("5s", "How long fewer workers must have been enough before some go"),
  maxStep: z
    .int()
    .positive()
    .optional()
    .describe("Workers of a role that one decision adds or takes at most; absent: no limit"),
  scaleToZeroDelay: duration(
    "5m",
    "With minWorkers 0: how long there must have been nothing to do; longer than a request",
  ),
});

const slaCompatSchema = z.strictObject({
  strategy: z.literal("sla-compat"),
  warmupTrace,
  interval: duration("180s", "Adjustment interval: time between decisions and window of the averages"),
  maxGpus: gpus.default(8).describe("GPU budget; minimum and rounding may exceed it, as in the reference"),
  minWorkers: z.int().min(0).default(1).describe("Replicas of each role that are always wanted"),
  predictor: predictorConfigSchema.prefault("arima").describe("Forecast of requests and lengths per interval"),
  correction: z.boolean().default(true).describe("Correct the profile by observed TTFT and ITL"),
  requestCount: z.enum(["completed", "started"]).default("completed").describe("Count requests that ended or arrived"),
});

const limits = (unit: string, most?: number) => {
  const limit = most === undefined ? z.number().min(0) : z.number().min(0).max(most);
  return z
    .strictObject({ up: limit.describe(`${unit} from which on one worker more is wanted`), down: limit })
    .refine(({ up, down }) => up > down, "expected up to be above down");
};

const loadCompatSchema = z
  .strictObject({
    strategy: z.literal("load-compat"),
    warmupTrace,
    interval: duration("5s", "Time between looks at the load"),
    throughputInterval: duration("180s", "Time between looks at the throughput; target sla"),
    tickInterval: durationText
      .optional()
      .describe("Time between ticks, which divides both; absent: the longest that does"),
    target: z
      .enum(["throughput", "latency", "load", "sla"])
      .default("throughput")
      .describe("What it works towards: fixed limits of queues and caches, limits of your own (load), or the SLA"),
    scaling: z
      .strictObject({ load: z.boolean().default(false), throughput: z.boolean().default(true) })
      .optional()
      .describe("Loops that run; target sla alone has a choice, the others scale by load"),
    maxGpus: gpus.nullable().default(8).describe("GPU budget; null: none"),
    minGpus: z.int().min(0).optional().describe("GPUs that are always used"),
    minWorkers: minWorkersByRole.describe("Workers of each role that are always wanted"),
    prefillQueueTokens: limits("Prompt tokens waiting on a prefill worker").optional(),
    decodeKvPercent: limits("Share of the KV cache in use, %", 100).optional(),
    scaleDownSensitivity: z
      .number()
      .min(0)
      .max(100)
      .default(80)
      .describe("How much of the SLA fewer workers may use up, %; target sla"),
    maxFpmSamples: z.int().min(1).default(64).describe("Forward passes that the latency model keeps of each kind"),
    fpmBuckets: z
      .int()
      .min(1)
      .refine((count) => Number.isInteger(Math.sqrt(count)), "expected a perfect square")
      .default(16)
      .describe("Buckets that they are spread over"),
    minObservations: z.int().min(1).default(5).describe("Forward passes of a kind that the model needs"),
    speculativeNextn: z.int().min(0).default(0).describe("Drafts per pass of speculative decoding"),
    contextLength: z
      .int()
      .positive()
      .optional()
      .describe("Longest context of the engines, tokens; absent: the longest that the profile was measured at"),
    predictor: predictorConfigSchema.prefault("arima").describe("Forecast of requests and lengths"),
    power: z
      .strictObject({
        limitWatts: z.number().positive(),
        perWorker: z.strictObject({
          prefill: z.number().positive().nullable().default(null),
          decode: z.number().positive().nullable().default(null),
        }),
      })
      .optional()
      .describe("Ceiling on the power of all workers, W"),
  })
  .superRefine((config, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (config.minGpus !== undefined && config.maxGpus !== null && config.minGpus > config.maxGpus) {
      issue("minGpus", `expected at most maxGpus, which is ${config.maxGpus}`);
    }
    if (config.target === "sla") {
      if (config.scaling?.load === false && config.scaling.throughput === false) {
        issue("scaling", "expected at least one of load and throughput");
      }
    } else if (config.scaling?.load === false || config.scaling?.throughput === true) {
      issue("scaling", `target ${config.target} scales by load alone; with target sla there is a choice`);
    }
  });

const staticSchema = z.strictObject({
  strategy: z.literal("static"),
  interval: duration("5s", "Time between looks"),
  prefill: z.int().min(0).describe("Prefill workers"),
  decode: z.int().min(1).describe("Decode workers (all workers of an aggregated deployment)"),
});

const noneSchema = z.strictObject({
  strategy: z.literal("none"),
  interval: duration("5s", "Time between looks"),
});

const above = z.number().positive();
const autoscalerFields = {
  interval: duration("15s", "Time between syncs; Kubernetes' controller manager has 15 s"),
  maxGpus: gpus.optional().describe("GPUs over all workers, draining ones included; absent: no limit"),
  tolerance: z.number().min(0).max(1).default(0.1).describe("Share by which a metric may be off its target, 0..1"),
  scaleUpStabilization: waitText.prefault("0s").describe("The least wish of so long counts upwards"),
  scaleDownStabilization: waitText.prefault("5m").describe("The largest wish of so long counts downwards"),
};

const hpaTargets = <Shape extends z.ZodRawShape>(more: Shape) =>
  z
    .strictObject({ requestRate: above.optional().describe("Requests per second and worker"), ...more })
    .refine((targets) => Object.values(targets).some((target) => target !== undefined), "expected at least one target");

const hasRole = ({ prefill, decode }: { prefill?: object | undefined; decode?: object | undefined }) =>
  prefill !== undefined || decode !== undefined;
const ONE_ROLE = "expected targets of prefill or decode";

const hpaSchema = z
  .strictObject({
    strategy: z.literal("hpa"),
    ...autoscalerFields,
    minWorkers: minWorkersByRole.describe("Workers of each role that always remain, one at least"),
    prefill: hpaTargets({
      concurrency: above.optional().describe("Requests per worker: waiting prompts (prefill), the batch (decode)"),
    })
      .optional()
      .describe("What prefill workers are scaled by; absent: they stay"),
    decode: hpaTargets({
      concurrency: above.optional().describe("Requests in a worker's batch"),
      kvPercent: z.number().positive().max(100).optional().describe("Share of the KV cache in use, %"),
    })
      .optional()
      .describe("What decode (or aggregated) workers are scaled by, the largest wish of several; absent: they stay"),
  })
  .refine(hasRole, ONE_ROLE);

const kedaTrigger = (what: string) =>
  z.strictObject({
    queueLength: above.describe(`${what} per worker`),
    activation: z.number().min(0).default(0).describe("The role is active while its queue is longer than this"),
  });

const kedaSchema = z
  .strictObject({
    strategy: z.literal("keda"),
    ...autoscalerFields,
    minWorkers: minWorkersByRole.describe("Workers of each role that always remain; 0: none after the cooldown period"),
    pollingInterval: duration("30s", "Time between looks at whether a role is active"),
    cooldownPeriod: duration("5m", "With minWorkers 0: how long a role must have been inactive"),
    prefill: kedaTrigger("Waiting prompts").optional().describe("Absent: prefill workers stay"),
    decode: kedaTrigger("Requests in work").optional().describe("Of decode (or aggregated) workers; absent: they stay"),
  })
  .refine(hasRole, ONE_ROLE);

/** A scenario's `planner:` section. Durations are strings; the output has them in ms. */
export const plannerConfigSchema = z.discriminatedUnion("strategy", [
  defaultSchema,
  slaCompatSchema,
  loadCompatSchema,
  hpaSchema,
  kedaSchema,
  staticSchema,
  noneSchema,
]);

export type PlannerConfig = z.output<typeof plannerConfigSchema>;
/** As written in a scenario. */
export type PlannerConfigInput = z.input<typeof plannerConfigSchema>;
