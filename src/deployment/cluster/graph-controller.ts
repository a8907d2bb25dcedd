import { UserError } from "#common";
import type { KubernetesClient, LocalDeployment, Pace } from "#planner/connectors";
import type { DeploymentPlan } from "../plan/types.ts";
import { type AdaptedComponent, Adapters } from "./adapters.ts";
import type { Credentials } from "./credentials.ts";
import { abandonedStatus, type GraphStatus, graphStatus, isSameStatus, refusedStatus } from "./graph-status.ts";
import { ADAPTERS, type ApiObject, apiTime, dynamoPath, GRAPHS, type ResourceVersionName } from "./objects.ts";
import { PodMirror } from "./pod-mirror.ts";
import { readReferences, referencesIn } from "./references.ts";
import { Reflector } from "./reflector.ts";
import type { GraphPlanner, GraphRunner, TellEvent } from "./types.ts";
import { WorkQueue } from "./work-queue.ts";
import { type ClusterWrites, isKept } from "./writes.ts";

export interface GraphControllerOptions {
  client: KubernetesClient;
  writes: ClusterWrites;
  version: ResourceVersionName;
  namespace: string;
  /** Whether the cluster knows scaling adapters. */
  hasAdapters: boolean;
  node: string;
  /** Model time over the clock's. */
  timeScale: number;
  runner: GraphRunner;
  plan: GraphPlanner;
  credentials: Credentials;
  tell: TellEvent;
  pace: Pace;
  /** Unix ms. */
  now: () => number;
  log: (line: string) => void;
  /** A deployment is another, or its status, or it is gone. */
  changed: (name: string) => void;
}

/** What a deployment's plan was made of. */
interface Planned {
  uid: string;
  generation: number;
  plan: DeploymentPlan;
}

/** Told in the status; tried again all the same, as what was missing may come. */
class Refused extends Error {}

/** Runs the DynamoGraphDeployments of a namespace on this machine and writes what Dynamo's operator would write of them. */
export class GraphController {
  readonly #options: GraphControllerOptions;
  readonly #graphs: Reflector;
  readonly #adapters: { known: Reflector; reconciler: Adapters } | null;
  readonly #pods: PodMirror;
  readonly #queue: WorkQueue;
  readonly #planned = new Map<string, Planned>();
  #unsubscribe: (() => void) | null = null;
  #isEnding = false;

  constructor(options: GraphControllerOptions) {
    this.#options = options;
    const { client, version, namespace, pace, writes, now } = options;
    this.#queue = new WorkQueue(
      (name) => this.#reconcile(name),
      (name, error) => {
        if (!(error instanceof Refused)) options.log(`${namespace}/${name}: ${(error as Error).message}`);
      },
      pace,
    );
    const trouble = (what: string) => (why: string | null) =>
      options.log(why === null ? `${what} are watched again` : `${what} can't be watched: ${why}`);
    this.#graphs = new Reflector({
      client,
      path: dynamoPath(version, namespace, GRAPHS),
      pace,
      trouble: trouble("deployments"),
      changed: ({ metadata }) => {
        this.#queue.add(metadata.name);
        options.changed(metadata.name);
      },
    });
    const known = new Reflector({
      client,
      path: dynamoPath(version, namespace, ADAPTERS),
      pace,
      trouble: trouble("scaling adapters"),
      changed: ({ spec }) => {
        const { name } = (spec?.dgdRef ?? {}) as { name?: string };
        if (name !== undefined) this.#queue.add(name);
      },
    });
    this.#adapters = options.hasAdapters
      ? { known, reconciler: new Adapters({ writes, version, namespace, known, now }) }
      : null;
    this.#pods = new PodMirror({
      client,
      writes,
      version,
      namespace,
      node: options.node,
      timeScale: options.timeScale,
      pace,
      trouble: trouble("pods"),
      changed: (graph) => this.#queue.add(graph),
    });
  }

  /** @throws ApiFailure, ApiUnavailable where the first lists can't be had */
  async start(): Promise<void> {
    const { runner, namespace, tell } = this.#options;
    await Promise.all([this.#pods.start(), this.#adapters?.known.start()]);
    await this.#graphs.start();
    // What was deleted while nobody ran here.
    for (const { namespace: place, name } of runner.views()) if (place === namespace) this.#queue.add(name);
    this.#unsubscribe = runner.subscribe(({ deployment, event }) => {
      if (deployment.namespace !== namespace) return;
      this.#queue.add(deployment.name);
      const graph = this.#graphs.get(deployment.name);
      if (event === undefined || graph === undefined) return;
      tell(graph, { type: event.type, reason: event.reason, note: `${event.object}: ${event.message}` });
    });
  }

  /** The deployment as it is known here. */
  get(name: string): ApiObject | undefined {
    return this.#graphs.get(name);
  }

  /** Ahead of the watch. */
  learn(graph: ApiObject): void {
    this.#graphs.learn(graph);
    this.#queue.add(graph.metadata.name);
  }

  /** From now on it only tells what becomes of what runs: nothing begins or changes. */
  end(): void {
    this.#isEnding = true;
  }

  /** Says of all deployments that nobody runs them, and lets them go. */
  async leave(): Promise<void> {
    await this.close();
    const { writes, now } = this.#options;
    for (const graph of this.#graphs.all()) {
      if (!isKept(graph) || graph.metadata.deletionTimestamp !== undefined) continue;
      await this.#pods.removeAll(graph.metadata.name);
      const told = await writes.status(this.#path(graph.metadata.name), abandonedStatus(graph, apiTime(now())));
      this.#graphs.learn(told);
      await writes.letGo(this.#path(graph.metadata.name), told);
    }
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all([this.#graphs.stop(), this.#adapters?.known.stop(), this.#pods.stop()]);
    await this.#queue.close();
  }

  async #reconcile(name: string): Promise<void> {
    const { runner, namespace, writes } = this.#options;
    if (this.#isEnding) return this.#show(name);
    const found = this.#graphs.get(name);
    if (found === undefined) {
      this.#planned.delete(name);
      // An API server may delete an object outright though a finalizer was written while it did: then nobody waits for us.
      if (runner.view({ namespace, name }) !== null) await runner.remove({ namespace, name });
      await this.#pods.removeAll(name);
      await this.#adapters?.reconciler.removeOrphans(name);
      return;
    }
    if (found.metadata.deletionTimestamp !== undefined) return this.#end(found);
    const graph = isKept(found) ? found : await writes.keep(this.#path(name), found);
    this.#graphs.learn(graph);
    await runner.apply(await this.#planOf(graph));
    await this.#show(name);
  }

  /** With the replicas that adapters ask for written into the deployment, as the operator does. */
  async #planOf(graph: ApiObject): Promise<DeploymentPlan> {
    const { plan, object } = await this.#readPlan(graph);
    if (this.#adapters === null) return plan;
    const different = await this.#adapters.reconciler.reconcile(object, adapted(plan));
    if (different.size === 0) return plan;
    const changed = await this.#setReplicas(object, different);
    this.#graphs.learn(changed);
    return (await this.#readPlan(changed)).plan;
  }

  async #readPlan(graph: ApiObject): Promise<{ plan: DeploymentPlan; object: ApiObject }> {
    const { client, namespace, credentials, plan: makePlan } = this.#options;
    const { name, uid, generation = 1 } = graph.metadata;
    const known = this.#planned.get(name);
    if (known?.uid === uid && known.generation === generation) return { plan: known.plan, object: graph };
    const referred = await readReferences(client, namespace, referencesIn(graph.spec));
    let plan: DeploymentPlan;
    try {
      plan = await credentials.given(makePlan(graph, referred), graph);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      await this.#refuse(graph, error);
      throw new Refused();
    }
    this.#planned.set(name, { uid, generation, plan });
    return { plan, object: graph };
  }

  async #refuse(graph: ApiObject, { where, message, hint }: UserError): Promise<void> {
    const why = [where === undefined ? message : `${where}: ${message}`, ...(hint === undefined ? [] : [hint])].join(
      "; ",
    );
    const status = refusedStatus(graph, why, apiTime(this.#options.now()));
    if (isSameStatus(graph, status)) return;
    this.#options.tell(graph, { type: "Warning", reason: "ManifestRefused", note: why });
    await this.#write(graph, status);
  }

  async #setReplicas(graph: ApiObject, replicas: ReadonlyMap<string, number>): Promise<ApiObject> {
    const { writes, version } = this.#options;
    const spec = graph.spec as { services?: Record<string, object>; components?: { name: string }[] };
    if (version === "v1alpha1") {
      const services = Object.fromEntries([...replicas].map(([name, count]) => [name, { replicas: count }]));
      return writes.mergeSeen(this.#path(graph.metadata.name), graph, { spec: { services } });
    }
    const components = (spec.components ?? []).map((component) => {
      const count = replicas.get(component.name);
      return count === undefined ? component : { ...component, replicas: count };
    });
    return writes.mergeSeen(this.#path(graph.metadata.name), graph, { spec: { components } });
  }

  async #show(name: string): Promise<void> {
    const { runner, namespace, version, now } = this.#options;
    const graph = this.#graphs.get(name);
    const running: LocalDeployment | null = runner.view({ namespace, name });
    const planned = this.#planned.get(name);
    if (graph === undefined || running === null || planned === undefined) return;
    const images = imagesOf(graph);
    await this.#pods.show(graph, running, (component) => images.get(component));
    await this.#adapters?.reconciler.tell(graph, adapted(planned.plan), running);
    const status = graphStatus(graph, version, running, apiTime(now()));
    if (!isSameStatus(graph, status)) await this.#write(graph, status);
  }

  async #write(graph: ApiObject, status: GraphStatus): Promise<void> {
    this.#graphs.learn(await this.#options.writes.status(this.#path(graph.metadata.name), status));
    this.#options.changed(graph.metadata.name);
  }

  async #end(graph: ApiObject): Promise<void> {
    const { runner, namespace, writes, credentials } = this.#options;
    const { name } = graph.metadata;
    this.#planned.delete(name);
    if (!isKept(graph)) return;
    await runner.remove({ namespace, name });
    await this.#pods.removeAll(name);
    await this.#adapters?.reconciler.removeAll(graph);
    await credentials.removeOwn(graph);
    await writes.letGo(this.#path(name), graph);
  }

  #path(name: string): string {
    return dynamoPath(this.#options.version, this.#options.namespace, GRAPHS, name);
  }
}

function adapted(plan: DeploymentPlan): AdaptedComponent[] {
  return plan.components
    .filter(({ hasScalingAdapter }) => hasScalingAdapter)
    .map(({ name, replicas }) => ({ name, replicas }));
}

interface GraphSpec {
  services?: Record<string, { extraPodSpec?: { mainContainer?: { image?: string } } }>;
  components?: { name: string; podTemplate?: { spec?: { containers?: { name?: string; image?: string }[] } } }[];
}

/** Image of each component's container. */
function imagesOf(graph: ApiObject): Map<string, string> {
  const { services, components } = graph.spec as GraphSpec;
  const images = new Map<string, string>();
  for (const [name, service] of Object.entries(services ?? {})) {
    const image = service.extraPodSpec?.mainContainer?.image;
    if (image !== undefined) images.set(name, image);
  }
  for (const { name, podTemplate } of components ?? []) {
    const image = podTemplate?.spec?.containers?.find((container) => container.name === "main")?.image;
    if (image !== undefined) images.set(name, image);
  }
  return images;
}
