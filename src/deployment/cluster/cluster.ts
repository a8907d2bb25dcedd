import { hostname } from "node:os";
import { join } from "node:path";
import {
  ApiFailure,
  ApiUnavailable,
  type ClusterOptions,
  type DeploymentKey,
  KubernetesClient,
  ObjectEvents,
  orNull,
  type Pace,
  realPace,
} from "#planner/connectors";
import { clusterLacksDynamo, clusterUnreachable } from "../errors.ts";
import { ProfilingRuns } from "../requests/profiling-runs.ts";
import { Credentials } from "./credentials.ts";
import { GraphController } from "./graph-controller.ts";
import { VirtualNode } from "./node.ts";
import { ADAPTERS, type ApiObject, dynamoPath, GRAPHS, GROUP, REQUESTS, type ResourceVersionName } from "./objects.ts";
import { podName } from "./pods.ts";
import { RequestController } from "./request-controller.ts";
import type { GraphPlanner, GraphRunner, TellEvent } from "./types.ts";
import { ClusterWrites } from "./writes.ts";

export interface ClusterStoreOptions {
  cluster: ClusterOptions;
  runner: GraphRunner;
  plan: GraphPlanner;
  /** Where profiling runs keep what they find, and the service accounts' kubeconfigs lie. */
  folder: string;
  /** This program: Node, and what follows it. */
  program: readonly [string, ...string[]];
  /** Lines for the user. */
  log: (line: string) => void;
  /** Who plays: one that comes back under the same name goes on at once, another has to wait until this one is gone. */
  holder: string;
  /** How many times as fast as the clock model time runs: pods say it, so that whoever measures them can count with it. Default 1. */
  timeScale?: number;
  pace?: Pace;
  /** Unix ms. */
  now?: () => number;
}

const CONTROLLER = "understudy-runner";

/**
 * Plays Dynamo's operator and the nodes of a cluster: what is applied to the API server, deployments and requests for them, runs on this machine.
 */
export class ClusterStore {
  readonly server: string;
  readonly namespace: string;
  readonly version: ResourceVersionName;
  /** Those that there were when it was opened. */
  readonly deployments: readonly DeploymentKey[];
  readonly #parts: Parts;
  #closing: Promise<void> | null = null;

  private constructor(version: ResourceVersionName, deployments: readonly DeploymentKey[], parts: Parts) {
    this.server = parts.client.server;
    this.namespace = parts.client.namespace;
    this.version = version;
    this.deployments = deployments;
    this.#parts = parts;
  }

  /**
   * Finds the cluster and what there is to run; nothing is run or written yet.
   * @throws UserError where there is no cluster of Dynamo's
   */
  static async open(options: ClusterStoreOptions): Promise<ClusterStore> {
    const { runner, plan, log, folder, program, pace = realPace, now = Date.now } = options;
    const client = await KubernetesClient.open({ ...options.cluster, pace });
    try {
      const { namespace } = client;
      const { version, resources } = await versionOf(client);
      const path = dynamoPath(version, namespace, GRAPHS);
      const { items = [] } = await client.request<{ items?: ApiObject[] }>({ path });
      const deployments = items.map(({ metadata: { name } }) => ({ namespace, name }));
      const writes = new ClusterWrites(client);
      const reporter = { controller: CONTROLLER, instance: hostname(), action: "Reconcile" };
      const events = new ObjectEvents(client, reporter, (why) => log(`an event can't be sent: ${why}`));
      const tell: TellEvent = (object, text) => events.tell(subjectOf(object, version), text);
      const node = new VirtualNode({
        writes,
        name: `understudy-${namespace}`.slice(0, 63),
        holder: `${hostname()}:${options.holder}`,
        logOf: (place, pod) => logOf(runner, place, pod),
        pace,
        now,
        trouble: (why) => log(`the node's lease can't be renewed: ${why}`),
      });
      const shared = { client, writes, version, namespace, pace, now, log, tell };
      const credentials = new Credentials({ ...shared, folder: join(folder, "accounts") });
      let requests: RequestController | null = null;
      const graphs = new GraphController({
        ...shared,
        runner,
        plan,
        credentials,
        node: node.name,
        timeScale: options.timeScale ?? 1,
        hasAdapters: resources.has(ADAPTERS),
        changed: (name) => requests?.look(name),
      });
      const changed = (name: string) => requests?.look(name);
      const runs = new ProfilingRuns({ folder: join(folder, "requests"), program, changed });
      if (resources.has(REQUESTS)) {
        requests = new RequestController({
          ...shared,
          runs,
          graph: (name) => graphs.get(name),
          created: (graph) => graphs.learn(graph),
          running: (name) => runner.view({ namespace, name }),
        });
      }
      return new ClusterStore(version, deployments, { client, credentials, events, node, graphs, runs, requests });
    } catch (error) {
      await client.close();
      if (error instanceof ApiUnavailable || error instanceof ApiFailure)
        throw clusterUnreachable(client.server, error);
      throw error;
    }
  }

  /** Resolves when the cluster's objects are known and being worked on. @throws UserError where another runner plays this namespace */
  async start(): Promise<void> {
    const { node, graphs, requests } = this.#parts;
    await node.start();
    await graphs.start();
    await requests?.start();
  }

  /** The processes are about to end: nothing begins or changes any more, and their end is told. */
  end(): void {
    this.#parts.graphs.end();
  }

  /** Lets the cluster alone as it is, as a runner does that is going to come back. What runs goes on. Once closed, closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Nobody runs its deployments any more: their status says so, and they can be deleted without this runner. */
  async leave(): Promise<void> {
    const { graphs, requests } = this.#parts;
    await requests?.leave();
    await graphs.leave();
    await this.close();
    await this.#parts.node.remove();
    await this.#parts.client.close();
  }

  async #close(): Promise<void> {
    const { client, credentials, events, node, graphs, runs, requests } = this.#parts;
    await requests?.close();
    await graphs.close();
    await runs.close();
    await credentials.close();
    await events.flush();
    await node.stop();
    await client.close();
  }
}

interface Parts {
  client: KubernetesClient;
  credentials: Credentials;
  events: ObjectEvents;
  node: VirtualNode;
  graphs: GraphController;
  runs: ProfilingRuns;
  requests: RequestController | null;
}

/** File of the replica that a pod stands for. */
function logOf(runner: GraphRunner, namespace: string, pod: string): string | null {
  for (const running of runner.views()) {
    if (running.namespace !== namespace) continue;
    const replica = running.replicas.find(({ name }) => podName(running.name, name) === pod);
    if (replica !== undefined) return runner.logOf({ namespace, name: running.name }, replica.name);
  }
  return null;
}

/** The newest version that the cluster serves deployments in, and what else it serves of it. */
async function versionOf(client: KubernetesClient): Promise<{ version: ResourceVersionName; resources: Set<string> }> {
  for (const version of ["v1beta1", "v1alpha1"] as const) {
    const path = `/apis/${GROUP}/${version}`;
    const found = await orNull(client.request<{ resources?: { name: string }[] }>({ path }));
    const resources = new Set(found?.resources?.map(({ name }) => name));
    if (resources.has(GRAPHS)) return { version, resources };
  }
  throw clusterLacksDynamo(client.server);
}

function subjectOf({ kind, metadata }: ApiObject, version: ResourceVersionName) {
  const { name, namespace, uid } = metadata;
  return { apiVersion: `${GROUP}/${version}`, kind: kind ?? "", name, namespace, uid };
}
