import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isStatus, type KubernetesClient, orNull, type Pace } from "#planner/connectors";
import { type KubernetesObject, TIME_SCALE_ANNOTATION } from "#src/deployment";
import { CandidateFailed } from "../../errors.ts";
import { type CandidatePart, candidateParts } from "../candidate-parts.ts";
import type { PlannedWork, TrialDeployment } from "../driver.ts";
import { lastWords, notReadyInTime } from "../errors.ts";
import { endpointUrl, untilServed } from "./endpoint.ts";
import { crashLoop, deletedByOthers, deploymentFailed, podStuck } from "./errors.ts";
import { type GraphObject, graphsPath, hindranceOf, mainStatus, type PodObject, verdictOf } from "./objects.ts";
import { podsByComponent, savePodLogs } from "./pods.ts";

/** As Dynamo's profiler looks, ms; a watch tells sooner. */
export const POLL_MS = 20_000;
/** Starts of a worker that fails again and again: it would not be ready after the longest wait either. */
const MOST_RESTARTS = 5;
/** Until a deleted deployment and its pods must be gone, real ms. */
const GONE_MS = 300_000;
const GONE_LOOK_MS = 500;

export interface TrialOptions {
  client: KubernetesClient;
  pace: Pace;
  dgd: KubernetesObject;
  created: GraphObject;
  workFolder: string;
  template: string | undefined;
  isInCluster: boolean;
  service: string | undefined;
  pollMs: number;
  warn: (text: string) => void;
  gone: () => void;
}

/** One candidate in a cluster. */
export class KubernetesTrial implements TrialDeployment {
  readonly name: string;
  url = "";
  /** Where a runner plays the cluster in scaled time. */
  pace?: (work: PlannedWork) => Promise<number>;
  readonly #options: TrialOptions;
  readonly #path: string;
  readonly #parts: CandidatePart[];
  readonly #logs = new Map<string, string[]>();
  /** What pods can't start for, as last seen. */
  #stuck: readonly string[] = [];
  readonly #told = new Set<string>();
  #mayWatch = true;
  #deleting: Promise<void> | null = null;

  constructor(options: TrialOptions) {
    this.#options = options;
    this.name = options.created.metadata.name;
    this.#path = graphsPath(options.dgd.apiVersion, options.client.namespace, this.name);
    this.#parts = candidateParts(options.dgd);
  }

  async waitReady(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { client, pace } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const both = AbortSignal.any([signal, late.signal]);
    let message = "";
    try {
      for (;;) {
        both.throwIfAborted();
        const graph = await this.#read(both);
        const found = verdictOf(graph);
        message = found.message;
        if (found.verdict === "ready") break;
        if (found.verdict === "failed")
          throw new CandidateFailed(deploymentFailed(this.name, message, await this.#tail()));
        await this.#checkPods();
        await this.#changed(graph.metadata.resourceVersion, both);
      }
      const pods = await this.#pods();
      this.url = await this.#endpoint(pods, both);
      await untilServed(this.url, { name: this.name, namespace: client.namespace }, pace, both);
      this.#setPace(pods);
    } catch (error) {
      signal.throwIfAborted();
      if (!late.signal.aborted) throw error;
      const seconds = Number((timeoutMs / 1000).toPrecision(6));
      const what = [message, ...this.#stuck].filter((text) => text !== "").join("; ");
      throw new CandidateFailed(
        `${notReadyInTime(seconds, "")}${what === "" ? "" : ` (${what})`}${await this.#tail()}`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async saveLogs(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { client, workFolder, warn } = this.#options;
    const { files, troubles } = await savePodLogs(
      client,
      client.namespace,
      await this.#pods(),
      join(workFolder, this.name),
    );
    if (troubles.length > 0) warn(`logs of ${this.name} can't be had: ${troubles.join("; ")}`);
    for (const [component, paths] of files) if (paths.length > 0) this.#logs.set(component, paths);
    return this.#logs;
  }

  delete(): Promise<void> {
    this.#deleting ??= this.#end();
    return this.#deleting;
  }

  async #end(): Promise<void> {
    const { client, dgd, created, warn, pace, gone } = this.#options;
    await deleteGraph(client, dgd.apiVersion, { name: this.name, uid: created.metadata.uid });
    const isGone = await untilGone(client, dgd.apiVersion, created.metadata, pace, async () => {
      const pods = await this.#pods();
      return [...pods.values()].every((replicas) => replicas.length === 0);
    });
    if (!isGone) {
      warn(
        `${this.name} is still there ${GONE_MS / 1000} s after it was deleted: is Dynamo's operator alive? ` +
          `kubectl -n ${client.namespace} get dynamographdeployment ${this.name}`,
      );
    }
    gone();
  }

  async #read(signal: AbortSignal): Promise<GraphObject> {
    const { client, created } = this.#options;
    const graph = await orNull(client.request<GraphObject>({ path: this.#path, signal }));
    if (graph?.metadata.uid === created.metadata.uid) return graph;
    throw new CandidateFailed(deletedByOthers(this.name));
  }

  /** Resolves at its next change as a watch tells it, and after the poll's time where none does. */
  async #changed(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, pace, pollMs } = this.#options;
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const query = { fieldSelector: `metadata.name=${this.name}`, resourceVersion };
    const collection = this.#path.slice(0, this.#path.lastIndexOf("/"));
    const polled = pace.sleep(pollMs, both);
    const watched = !this.#mayWatch
      ? polled
      : client.changed(collection, query, both).catch((error: unknown) => {
          if (isStatus(error, 403)) this.#mayWatch = false;
          return polled;
        });
    try {
      await Promise.race([watched, polled]);
    } finally {
      stop.abort();
    }
  }

  /** Gives up what crashes again and again; what can't start may be mended while it is waited for, so that is only told, once. */
  async #checkPods(): Promise<void> {
    const pods = [...(await this.#pods()).values()].flat();
    const stuck = pods.flatMap((pod) => {
      const found = hindranceOf(pod);
      return found === null ? [] : [{ ...found, pod: pod.metadata.name }];
    });
    this.#stuck = stuck.map(({ pod, reason, message }) => podStuck(pod, reason, message));
    for (const { pod, reason, message } of stuck) {
      // ErrImagePull and ImagePullBackOff take turns.
      const kind = `${pod} ${/Image/.test(reason) ? "image" : reason}`;
      if (!this.#told.has(kind)) this.#options.warn(podStuck(pod, reason, message));
      this.#told.add(kind);
    }
    for (const pod of pods) {
      const status = mainStatus(pod);
      const restarts = status?.restartCount ?? 0;
      if (restarts < MOST_RESTARTS || status?.ready) continue;
      const reason = status?.lastState?.terminated?.reason ?? status?.state?.terminated?.reason ?? "";
      throw new CandidateFailed(`${crashLoop(pod.metadata.name, restarts, reason)}${await this.#tail()}`);
    }
  }

  #pods(): Promise<Map<string, PodObject[]>> {
    const { client } = this.#options;
    const components = this.#parts.map(({ name }) => name);
    return podsByComponent(client, client.namespace, this.name, components);
  }

  async #endpoint(pods: ReadonlyMap<string, PodObject[]>, signal: AbortSignal): Promise<string> {
    const { client, dgd, template, isInCluster, service, pace } = this.#options;
    const frontend = this.#parts.find(({ role }) => role === "frontend")!.name.toLowerCase();
    for (let known = pods; ; known = await this.#pods()) {
      const frontends = known.get(frontend) ?? [];
      const place = { dgd, name: this.name, namespace: client.namespace, template, isInCluster, service, frontends };
      const url = endpointUrl(place);
      if (url !== null) return url;
      await pace.sleep(GONE_LOOK_MS, signal);
      signal.throwIfAborted();
    }
  }

  #setPace(pods: ReadonlyMap<string, PodObject[]>): void {
    const scales = [...pods.values()]
      .flat()
      .map(({ metadata }) => Number(metadata.annotations?.[TIME_SCALE_ANNOTATION] ?? 1));
    const scale = Math.max(1, ...scales.filter((one) => Number.isFinite(one)));
    if (scale !== 1) this.pace = async () => scale;
  }

  /** What the workers said last, for messages. */
  async #tail(): Promise<string> {
    const logs = await this.saveLogs().catch(() => this.#logs);
    const texts = this.#parts
      .filter(({ role }) => role === "worker")
      .map(({ name }) => textOf(logs.get(name.toLowerCase())?.[0]));
    return lastWords(texts.join("\n"));
  }
}

function textOf(file: string | undefined): string {
  if (file === undefined) return "";
  try {
    return readFileSync(file, "utf8") || readFileSync(file.replace(/\.log$/, ".previous.log"), "utf8");
  } catch {
    // The container has not started.
    return "";
  }
}

/** Deletes the very deployment, not one that has its name. Idempotent. */
export async function deleteGraph(
  client: KubernetesClient,
  apiVersion: string,
  { name, uid }: { name: string; uid: string },
): Promise<void> {
  try {
    await client.request({
      method: "DELETE",
      path: graphsPath(apiVersion, client.namespace, name),
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", preconditions: { uid } },
      // GPUs stay taken while it is there.
      retry: { deadlineMs: 120_000 },
    });
  } catch (error) {
    // Gone, or another's by now.
    if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
  }
}

/** @param arePodsGone GPUs are free when the pods are gone */
export async function untilGone(
  client: KubernetesClient,
  apiVersion: string,
  { name, uid }: { name: string; uid: string },
  pace: Pace,
  arePodsGone: () => Promise<boolean>,
): Promise<boolean> {
  const path = graphsPath(apiVersion, client.namespace, name);
  const endMs = pace.nowMs() + GONE_MS;
  while (pace.nowMs() < endMs) {
    const graph = await orNull(client.request<GraphObject>({ path }));
    if (graph?.metadata.uid !== uid && (await arePodsGone())) return true;
    await pace.sleep(GONE_LOOK_MS);
  }
  return false;
}
