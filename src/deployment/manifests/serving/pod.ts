import type { JsonObject } from "../../graph/json.ts";
import { allPods } from "./labels.ts";

/** User and group of the image, and of every pod of it. */
export const UID = 1000;
/** The one place that a container may write to. */
const SCRATCH = { name: "tmp", mountPath: "/tmp" };
const SCRATCH_SIZE = "256Mi";

/** What makes a pod fit for namespaces of the level `restricted` (Pod Security Standards), with a root that can't be written. */
export const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: UID,
  runAsGroup: UID,
  fsGroup: UID,
  seccompProfile: { type: "RuntimeDefault" },
} as const;

export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;

export const SCRATCH_VOLUME = { name: SCRATCH.name, emptyDir: { sizeLimit: SCRATCH_SIZE } };
export const SCRATCH_MOUNT = SCRATCH;

/**
 * Requests and limits. A mock worker was measured at 150 MB when idle; all of them compute little, but late tokens would be
 * wrong tokens: there is no CPU limit that could throttle them.
 */
export function resources(kind: "frontend" | "worker" | "planner" | "shard"): JsonObject {
  const [cpu, memory, most] = {
    frontend: ["500m", "256Mi", "1Gi"],
    worker: ["250m", "256Mi", "768Mi"],
    planner: ["250m", "384Mi", "1Gi"],
    // It computes all the time: a simulation, or a load generator.
    shard: ["1", "512Mi", "2Gi"],
  }[kind];
  return { requests: { cpu, memory }, limits: { memory: most } };
}

/** Startup, liveness and readiness of a server, by the name of its port. */
export function probes(port: string, { live, ready }: { live: string; ready: string }): JsonObject {
  const get = (path: string) => ({ httpGet: { path, port } });
  return {
    startupProbe: { ...get(live), periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: { ...get(live), periodSeconds: 10, timeoutSeconds: 4, failureThreshold: 3 },
    readinessProbe: { ...get(ready), periodSeconds: 2, timeoutSeconds: 4, failureThreshold: 3 },
  };
}

/** Spread over nodes and zones where there are several, without waiting for them. */
export function spread(name: string, component: Record<string, string>): JsonObject[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: { ...allPods(name).matchLabels, ...component } },
  }));
}
