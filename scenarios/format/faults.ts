import { z } from "zod";
import type { Fault, FaultKind, PoolName, WorkerName } from "#scenarios/workload";
import { duration, exactlyOne, ONE_KEY, positive, positiveDuration } from "./values.ts";

const POOLS = ["prefill", "decode", "agg"] as const;

const worker = z
  .string()
  .regex(/^(prefill|decode|agg)\/\d{1,6}$/, { error: "expected a worker such as decode/0" })
  .transform((name): WorkerName => {
    const [pool, index] = name.split("/");
    return { pool: pool as PoolName, index: Number(index) };
  });

const pool = z.enum(POOLS);

/** Keys that go with a kind of fault: those it needs, and those it may have. */
const COMPANIONS: Record<FaultKind, { needs: Companion[]; may: Companion[] }> = {
  kill: { needs: [], may: [] },
  loseNode: { needs: [], may: [] },
  freeze: { needs: ["for"], may: [] },
  slow: { needs: ["factor", "for"], may: [] },
  failStartup: { needs: ["starts"], may: [] },
  delayStartup: { needs: ["by"], may: ["for"] },
  loseTransfers: { needs: [], may: ["for"] },
  delayNetwork: { needs: ["by"], may: ["jitter", "for"] },
  loseMetrics: { needs: [], may: [] },
  lagMetrics: { needs: ["by"], may: [] },
  staleMetrics: { needs: [], may: [] },
  nanMetrics: { needs: [], may: [] },
  restartPlanner: { needs: [], may: [] },
  loseApiServer: { needs: [], may: [] },
};

const COMPANION_KEYS = ["factor", "for", "by", "jitter", "starts"] as const;
type Companion = (typeof COMPANION_KEYS)[number];

const KINDS = Object.keys(COMPANIONS) as FaultKind[];

const node = z
  .strictObject({
    workers: z.array(worker).min(1).max(1000).optional().meta({ description: "The workers that are on it" }),
    gpus: z
      .int()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: "GPUs of a node: workers are placed on nodes in the order in which they were made" }),
    node: z.int().min(0).max(1e6).optional().meta({ description: "With gpus: which node, counted from 0" }),
  })
  .superRefine((written, context) => {
    if ((written.workers === undefined) === (written.gpus === undefined)) {
      context.addIssue({ code: "custom", message: "expected exactly one of workers and gpus" });
    } else if ((written.gpus === undefined) !== (written.node === undefined)) {
      const message =
        written.gpus === undefined ? "expected no node with workers" : "found nothing, expected node with gpus";
      context.addIssue({ code: "custom", path: ["node"], message });
    }
  });

const lostTransfers = z
  .strictObject({
    next: z.int().min(1).max(1e6).optional().meta({ description: "This many transfers, the next ones" }),
    probability: z.number().gt(0).max(1).optional().meta({ description: "Each transfer with this probability (0..1)" }),
  })
  .superRefine(exactlyOne("of next and probability"))
  .meta(ONE_KEY);

const lasting = (description: string) => positiveDuration(`${description}, for this long`).optional();

/** One entry of `faults:`. */
export const faultSchema = z
  .strictObject({
    at: duration("When, from the start of the run"),
    kill: worker
      .optional()
      .meta({ description: "This worker dies with all it holds; another one is started in its place" }),
    loseNode: node.optional().meta({ description: "A node is lost: several workers die at once" }),
    freeze: worker.optional().meta({ description: "This worker begins no pass for a time" }),
    slow: worker.optional().meta({ description: "This worker gets slower by factor, for a time" }),
    failStartup: pool
      .optional()
      .meta({ description: "The next starts of this role fail at their end and begin again, after a back-off" }),
    delayStartup: pool
      .optional()
      .meta({ description: "Starts of this role that begin from now on take longer, by a time" }),
    loseTransfers: lostTransfers
      .optional()
      .meta({ description: "KV transfers are lost: their prompts are computed again" }),
    delayNetwork: z
      .enum([...POOLS, "all"])
      .optional()
      .meta({ description: "What goes to workers of this role, and comes from them, is under way longer, by a time" }),
    loseMetrics: lasting("The planner sees no metrics"),
    lagMetrics: lasting("The planner sees metrics of a time ago (by)"),
    staleMetrics: lasting("The planner sees the same metrics over and over"),
    nanMetrics: lasting("The planner sees NaN in every metric"),
    restartPlanner: duration("The planner is down for this long, and has forgotten what it held in memory").optional(),
    loseApiServer: lasting("The API server is down: nothing is scaled or replaced"),
    factor: positive.optional().meta({ description: "With slow: times as long" }),
    for: positiveDuration("How long; where it may be left out, for the rest of the run").optional(),
    by: positiveDuration("With delayStartup, delayNetwork and lagMetrics: how much").optional(),
    jitter: positiveDuration("With delayNetwork: up to this much more, drawn for each message").optional(),
    starts: z.int().min(1).max(1e6).optional().meta({ description: "With failStartup: how many starts fail" }),
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
    for (const key of COMPANION_KEYS) {
      const isGiven = written[key] !== undefined;
      const { needs, may } = COMPANIONS[kind];
      if (needs.includes(key) && !isGiven) {
        context.addIssue({ code: "custom", path: [key], message: `found nothing, expected ${key} with ${kind}` });
      } else if (isGiven && !needs.includes(key) && !may.includes(key)) {
        context.addIssue({ code: "custom", path: [key], message: `expected no ${key} with ${kind}` });
      }
    }
    const { loseTransfers } = written;
    if (loseTransfers !== undefined && (loseTransfers.next === undefined) !== (written.for !== undefined)) {
      const message =
        written.for === undefined
          ? "found nothing, expected for with a probability"
          : "expected no for with next, which is over after that many transfers";
      context.addIssue({ code: "custom", path: ["for"], message });
    }
  })
  .transform((written): Fault => {
    const atMs = written.at;
    const forMs = written.for ?? null;
    if (written.kill) return { kind: "kill", atMs, worker: written.kill };
    if (written.loseNode) {
      const { workers, gpus } = written.loseNode;
      if (workers !== undefined) return { kind: "loseNode", atMs, workers };
      return { kind: "loseNode", atMs, workers: null, gpusPerNode: gpus!, node: written.loseNode.node! };
    }
    if (written.freeze) return { kind: "freeze", atMs, worker: written.freeze, forMs: written.for! };
    if (written.slow) return { kind: "slow", atMs, worker: written.slow, factor: written.factor!, forMs: written.for! };
    if (written.failStartup) return { kind: "failStartup", atMs, pool: written.failStartup, starts: written.starts! };
    if (written.delayStartup)
      return { kind: "delayStartup", atMs, pool: written.delayStartup, byMs: written.by!, forMs };
    if (written.loseTransfers) {
      const { next, probability } = written.loseTransfers;
      return { kind: "loseTransfers", atMs, next: next ?? null, probability: probability ?? null, forMs };
    }
    if (written.delayNetwork) {
      const { delayNetwork, by, jitter = 0 } = written;
      return { kind: "delayNetwork", atMs, pool: delayNetwork, byMs: by!, jitterMs: jitter, forMs };
    }
    if (written.loseMetrics !== undefined) return { kind: "loseMetrics", atMs, forMs: written.loseMetrics };
    if (written.lagMetrics !== undefined)
      return { kind: "lagMetrics", atMs, forMs: written.lagMetrics, byMs: written.by! };
    if (written.staleMetrics !== undefined) return { kind: "staleMetrics", atMs, forMs: written.staleMetrics };
    if (written.nanMetrics !== undefined) return { kind: "nanMetrics", atMs, forMs: written.nanMetrics };
    if (written.restartPlanner !== undefined) return { kind: "restartPlanner", atMs, forMs: written.restartPlanner };
    return { kind: "loseApiServer", atMs, forMs: written.loseApiServer! };
  });

/** Pools that a fault names, each with its place below the fault. */
export function poolsOf(fault: Fault): { pool: PoolName; path: (string | number)[] }[] {
  switch (fault.kind) {
    case "kill":
    case "freeze":
    case "slow":
      return [{ pool: fault.worker.pool, path: [fault.kind] }];
    case "loseNode":
      return (fault.workers ?? []).map(({ pool: named }, i) => ({ pool: named, path: ["loseNode", "workers", i] }));
    case "failStartup":
    case "delayStartup":
      return [{ pool: fault.pool, path: [fault.kind] }];
    case "delayNetwork":
      return fault.pool === "all" ? [] : [{ pool: fault.pool, path: ["delayNetwork"] }];
    default:
      return [];
  }
}
