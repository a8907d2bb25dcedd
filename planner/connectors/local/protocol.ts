/**
 * What the control API of a local deployment and its clients say to each other: JSON over HTTP on loopback, with a bearer token. Faults
 * have the shape of `controlFaultSchema`.
 */
import { z } from "zod";

/** Which deployment is meant. */
export interface DeploymentKey {
  namespace: string;
  name: string;
}

/** Longest long poll, s. */
export const LONGEST_WAIT_S = 60;
/** All deployments: `{ items }`. */
export const DEPLOYMENTS_PATH = "/v1/deployments";

/** Of one deployment; `scale`, `events` and `logs/<replica>` lie below it. */
export function deploymentPath({ namespace, name }: DeploymentKey): string {
  return `/v1/namespaces/${encodeURIComponent(namespace)}/deployments/${encodeURIComponent(name)}`;
}

const count = z.int().min(0);

const componentSchema = z.object({
  /** As in the manifest. */
  name: z.string(),
  role: z.enum(["frontend", "prefill", "decode", "worker", "planner", "other"]),
  /** That are asked for. */
  replicas: count,
  readyReplicas: count,
  /** Ready, and for as long as it takes to count on them. */
  availableReplicas: count,
  /** Of the newest revision. */
  updatedReplicas: count,
  /** Null where its resources don't say. */
  gpusPerReplica: z.number().min(0).nullable(),
});
export type LocalComponent = z.output<typeof componentSchema>;

const replicaSchema = z.object({
  /** Such as `decode-0`. */
  name: z.string(),
  component: z.string(),
  state: z.enum(["pending", "starting", "ready", "not-ready", "draining", "back-off", "failed"]),
  /** Null where it serves nothing, or nothing yet. */
  url: z.string().nullable(),
  /** Of its process, which it may share with others. */
  pid: z.int().nullable(),
  restarts: count,
  /** ISO 8601. */
  startedAt: z.string(),
  /** What is the matter with it; null where nothing is. */
  message: z.string().nullable(),
});
export type LocalReplica = z.output<typeof replicaSchema>;

/** One deployment at one moment. */
export const localDeploymentSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** Of the manifest: `nvidia.com/v1alpha1`, `nvidia.com/v1beta1`. */
  apiVersion: z.string(),
  /** Grows with every change. */
  resourceVersion: count,
  /** Grows with every change of what is wanted. */
  generation: count,
  /** The generation that the rest tells of. */
  observedGeneration: count,
  /** As `status.state` of a DynamoGraphDeployment. */
  state: z.enum(["initializing", "pending", "successful", "failed"]),
  /** Its condition Ready. */
  ready: z.boolean(),
  /** Of that condition, such as `Resources not ready: [decode]`. */
  message: z.string(),
  /** Name that it serves its model under; null where nobody says. */
  model: z.string().nullable(),
  /** Null while there is none. */
  frontendUrl: z.string().nullable(),
  components: z.array(componentSchema),
  replicas: z.array(replicaSchema),
  /** What was translated or left aside of its manifest. */
  notes: z.array(z.string()),
});
export type LocalDeployment = z.output<typeof localDeploymentSchema>;

export const deploymentListSchema = z.object({ items: z.array(localDeploymentSchema) });

/** Body of `PATCH …/scale`: all counts or none are taken over. */
export const scaleBodySchema = z.strictObject({
  /** By component. */
  replicas: z
    .record(z.string().min(1).max(253), z.int().min(0).max(100_000))
    .refine((replicas) => Object.keys(replicas).length > 0, "expected at least one component"),
  /** Why, for events and logs. */
  reason: z.string().max(2000).optional(),
  /** Refuse where the deployment has changed since. */
  resourceVersion: count.optional(),
});
export type ScaleBody = z.output<typeof scaleBodySchema>;

const eventSchema = z.object({
  /** Ascending within a deployment. */
  seq: count,
  /** ISO 8601. */
  time: z.string(),
  type: z.enum(["Normal", "Warning"]),
  reason: z.string(),
  /** Component or replica; the deployment's name where all of it is meant. */
  object: z.string(),
  message: z.string(),
  /** How often it has happened. */
  count: z.int().min(1),
});
export type LocalEvent = z.output<typeof eventSchema>;

/** `next` is the `since` of the next question. */
export const eventListSchema = z.object({ items: z.array(eventSchema), next: count });

/** Any answer that is none of 2xx. */
export const controlFaultSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});
export type ControlFault = z.output<typeof controlFaultSchema>;

/** Codes that clients act on. */
export const STALE_VERSION = "stale-version";
export const NOT_READY = "not-ready";
