import { isStatus, type KubernetesClient, type LocalDeployment, type Pace } from "#planner/connectors";
import { generatedDeployment } from "../requests/generated.ts";
import type { ProfilingRuns } from "../requests/profiling-runs.ts";
import type { GeneratedObject } from "../requests/types.ts";
import { covers } from "./covers.ts";
import {
  type ApiObject,
  apiTime,
  conditionsOf,
  corePath,
  dynamoPath,
  GRAPHS,
  GROUP,
  jobPath,
  ownerOf,
  REQUESTS,
  type ResourceVersionName,
} from "./objects.ts";
import { readReferences, referencesIn } from "./references.ts";
import { Reflector } from "./reflector.ts";
import {
  isEstimatedRequest,
  jobStatus,
  requestJobObject,
  requestProblem,
  resultsConfigMap,
} from "./request-objects.ts";
import {
  deleted,
  isAutoApplied,
  nextStep,
  type RequestFacts,
  type RequestStage,
  rejectedChange,
  type StageStep,
  stageOf,
} from "./request-stages.ts";
import { requestStatus, resultsName } from "./request-status.ts";
import type { TellEvent } from "./types.ts";
import { WorkQueue } from "./work-queue.ts";
import { type ClusterWrites, isKept } from "./writes.ts";

export interface RequestControllerOptions {
  client: KubernetesClient;
  writes: ClusterWrites;
  version: ResourceVersionName;
  namespace: string;
  runs: ProfilingRuns;
  /** The deployment of that name as it is known to the cluster, and as it runs here. */
  graph: (name: string) => ApiObject | undefined;
  running: (name: string) => LocalDeployment | null;
  /** A deployment was made, which the watch will tell of later. */
  created: (graph: ApiObject) => void;
  tell: TellEvent;
  pace: Pace;
  /** Unix ms. */
  now: () => number;
  log: (line: string) => void;
}

/** Where v1beta1 keeps what was generated. */
const GENERATED_ANNOTATION = "nvidia.com/generated-dgd-spec";
const BESIDE_ANNOTATION = "dgdr.nvidia.com/additional-resources";
/** Of an annotation of the operator's. */
const LONGEST_ANNOTATION = 250_000;

/** DynamoGraphDeploymentRequests: profiled here, turned into deployments, their status written as Dynamo's operator writes it. */
export class RequestController {
  readonly #options: RequestControllerOptions;
  readonly #requests: Reflector;
  readonly #queue: WorkQueue;
  readonly #rejected = new Set<string>();

  constructor(options: RequestControllerOptions) {
    this.#options = options;
    const { client, version, namespace, pace, log } = options;
    this.#queue = new WorkQueue(
      (name) => this.#reconcile(name),
      (name, error) => log(`${namespace}/${name}: ${(error as Error).message}`),
      pace,
    );
    this.#requests = new Reflector({
      client,
      path: dynamoPath(version, namespace, REQUESTS),
      pace,
      trouble: (why) => log(why === null ? "requests are watched again" : `requests can't be watched: ${why}`),
      changed: ({ metadata }) => this.#queue.add(metadata.name),
    });
  }

  start(): Promise<void> {
    return this.#requests.start();
  }

  /** A run or a deployment has changed. @param name of the request, or of a deployment that may be one's */
  look(name: string): void {
    if (this.#requests.get(name) !== undefined) this.#queue.add(name);
    for (const request of this.#requests.all()) {
      if (this.#graphName(request) === name) this.#queue.add(request.metadata.name);
    }
  }

  /** They can be deleted without this runner. */
  async leave(): Promise<void> {
    await this.close();
    for (const request of this.#requests.all()) {
      if (isKept(request)) await this.#options.writes.letGo(this.#path(request.metadata.name), request);
    }
  }

  async close(): Promise<void> {
    await this.#requests.stop();
    await this.#queue.close();
  }

  async #reconcile(name: string): Promise<void> {
    const found = this.#requests.get(name);
    if (found === undefined) return;
    if (found.metadata.deletionTimestamp !== undefined) return this.#end(found);
    const { writes } = this.#options;
    const request = isKept(found) ? found : await writes.keep(this.#path(name), found);
    this.#requests.learn(request);
    this.#reject(request);
    await this.#advance(request);
  }

  async #advance(request: ApiObject): Promise<void> {
    const { version } = this.#options;
    const stage = stageOf(request, version);
    const facts = await this.#facts(request, stage);
    let step = nextStep(stage, facts, isAutoApplied(request, version));
    // Made before and not there any more: someone has deleted it.
    if (step?.action === "create-graph" && this.#wasCreated(request)) step = deleted(facts.graphName);
    if (step === null) return this.#tell(request, stage, facts);
    await this.#act(request, step, facts);
    const changed = await this.#write(request, step, facts);
    for (const event of step.events) this.#options.tell(request, event);
    this.#queue.add(changed.metadata.name);
  }

  async #act(request: ApiObject, step: StageStep, facts: RequestFacts): Promise<void> {
    if (step.action === "start-run") {
      await this.#createJob(request);
      const { client, namespace, runs } = this.#options;
      runs.begin(request, await readReferences(client, namespace, referencesIn(request.spec)));
    }
    if (step.stage === "failed" || facts.run?.state === "succeeded") await this.#finishJob(request, facts);
    if (facts.run?.state === "succeeded") await this.#keepResults(request, facts.run.graph, facts.run.beside);
    if (step.action === "create-graph") await this.#createGraph(request);
  }

  /** Progress within a stage. */
  async #tell(request: ApiObject, stage: RequestStage, facts: RequestFacts): Promise<void> {
    if (stage === "new" || stage === "failed" || stage === "deleted") return;
    const step: StageStep = { stage, conditions: [], events: [], action: null };
    await this.#write(request, step, facts);
  }

  async #write(request: ApiObject, step: StageStep, facts: RequestFacts): Promise<ApiObject> {
    const { version, writes, running, now } = this.#options;
    const job = jobName(request.metadata.name);
    const graph = facts.graphName === null ? null : running(facts.graphName);
    const current = this.#requests.get(request.metadata.name) ?? request;
    const status = requestStatus({
      request: current,
      version,
      step,
      facts,
      job,
      running: graph,
      now: apiTime(now()),
    });
    if (covers(current.status, status)) return current;
    const changed = await writes.status(this.#path(request.metadata.name), status);
    this.#requests.learn(changed);
    return changed;
  }

  async #facts(request: ApiObject, stage: RequestStage): Promise<RequestFacts> {
    const { client, version, namespace, runs, graph } = this.#options;
    const graphName = this.#graphName(request);
    const found = graphName === null ? undefined : graph(graphName);
    const state = (found?.status as { state?: RequestFacts["graphState"] } | undefined)?.state ?? "initializing";
    return {
      problem: stage === "new" ? await requestProblem(client, namespace, request, version) : null,
      run: runs.facts(request),
      graphState: found === undefined || found.metadata.deletionTimestamp !== undefined ? null : state,
      graphName,
      isEstimated: isEstimatedRequest(request),
    };
  }

  /** Of the deployment that was generated for it. */
  #graphName(request: ApiObject): string | null {
    return this.#generated(request)?.metadata.name ?? null;
  }

  #generated(request: ApiObject): GeneratedObject | null {
    const { runs, version } = this.#options;
    const run = runs.facts(request);
    if (run?.state === "succeeded") return generatedDeployment(request, run.graph);
    if (version === "v1alpha1") return (request.status?.generatedDeployment as GeneratedObject | undefined) ?? null;
    const kept = request.metadata.annotations?.[GENERATED_ANNOTATION];
    return kept === undefined ? null : (JSON.parse(kept) as GeneratedObject);
  }

  /** The condition is written when it has been created, and stays. */
  #wasCreated(request: ApiObject): boolean {
    return conditionsOf(request).some(({ type }) => type === "DeploymentReady");
  }

  async #createGraph(request: ApiObject): Promise<void> {
    const { writes, namespace, created } = this.#options;
    const graph = this.#generated(request);
    if (graph === null) return;
    const version = graph.apiVersion.split("/")[1] ?? this.#options.version;
    created((await writes.create(dynamoPath(version, namespace, GRAPHS), graph)).object);
  }

  /** Where a successor of this runner, and people, find what the profiler made. */
  async #keepResults(request: ApiObject, graph: GeneratedObject, beside: readonly GeneratedObject[]): Promise<void> {
    const { writes, version, namespace } = this.#options;
    const configMaps = corePath(namespace, "configmaps");
    for (const object of beside) {
      const { name, labels } = object.metadata;
      const owned = { ...object, metadata: { ...object.metadata, labels: { ...labels, dgdr: request.metadata.name } } };
      const { isNew } = await writes.create(configMaps, owned);
      if (!isNew) await writes.merge(`${configMaps}/${name}`, { data: object.data, binaryData: object.binaryData });
    }
    const results = resultsConfigMap(request, this.#owner(request), graph, beside);
    const { isNew } = await writes.create(configMaps, results);
    if (!isNew) await writes.merge(`${configMaps}/${results.metadata.name}`, { data: results.data });
    if (version === "v1alpha1") return;
    const generated = JSON.stringify(generatedDeployment(request, graph));
    const additional = JSON.stringify(beside);
    const annotations = {
      ...(generated.length < LONGEST_ANNOTATION ? { [GENERATED_ANNOTATION]: generated } : {}),
      ...(additional.length < LONGEST_ANNOTATION ? { [BESIDE_ANNOTATION]: additional } : {}),
    };
    const path = this.#path(request.metadata.name);
    this.#requests.learn(await writes.merge(path, { metadata: { annotations } }));
  }

  async #createJob(request: ApiObject): Promise<void> {
    const { writes, namespace, version } = this.#options;
    const job = requestJobObject(request, version, jobName(request.metadata.name), this.#owner(request));
    await writes.create(jobPath(namespace), job);
  }

  async #finishJob(request: ApiObject, { run }: RequestFacts): Promise<void> {
    const { writes, namespace, now } = this.#options;
    if (run === null || run.state === "running") return;
    const path = jobPath(namespace, jobName(request.metadata.name));
    try {
      const job = await writes.client.request<ApiObject>({ path });
      const status = jobStatus(
        job,
        run.state === "succeeded",
        run.state === "failed" ? run.message : "",
        apiTime(now()),
      );
      if (status !== null) await writes.status(path, status);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  #owner(request: ApiObject) {
    return ownerOf(request, {
      apiVersion: `${GROUP}/${this.#options.version}`,
      kind: "DynamoGraphDeploymentRequest",
    });
  }

  #reject(request: ApiObject): void {
    const event = rejectedChange(request, this.#options.version);
    const key = `${request.metadata.uid}/${request.metadata.generation}`;
    if (event === null || this.#rejected.has(key)) return;
    this.#rejected.add(key);
    this.#options.tell(request, event);
  }

  /** Its deployment stays: it is nobody's but its user's. */
  async #end(request: ApiObject): Promise<void> {
    const { writes, namespace, runs } = this.#options;
    const { name } = request.metadata;
    if (!isKept(request)) return;
    await runs.forget(request);
    await writes.delete(jobPath(namespace, jobName(name)));
    await writes.delete(corePath(namespace, "configmaps", resultsName(name)));
    await writes.letGo(this.#path(name), request);
  }

  #path(name: string): string {
    return dynamoPath(this.#options.version, this.#options.namespace, REQUESTS, name);
  }
}

function jobName(request: string): string {
  return `profile-${request}`;
}
