import {
  ApiFailure,
  ApiUnavailable,
  type ClusterOptions,
  isStatus,
  KubernetesClient,
  type Pace,
  realPace,
} from "#planner/connectors";
import type { KubernetesObject } from "#src/deployment";
import { CandidateFailed } from "../../errors.ts";
import type { ApplyOptions, DeploymentDriver } from "../driver.ts";
import { clusterRefuses } from "./errors.ts";
import { type GraphObject, graphsPath, RUN_LABEL } from "./objects.ts";
import { type OwnerReference, ownerOf } from "./owner.ts";
import type { RequestReference } from "./run-key.ts";
import { deleteGraph, KubernetesTrial, POLL_MS, untilGone } from "./trial.ts";

/** A log of megabytes takes its time, ms. */
const REQUEST_TIMEOUT_MS = 60_000;

export interface KubernetesDriverOptions {
  cluster: ClusterOptions;
  /** API version of the deployments. */
  apiVersion: string;
  /** What is brought up bears it: what an earlier run of the same key left is found, and deleted first. */
  run: string;
  /** The request that owns what is brought up. */
  request: RequestReference | null;
  /** URL with `{name}`, `{namespace}` and `{port}`. */
  endpointUrlTemplate?: string;
  isInCluster: boolean;
  /** Service of a deployment that answers; `frontend` where absent. */
  service?: string;
  /** Between two looks where no watch tells of changes, ms. */
  pollMs?: number;
  pace?: Pace;
  onInfo?: (text: string) => void;
  onWarning?: (text: string) => void;
}

/**
 * Runs candidates as DynamoGraphDeployments of a cluster that Dynamo's operator serves. Whatever it brings up it deletes; what a run
 * that was killed has left, the next one does.
 * @throws UserError where no cluster can be found
 */
export async function kubernetesDriver(options: KubernetesDriverOptions): Promise<DeploymentDriver> {
  const pace = options.pace ?? realPace;
  const client = await KubernetesClient.open({ requestTimeoutMs: REQUEST_TIMEOUT_MS, ...options.cluster, pace });
  return new KubernetesDriver(client, pace, options);
}

class KubernetesDriver implements DeploymentDriver {
  readonly name: string;
  readonly #client: KubernetesClient;
  readonly #pace: Pace;
  readonly #options: KubernetesDriverOptions;
  readonly #there = new Set<KubernetesTrial>();
  #prepared: Promise<OwnerReference | null> | null = null;
  #closing: Promise<void> | null = null;

  constructor(client: KubernetesClient, pace: Pace, options: KubernetesDriverOptions) {
    this.#client = client;
    this.#pace = pace;
    this.#options = options;
    this.name = `namespace ${client.namespace} of ${client.server}`;
  }

  async apply(dgd: KubernetesObject, { workFolder }: ApplyOptions): Promise<KubernetesTrial> {
    this.#prepared ??= this.#prepare();
    const owner = await this.#prepared;
    const { pollMs = POLL_MS, onWarning = () => {}, endpointUrlTemplate, isInCluster, service } = this.#options;
    const trial: KubernetesTrial = new KubernetesTrial({
      client: this.#client,
      pace: this.#pace,
      dgd,
      created: await this.#create(dgd, owner),
      workFolder,
      template: endpointUrlTemplate,
      isInCluster,
      service,
      pollMs,
      warn: onWarning,
      gone: () => this.#there.delete(trial),
    });
    this.#there.add(trial);
    return trial;
  }

  async remaining(): Promise<string[]> {
    const listed = await this.#listed();
    return [...new Set([...[...this.#there].map(({ name }) => name), ...listed.map(({ name }) => name)])].sort();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await Promise.all([...this.#there].map((trial) => trial.delete()));
      await this.#deleteListed();
    } finally {
      await this.#client.close();
    }
  }

  async #prepare(): Promise<OwnerReference | null> {
    const { request, apiVersion, onInfo, onWarning = () => {} } = this.#options;
    const left = await this.#deleteListed();
    if (left.length > 0) onInfo?.(`Deleted what an earlier run had left: ${left.join(", ")}`);
    return ownerOf(this.#client, request, apiVersion, onWarning);
  }

  async #create(dgd: KubernetesObject, owner: OwnerReference | null): Promise<GraphObject> {
    const { namespace, server } = this.#client;
    const { run, apiVersion } = this.#options;
    const body = {
      ...dgd,
      metadata: {
        ...dgd.metadata,
        namespace,
        labels: { ...dgd.metadata?.labels, [RUN_LABEL]: run },
        ...(owner === null ? {} : { ownerReferences: [owner] }),
      },
    };
    const name = dgd.metadata!.name!;
    try {
      return await this.#client.request<GraphObject>({ method: "POST", path: graphsPath(apiVersion, namespace), body });
    } catch (error) {
      if (error instanceof ApiUnavailable) throw clusterRefuses(`${name} can't be deployed`, server, error.message, 0);
      if (!(error instanceof ApiFailure)) throw error;
      // The answer to an earlier attempt was lost.
      if (error.status === 409) return this.#own(name);
      // What the API server finds wrong with this one, it need not with the next.
      if (error.status === 400 || error.status === 422)
        throw new CandidateFailed(`${name} is refused: ${error.message}`);
      throw clusterRefuses(`${name} can't be deployed`, server, error.message, error.status);
    }
  }

  async #own(name: string): Promise<GraphObject> {
    const { apiVersion, run } = this.#options;
    const path = graphsPath(apiVersion, this.#client.namespace, name);
    const found = await this.#client.request<GraphObject>({ path });
    if (found.metadata.labels?.[RUN_LABEL] === run) return found;
    throw new CandidateFailed(`${name} is there already, and none of this run`);
  }

  /** Of this run and of earlier ones of the same key. Whoever may not list knows its own alone. */
  async #listed(): Promise<{ name: string; uid: string }[]> {
    const { apiVersion, run } = this.#options;
    const path = graphsPath(apiVersion, this.#client.namespace);
    try {
      const query = { labelSelector: `${RUN_LABEL}=${run}` };
      const { items = [] } = await this.#client.request<{ items?: GraphObject[] }>({ path, query });
      return items.map(({ metadata }) => ({ name: metadata.name, uid: metadata.uid }));
    } catch (error) {
      if (isStatus(error, 403)) return [];
      if (!(error instanceof ApiFailure) && !(error instanceof ApiUnavailable)) throw error;
      const status = error instanceof ApiFailure ? error.status : 0;
      throw clusterRefuses("deployments can't be listed", this.#client.server, error.message, status);
    }
  }

  async #deleteListed(): Promise<string[]> {
    const { apiVersion } = this.#options;
    const listed = await this.#listed();
    await Promise.all(listed.map((one) => deleteGraph(this.#client, apiVersion, one)));
    for (const one of listed) await untilGone(this.#client, apiVersion, one, this.#pace, async () => true);
    return listed.map(({ name }) => name);
  }
}
