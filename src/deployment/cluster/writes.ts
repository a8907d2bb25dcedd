import { isStatus, type KubernetesClient } from "#planner/connectors";
import { type ApiObject, FINALIZER } from "./objects.ts";

/** Name under which the changes are kept in managedFields. */
const FIELD_MANAGER = { fieldManager: "understudy-runner" } as const;

/** The writes of the cluster's side. All throw ApiFailure or ApiUnavailable. */
export class ClusterWrites {
  readonly client: KubernetesClient;

  constructor(client: KubernetesClient) {
    this.client = client;
  }

  /** The object that is there already where the name is taken. */
  async create(collection: string, body: unknown): Promise<{ object: ApiObject; isNew: boolean }> {
    try {
      const object = await this.client.request<ApiObject>({
        method: "POST",
        path: collection,
        query: FIELD_MANAGER,
        body,
      });
      return { object, isNew: true };
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      const { name } = (body as ApiObject).metadata;
      return { object: await this.client.request<ApiObject>({ path: `${collection}/${name}` }), isNew: false };
    }
  }

  merge(path: string, body: unknown): Promise<ApiObject> {
    return this.client.request<ApiObject>({
      method: "PATCH",
      path,
      query: FIELD_MANAGER,
      contentType: "application/merge-patch+json",
      body,
    });
  }

  /** Only where the object is still the one seen; fails with 409 otherwise. */
  mergeSeen(path: string, seen: ApiObject, body: Record<string, unknown>): Promise<ApiObject> {
    const metadata = { ...(body.metadata as object | undefined), resourceVersion: seen.metadata.resourceVersion };
    return this.merge(path, { ...body, metadata });
  }

  status(path: string, status: unknown): Promise<ApiObject> {
    return this.merge(`${path}/status`, { status });
  }

  /** Gone already is gone. @param graceSeconds default: the object's own */
  async delete(path: string, graceSeconds?: number): Promise<void> {
    try {
      await this.client.request({
        method: "DELETE",
        path,
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          propagationPolicy: "Background",
          ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
        },
      });
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  async list(path: string, labelSelector: string): Promise<ApiObject[]> {
    const found = await this.client.request<{ items?: ApiObject[] }>({ path, query: { labelSelector } });
    return found.items ?? [];
  }

  keep(path: string, object: ApiObject): Promise<ApiObject> {
    const finalizers = [...(object.metadata.finalizers ?? []), FINALIZER];
    return this.mergeSeen(path, object, { metadata: { finalizers } });
  }

  /** The object may go as far as this runner is concerned. */
  async letGo(path: string, object: ApiObject): Promise<void> {
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
    try {
      await this.mergeSeen(path, object, { metadata: { finalizers: finalizers.length === 0 ? null : finalizers } });
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }
}

export function isKept(object: ApiObject): boolean {
  return object.metadata.finalizers?.includes(FINALIZER) ?? false;
}
