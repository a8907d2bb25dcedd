import { z } from "zod";
import { type PolicyDocument, policyDocumentSchema, readRouterPolicies } from "./router-policies.ts";
import { duration } from "./values.ts";

const ROUTER_MODES = ["round-robin", "random", "least-loaded", "kv"] as const;

/** How requests find workers; what is left out has the router's own default. */
export interface RouterChoice {
  mode: (typeof ROUTER_MODES)[number];
  /** What a cached block takes off the prefill cost, in blocks. */
  overlapCredit?: number | undefined;
  /** Weight of a prompt block to compute against a block in use. */
  prefillLoadScale?: number | undefined;
  /** 0: always the cheapest worker. */
  temperature?: number | undefined;
  /** Follow what workers tell of their caches; false: what was routed counts as cached for `cacheTtlMs`. */
  kvEvents?: boolean | undefined;
  cacheTtlMs?: number | undefined;
  /** Requests wait while every worker has more prompt tokens to compute than this × its token budget of a pass. */
  queueThreshold?: number | undefined;
  queuePolicy?: "fcfs" | "lcfs" | "wspt" | undefined;
  /** Queues of their own for classes of requests, in place of the two above. */
  policies?: PolicyDocument | undefined;
  /** Sessions stay with a worker until they have been idle for so long. */
  sessionAffinityMs?: number | undefined;
}

/** The same while policies may be the path of their file. */
export type WrittenRouter = Omit<RouterChoice, "policies"> & { policies?: PolicyDocument | string | undefined };

/** With the policies of their file read. @param resolve makes a path of it @throws UserError as `readRouterPolicies` */
export function resolveRouter(router: WrittenRouter, resolve: (path: string) => string): RouterChoice {
  const { policies, ...same } = router;
  if (policies === undefined) return same;
  return { ...same, policies: typeof policies === "string" ? readRouterPolicies(resolve(policies)) : policies };
}

const weight = (description: string) => z.number().min(0).max(1e6).optional().meta({ description });

const settings = z
  .strictObject({
    mode: z.enum(ROUTER_MODES),
    overlapCredit: weight("kv: what a cached block takes off the cost, in blocks; 1 by default, 0 ignores caches"),
    prefillLoadScale: weight("kv: weight of a prompt block to compute against a block in use; 1 by default"),
    temperature: weight("kv: 0, the default, always takes the cheapest worker"),
    kvEvents: z.boolean().optional().meta({
      description: "kv: follow the workers' caches (default), or take what was routed as cached for cacheTtl",
    }),
    cacheTtl: duration("kv without events: how long what was routed counts as cached; 120s by default").optional(),
    queueThreshold: weight(
      "kv: requests wait in the router while every worker has more prompt tokens to compute than this × its token budget; they never do by default",
    ),
    queuePolicy: z
      .enum(["fcfs", "lcfs", "wspt"])
      .optional()
      .meta({ description: "kv: who goes first of those that wait: who came first, who came last, or the shortest" }),
    policies: z
      .union([z.string().min(1), policyDocumentSchema])
      .optional()
      .meta({
        description: "kv: policy classes, as Dynamo's --router-policy-config has them: a file, or what stands in it",
      }),
    sessionAffinity: duration("Requests of a session stay with a worker until it was idle for so long").optional(),
  })
  .superRefine((written, context) => {
    if (written.mode === "kv") return;
    for (const key of Object.keys(written)) {
      if (key === "mode" || key === "sessionAffinity") continue;
      context.addIssue({
        code: "custom",
        path: [key],
        message: `expected no ${key} with mode ${written.mode}`,
        params: { hint: "it is a setting of mode: kv" },
      });
    }
  })
  .superRefine((written, context) => {
    for (const key of ["queueThreshold", "queuePolicy"] as const) {
      if (written.policies === undefined || written[key] === undefined) continue;
      context.addIssue({
        code: "custom",
        path: [key],
        message: `expected no ${key} beside policies, whose classes have their own`,
      });
    }
  })
  .superRefine((written, context) => {
    if (
      written.policies !== undefined ||
      written.queuePolicy === undefined ||
      written.queueThreshold !== undefined ||
      written.mode !== "kv"
    )
      return;
    context.addIssue({
      code: "custom",
      path: ["queuePolicy"],
      message: "expected a queueThreshold beside queuePolicy: without one nobody waits",
    });
  });

/** A mode, or a mode with its settings. */
export const routerSchema = z
  .union([z.enum(ROUTER_MODES), settings])
  .default("least-loaded")
  .meta({ description: "How requests find a worker" })
  .transform((written): WrittenRouter => {
    if (typeof written === "string") return { mode: written };
    const { cacheTtl, sessionAffinity, ...same } = written;
    return {
      ...same,
      ...(cacheTtl === undefined ? {} : { cacheTtlMs: cacheTtl }),
      ...(sessionAffinity === undefined ? {} : { sessionAffinityMs: sessionAffinity }),
    };
  });
