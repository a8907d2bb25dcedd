import { z } from "zod";
import { duration, positive, positiveDuration } from "./values.ts";

type Role = "prefill" | "decode";

/** Which worker: a role (an aggregated worker is `decode`) and its number, counted from 0 as workers were made. */
export interface WorkerName {
  role: Role;
  index: number;
}

/** Something that goes wrong at `atMs`. */
export type Fault =
  /** The worker dies with all it holds. */
  | { kind: "kill"; atMs: number; worker: WorkerName }
  /** Its passes take `factor` times as long for `forMs`. */
  | { kind: "slow"; atMs: number; worker: WorkerName; factor: number; forMs: number }
  /** It begins no pass for `forMs`. */
  | { kind: "freeze"; atMs: number; worker: WorkerName; forMs: number }
  /** The planner sees no metrics for `forMs`. */
  | { kind: "loseMetrics"; atMs: number; forMs: number }
  /** The planner is down for `forMs` and forgets what it held in memory. */
  | { kind: "restartPlanner"; atMs: number; forMs: number }
  /** Workers of the role that are started from now on take `byMs` longer. */
  | { kind: "delayStartup"; atMs: number; role: Role; byMs: number };

const worker = z
  .string()
  .regex(/^(prefill|decode|agg)\/\d{1,6}$/, { error: "expected a worker such as decode/0" })
  .transform((name): WorkerName => {
    const [role, index] = name.split("/");
    return { role: role === "prefill" ? "prefill" : "decode", index: Number(index) };
  });

const KINDS = ["kill", "slow", "freeze", "loseMetrics", "restartPlanner", "delayStartup"] as const;

/** Keys that go with a kind of fault, all of them required. */
const COMPANIONS: Record<(typeof KINDS)[number], string[]> = {
  kill: [],
  slow: ["factor", "for"],
  freeze: ["for"],
  loseMetrics: [],
  restartPlanner: [],
  delayStartup: ["by"],
};

export const faultSchema = z
  .strictObject({
    at: duration("When, from the start of the run"),
    kill: worker.optional().meta({ description: "This worker dies with all it holds" }),
    slow: worker.optional().meta({ description: "This worker gets slower by factor, for a time" }),
    freeze: worker.optional().meta({ description: "This worker stands still for a time" }),
    loseMetrics: positiveDuration("The planner sees no metrics for this long").optional(),
    restartPlanner: duration("The planner is down for this long and forgets").optional(),
    delayStartup: z
      .enum(["prefill", "decode", "agg"])
      .optional()
      .meta({ description: "Workers of this role that start from now on take longer, by a time" }),
    factor: positive.optional().meta({ description: "With slow: times as long" }),
    for: positiveDuration("With slow and freeze: how long").optional(),
    by: positiveDuration("With delayStartup: how much longer").optional(),
  })
  .superRefine((written, context) => {
    const given = KINDS.filter((kind) => written[kind] !== undefined);
    if (given.length !== 1) {
      context.addIssue({
        code: "custom",
        message: `found ${given.join(" and ") || "no kind of fault"}, expected exactly one of ${KINDS.join(", ")}`,
      });
      return;
    }
    const kind = given[0]!;
    for (const key of ["factor", "for", "by"] as const) {
      const belongs = COMPANIONS[kind].includes(key);
      if (belongs === (written[key] !== undefined)) continue;
      const message = belongs ? `found nothing, expected ${key} with ${kind}` : `expected no ${key} with ${kind}`;
      context.addIssue({ code: "custom", path: [key], message });
    }
  })
  .transform((written): Fault => {
    const atMs = written.at;
    if (written.kill) return { kind: "kill", atMs, worker: written.kill };
    if (written.slow) {
      return { kind: "slow", atMs, worker: written.slow, factor: written.factor!, forMs: written.for! };
    }
    if (written.freeze) return { kind: "freeze", atMs, worker: written.freeze, forMs: written.for! };
    if (written.loseMetrics !== undefined) return { kind: "loseMetrics", atMs, forMs: written.loseMetrics };
    if (written.restartPlanner !== undefined) return { kind: "restartPlanner", atMs, forMs: written.restartPlanner };
    const role = written.delayStartup === "prefill" ? "prefill" : "decode";
    return { kind: "delayStartup", atMs, role, byMs: written.by! };
  });
