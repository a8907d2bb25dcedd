import { z } from "zod";
import type { RuleProblem } from "./rules.ts";

const above = z.number().positive().nullable().default(null);
const wait = z.number().min(0);

const roleFields = {
  request_rate: above.describe("`hpa`: requests per second and worker"),
  concurrency: above.describe("`hpa`: requests per worker: waiting prompts (prefill), its batch (decode)"),
  queue_length: above.describe("`keda`: requests per worker: waiting prompts (prefill), requests in work (decode)"),
  activation: wait.default(0).describe("`keda`: the role is active while its queue is longer than this"),
};

/** Strategies `hpa` and `keda`: Kubernetes' horizontal pod autoscaler, and KEDA's on queue lengths. */
export const autoscalerSchema = z.strictObject({
  tolerance: z.number().min(0).max(1).default(0.1).describe("Share by which a metric may be off its target, 0..1"),
  scale_up_stabilization_seconds: wait.default(0).describe("The least wish of so long counts upwards, s"),
  scale_down_stabilization_seconds: wait.default(300).describe("The largest wish of so long counts downwards, s"),
  polling_interval_seconds: z
    .number()
    .positive()
    .default(30)
    .describe("`keda`: time between looks at whether a role is active, s"),
  cooldown_period_seconds: z
    .number()
    .positive()
    .default(300)
    .describe("`keda`, with a minimum of 0: how long a role must have been inactive, s"),
  prefill: z.strictObject(roleFields).prefault({}).describe("Targets of prefill workers; without one they stay"),
  decode: z
    .strictObject({
      ...roleFields,
      kv_percent: z
        .number()
        .positive()
        .max(100)
        .nullable()
        .default(null)
        .describe("`hpa`: share of the KV cache in use, %"),
    })
    .prefault({})
    .describe("Targets of decode (or aggregated) workers; without one they stay"),
});

type Role = "prefill" | "decode";

/** A strategy that scales by targets needs one for a role that is scaled. */
export function autoscalerProblems(
  { strategy, autoscaler }: { strategy: string | null; autoscaler: z.output<typeof autoscalerSchema> },
  roles: readonly Role[],
): RuleProblem[] {
  if (strategy !== "hpa" && strategy !== "keda") return [];
  const targetsOf = (role: Role) =>
    strategy === "keda"
      ? [autoscaler[role].queue_length]
      : [
          autoscaler[role].request_rate,
          autoscaler[role].concurrency,
          role === "decode" ? autoscaler.decode.kv_percent : null,
        ];
  if (roles.some((role) => targetsOf(role).some((target) => target !== null))) return [];
  const fields = strategy === "keda" ? "queue_length" : "request_rate, concurrency or (decode) kv_percent";
  return [{ field: "autoscaler", message: `strategy ${strategy} needs a target: ${fields} of ${roles.join(" or ")}` }];
}
