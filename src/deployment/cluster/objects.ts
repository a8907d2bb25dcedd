/** A Kubernetes object as the API has it. */
export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
  ownerReferences?: { uid: string }[];
}

export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export type ResourceVersionName = "v1alpha1" | "v1beta1";

export const GROUP = "nvidia.com";
export const GRAPHS = "dynamographdeployments";
export const REQUESTS = "dynamographdeploymentrequests";
export const ADAPTERS = "dynamographdeploymentscalingadapters";

/** Keeps an object until this runner has ended what belongs to it. */
export const FINALIZER = "understudy.dev/runner";
/** Marks what this runner has made. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "understudy" } as const;
/** How many times as fast as the clock model time runs in a pod; absent where it is the clock's. */
export const TIME_SCALE_ANNOTATION = "understudy.dev/time-scale";

/** Path of a collection, or of one of its objects. */
export function dynamoPath(version: string, namespace: string, resource: string, name?: string): string {
  return withName(`/apis/${GROUP}/${version}/namespaces/${namespace}/${resource}`, name);
}

export function corePath(namespace: string, resource: string, name?: string): string {
  return withName(`/api/v1/namespaces/${namespace}/${resource}`, name);
}

export function jobPath(namespace: string, name?: string): string {
  return withName(`/apis/batch/v1/namespaces/${namespace}/jobs`, name);
}

function withName(collection: string, name: string | undefined): string {
  return name === undefined ? collection : `${collection}/${name}`;
}

/** The owner of what is made for `object`: the garbage collector deletes it with it. */
export function ownerOf(object: ApiObject, { apiVersion, kind }: { apiVersion: string; kind: string }) {
  return {
    apiVersion,
    kind,
    name: object.metadata.name,
    uid: object.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isOwnedBy(object: ApiObject, owner: ApiObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) ?? false;
}

/**
 * The conditions with those of `set` in their place. A condition whose status stays keeps its time, as the API's conventions demand.
 * @param now RFC 3339, in seconds
 */
export function withConditions(
  current: readonly Condition[],
  set: readonly Omit<Condition, "lastTransitionTime">[],
  now: string,
): Condition[] {
  const result = [...current];
  for (const wanted of set) {
    const index = result.findIndex(({ type }) => type === wanted.type);
    const old = result[index];
    const lastTransitionTime = old !== undefined && old.status === wanted.status ? old.lastTransitionTime : now;
    if (old === undefined) result.push({ ...wanted, lastTransitionTime });
    else result[index] = { ...wanted, lastTransitionTime };
  }
  return result;
}

export function conditionsOf(object: ApiObject): Condition[] {
  return (object.status?.conditions as Condition[] | undefined) ?? [];
}

/** Now as Kubernetes writes it. */
export function apiTime(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}
