import { waitFor } from "../integration/processes.ts";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** What `kubectl apply --server-side` asks of the server, object by object. */
export class Applier {
  readonly #server: KubeApiServer;
  readonly #namespace: string;
  readonly #known = new Map<string, ApiResource[]>();

  /** @param namespace of objects that name none */
  constructor(server: KubeApiServer, namespace: string) {
    this.#server = server;
    this.#namespace = namespace;
  }

  /**
   * Whether the server would take an object as it is: schema, unknown fields, admission. Nothing is kept.
   * @returns null, or what the server says against it
   */
  async dryRun(object: KubeObject): Promise<string | null> {
    return this.#patch(object, "&dryRun=All");
  }

  /** @throws Error with what the server says against it */
  async apply(object: KubeObject): Promise<void> {
    const refusal = await this.#patch(object, "");
    if (refusal !== null) throw new Error(refusal);
  }

  async #patch(object: KubeObject, query: string): Promise<string | null> {
    const path = `${await this.#path(object)}?fieldManager=test&fieldValidation=Strict&force=true${query}`;
    const { status, body } = await this.#busyless("PATCH", path, object, "application/apply-patch+yaml");
    if (status < 300) return null;
    const name = `${object.kind} ${object.metadata?.name}`;
    return `${name}: ${status} ${(JSON.parse(body) as { message?: string }).message ?? body}`;
  }

  async #path({ apiVersion, kind, metadata }: KubeObject): Promise<string> {
    const group = apiVersion!.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const resource = (await this.#resources(group)).find((each) => each.kind === kind && !each.name.includes("/"));
    if (resource === undefined) throw new Error(`the server knows no ${kind} in ${apiVersion}`);
    const namespace = resource.namespaced ? `/namespaces/${metadata?.namespace ?? this.#namespace}` : "";
    return `${group}${namespace}/${resource.name}/${metadata?.name}`;
  }

  async #resources(group: string): Promise<ApiResource[]> {
    const known = this.#known.get(group);
    if (known !== undefined) return known;
    const { status, body } = await this.#busyless("GET", group);
    if (status !== 200) throw new Error(`the server knows no ${group}: ${status}`);
    const { resources } = JSON.parse(body) as { resources: ApiResource[] };
    this.#known.set(group, resources);
    return resources;
  }

  #busyless(method: string, path: string, body?: unknown, contentType?: string) {
    return waitFor(`${method} ${path}`, async () => {
      const answer = await this.#server.call(method, path, body, contentType);
      return answer.status === 429 ? null : answer;
    });
  }
}
