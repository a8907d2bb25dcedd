/**
 * What planners and the global planner say to each other: Dynamo's ScaleRequest and its answer as JSON over HTTP, with some fields of
 * our own that may be left out.
 */
import { z } from "zod";

export const SCALE_PATH = "/v1/scale";
export const DEPLOYMENT_PATH = "/v1/deployment";

/** Names of namespaces and deployments, which become parts of keys and paths. */
const name = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9][\w.-]*$/, 'expected letters, digits, "-", "_" and "."');
const role = z.enum(["prefill", "decode"]);

/** Whose workers are meant. */
const addressShape = {
  /** Dynamo namespace of the planner that asks. */
  caller_namespace: name,
  graph_deployment_name: name,
  k8s_namespace: name,
};

export const scaleRequestSchema = z
  .object({
    ...addressShape,
    target_replicas: z
      .array(
        z.object({
          sub_component_type: role,
          desired_replicas: z.int().min(0).max(100_000),
          component_name: z.string().max(253).nullish(),
          /** Ours: GPUs of one replica, for a platform that does not say. */
          gpus_per_replica: z.number().min(0).max(10_000).nullish(),
        }),
      )
      .min(1)
      .max(2),
    /** Answer only when the workers are there. */
    blocking: z.boolean().default(false),
    /** When it was asked, Unix seconds. */
    timestamp: z.number().nullish(),
    /** What led to the wish: shown, and not judged by. */
    predicted_load: z.record(z.string(), z.unknown()).nullish(),
    /** Ours: why, for events and logs. */
    reason: z.string().max(2000).nullish(),
  })
  .refine(
    ({ target_replicas: targets }) => new Set(targets.map((each) => each.sub_component_type)).size === targets.length,
    { path: ["target_replicas"], error: "expected each sub_component_type once" },
  );
/** The load that a planner of ours tells of; others' may have other fields. */
export interface PredictedLoad {
  /** Requests within the interval. */
  num_requests: number;
  /** Tokens. */
  isl: number;
  osl: number;
  /** Ours, s. */
  interval_seconds: number;
}

export type WireScaleRequest = z.infer<typeof scaleRequestSchema>;

export const deploymentQuestionSchema = z.object({
  ...addressShape,
  /** Roles that the planner scales, with commas. */
  roles: z.string().regex(/^(prefill|decode)(,(prefill|decode))?$/, "expected prefill, decode or both with a comma"),
});

const replicas = z.partialRecord(role, z.int().min(0));

export const scaleAnswerSchema = z.object({
  status: z.enum(["success", "error", "rejected"]),
  message: z.string(),
  /** Replicas that are asked for afterwards; empty where that is not known. */
  current_replicas: replicas,
  /** Ours: the same in this planner's words. */
  outcome: z.enum(["applied", "unchanged", "not-ready", "pending", "refused", "failed"]).optional(),
});
export type WireScaleAnswer = z.infer<typeof scaleAnswerSchema>;

export const deploymentAnswerSchema = z.object({
  ready: z.boolean(),
  not_ready_reason: z.string().nullable(),
  model: z.string().nullable(),
  roles: z.partialRecord(
    role,
    z.object({
      component: z.string(),
      desired: z.int().min(0),
      ready: z.int().min(0),
      stable: z.boolean(),
      gpus_per_replica: z.number().nullable(),
    }),
  ),
});
export type WireDeploymentAnswer = z.infer<typeof deploymentAnswerSchema>;
