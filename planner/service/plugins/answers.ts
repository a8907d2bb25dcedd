import { z } from "zod";
import { formatPath } from "#common/documents";
import type { Role } from "#planner/core";
import type { PluginAnswer, PluginStage } from "./types.ts";

/** Most replicas that a plugin may ask for. */
const MOST = 100_000;

const amount = z.number().min(0).nullish();
const reason = z.string().max(1000).optional();
const final = z.boolean().optional();

const forecastSchema = z.strictObject({
  requestRate: amount,
  isl: amount,
  osl: amount,
  kvHitRate: z.number().min(0).max(1).nullish(),
  acceptLength: z.number().min(1).nullish(),
});

function targetsSchema(roles: readonly Role[]) {
  return z.array(
    z.strictObject({
      role: z.enum(roles),
      replicas: z.int().min(0).max(MOST).nullable(),
      type: z.enum(["SET", "AT_LEAST", "AT_MOST"]).default("SET"),
    }),
  );
}

/**
 * Checks what a plugin said.
 * @throws Error in one sentence; what is wrong with an answer is its plugin's failure
 */
export function checkedAnswer(answer: unknown, stage: PluginStage, roles: readonly Role[]): PluginAnswer {
  const accept = z.strictObject({ kind: z.literal("accept"), reason });
  const schema =
    stage === "predict"
      ? z.discriminatedUnion("kind", [
          accept,
          z.strictObject({ kind: z.literal("override"), forecast: forecastSchema, final, reason }),
        ])
      : z.discriminatedUnion("kind", [
          accept,
          z.strictObject({ kind: z.literal("override"), targets: targetsSchema(roles), final, reason }),
          z.strictObject({ kind: z.literal("reject"), reason }),
        ]);
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data as PluginAnswer;
  const [issue] = parsed.error.issues;
  const place = formatPath((issue?.path ?? []) as (string | number)[]);
  throw new Error(`its answer is not of the contract: ${place === "" ? "" : `${place}: `}${issue?.message}`);
}
