import { z } from "zod";
import { parseDurationMs, UserError } from "#common";
import { predictorConfigSchema } from "#planner/predictors";

/** A duration such as `5s`, in ms. */
function duration(fallback: string, description: string) {
  return z
    .string()
    .transform((text, context) => {
      try {
        const ms = parseDurationMs(text);
        if (ms > 0) return ms;
        context.issues.push({ code: "custom", message: "expected a duration above 0", input: text });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        context.issues.push({ code: "custom", message: error.message, input: text });
      }
      return z.NEVER;
    })
    .prefault(fallback)
    .describe(description);
}

const gpus = z.int().positive();
const workers = z.int().min(1);

const defaultSchema = z.strictObject({
  strategy: z.literal("default"),
  interval: duration("5s", "Time between decisions; up to 5s is best"),
  maxGpus: gpus.optional().describe("GPUs over all workers, draining ones included; absent: no limit"),
  minWorkers: z
    .union([
      workers.transform((count) => ({ prefill: count, decode: count })),
      z.strictObject({ prefill: workers.default(1), decode: workers.default(1) }),
    ])
    .prefault(1)
    .describe("Workers of each role that always remain"),
  scaleDownDelay: duration("5s", "How long fewer workers must have been enough before some go"),
});

const slaCompatSchema = z.strictObject({
  strategy: z.literal("sla-compat"),
  interval: duration("180s", "Adjustment interval: time between decisions and window of the averages"),
  maxGpus: gpus.default(8).describe("GPU budget; minimum and rounding may exceed it, as in the reference"),
  minWorkers: z.int().min(0).default(1).describe("Replicas of each role that are always wanted"),
  predictor: predictorConfigSchema.prefault("arima").describe("Forecast of requests and lengths per interval"),
  correction: z.boolean().default(true).describe("Correct the profile by observed TTFT and ITL"),
  requestCount: z.enum(["completed", "started"]).default("completed").describe("Count requests that ended or arrived"),
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

/** A scenario's `planner:` section. Durations are strings; the output has them in ms. */
export const plannerConfigSchema = z.discriminatedUnion("strategy", [
  defaultSchema,
  slaCompatSchema,
  staticSchema,
  noneSchema,
]);

export type PlannerConfig = z.output<typeof plannerConfigSchema>;
/** As written in a scenario. */
export type PlannerConfigInput = z.input<typeof plannerConfigSchema>;
