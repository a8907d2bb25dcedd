import type { LocalComponent, LocalDeployment } from "#planner/connectors";
import { type ApiObject, type Condition, conditionsOf, type ResourceVersionName, withConditions } from "./objects.ts";

/** Words of Dynamo's operator. */
const READY = { reason: "all_resources_are_ready", message: "All resources are ready" } as const;
const NOT_READY = "some_resources_are_not_ready";
/** Ours: a manifest that nothing here can run. */
const REFUSED = "ManifestRefused";
const GONE = "RunnerGone";

export interface GraphStatus {
  state: "initializing" | "pending" | "successful" | "failed";
  conditions: Condition[];
  observedGeneration?: number;
  components?: Record<string, ComponentStatus>;
  services?: Record<string, ComponentStatus>;
}

interface ComponentStatus {
  componentKind: "Deployment";
  componentName?: string;
  componentNames: string[];
  replicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  availableReplicas: number;
}

/** What Dynamo's operator would say of a deployment in this state. @param now RFC 3339 */
export function graphStatus(
  object: ApiObject,
  version: ResourceVersionName,
  running: LocalDeployment,
  now: string,
): GraphStatus {
  const generation = object.metadata.generation ?? 1;
  const ready = {
    type: "Ready",
    status: running.ready ? ("True" as const) : ("False" as const),
    reason: running.ready ? READY.reason : NOT_READY,
    message: running.ready ? READY.message : running.message,
    observedGeneration: generation,
  };
  const conditions = withConditions(conditionsOf(object), [ready], now);
  const parts = Object.fromEntries(
    running.components.map((component) => [component.name, componentStatus(object, version, component)]),
  );
  const counts = version === "v1beta1" ? { components: parts } : { services: parts };
  return { state: running.state, conditions, observedGeneration: generation, ...counts };
}

/** Of a deployment whose runner has ended. */
export function abandonedStatus(object: ApiObject, now: string): GraphStatus {
  const generation = object.metadata.generation ?? 1;
  const message = "The runner that played this deployment has ended";
  const ready = { type: "Ready", status: "False", reason: GONE, message, observedGeneration: generation } as const;
  return { state: "pending", conditions: withConditions(conditionsOf(object), [ready], now) };
}

/** Of a deployment that is not run. */
export function refusedStatus(object: ApiObject, why: string, now: string): GraphStatus {
  const generation = object.metadata.generation ?? 1;
  const ready = {
    type: "Ready",
    status: "False",
    reason: REFUSED,
    message: why,
    observedGeneration: generation,
  } as const;
  return {
    state: "failed",
    conditions: withConditions(conditionsOf(object), [ready], now),
    observedGeneration: generation,
  };
}

function componentStatus(
  { metadata }: ApiObject,
  version: ResourceVersionName,
  { name, replicas, updatedReplicas, readyReplicas, availableReplicas }: LocalComponent,
): ComponentStatus {
  const full = `${metadata.name}-${name.toLowerCase()}`;
  return {
    componentKind: "Deployment",
    ...(version === "v1alpha1" ? { componentName: full } : {}),
    componentNames: [full],
    replicas,
    updatedReplicas,
    readyReplicas,
    availableReplicas,
  };
}

/**
 * Whether writing `wanted` would change nothing. An API server whose definition lacks a field drops it: only what the object shows
 * can be compared.
 */
export function isSameStatus(object: ApiObject, wanted: GraphStatus): boolean {
  const status = object.status ?? {};
  const known = Object.entries(wanted).filter(
    ([field]) => field in status || field === "state" || field === "conditions",
  );
  return known.every(([field, value]) => stable(value) === stable(status[field]));
}

function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
