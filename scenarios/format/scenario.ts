import { z } from "zod";
import { clientsSchema } from "./clients.ts";
import { deploymentSchema } from "./deployment.ts";
import { expectSchema } from "./expect.ts";
import { faultSchema } from "./faults.ts";
import { trafficEntrySchema } from "./traffic.ts";
import { positiveDuration } from "./values.ts";

/** What a good request keeps. */
export interface Sla {
  ttftMs: number;
  itlMs: number;
}

/** The `planner:` section without its owner's schema: anything with keys. */
export const opaquePlanner: z.ZodType<unknown> = z.record(z.string(), z.unknown());

const sla = z
  .strictObject({
    ttft: positiveDuration("Time to first token"),
    itl: positiveDuration("Inter-token latency, mean of a request"),
  })
  .transform(({ ttft, itl }): Sla => ({ ttftMs: ttft, itlMs: itl }));

const tenant = z
  .strictObject({
    sla: sla.optional().meta({ description: "Its part of the report is judged by it" }),
    priority: z.int().optional().meta({
      description: "Head start among requests that wait in the router: seconds, or a weight beyond 1 (wspt)",
    }),
    strictPriority: z
      .int()
      .min(0)
      .optional()
      .meta({ description: "The higher always goes first of those that wait in the router" }),
    policyClass: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+$/, { error: "expected letters, digits, dots, dashes and underscores" })
      .optional()
      .meta({ description: "The family or class of the router's policies that its requests ask for" }),
  })
  .refine((written) => Object.keys(written).length > 0, {
    error: "found nothing, expected sla, priority, strictPriority or policyClass",
  });

/**
 * The format of a scenario file as a schema: what goes in is what YAML gives, what comes out has ms and tokens; paths stay
 * as written.
 * @param plannerSchema the schema of `planner:`, which another room owns
 */
export function scenarioSchema(plannerSchema: z.ZodType<unknown>) {
  return z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
        error: "expected a name of letters, digits, dots, dashes and underscores",
      })
      .optional()
      .meta({ description: "Name of the scenario; the file's name by default" }),
    shows: z.string().min(1).optional().meta({ description: "What it shows, in one sentence" }),
    seed: z
      .int()
      .min(0)
      .default(1)
      .meta({ description: "Seed of everything random: the same seed gives the same bytes" }),
    deployment: deploymentSchema.meta({ description: "What is rehearsed: profile, workers and their settings" }),
    sla: sla.meta({ description: "What a good request keeps" }),
    tenants: z.record(z.string().min(1).max(100), tenant).default({}).meta({
      description: "Tenants that are promised something else than all, or are more urgent",
    }),
    planner: plannerSchema.optional().meta({ description: "Who scales the workers; without it they stay as they are" }),
    traffic: z
      .array(trafficEntrySchema)
      .min(1)
      .max(1000)
      .meta({ description: "What arrives; entries overlay each other" }),
    clients: clientsSchema
      .optional()
      .meta({ description: "What clients do without an answer; by default they wait for ever and try once" }),
    faults: z.array(faultSchema).max(10_000).default([]).meta({ description: "What goes wrong" }),
    expect: expectSchema.prefault({}).meta({ description: "What must hold; the run fails where it does not" }),
    limits: z
      .strictObject({
        duration: positiveDuration("The run stops at this time even if requests are left").optional(),
      })
      .default({})
      .meta({ description: "Bounds of the run" }),
  });
}
