import { randomUUID } from "node:crypto";
import { ApiFailure, ApiUnavailable, isStatus, type KubernetesClient } from "#planner/connectors";
import { apiRefused, jobFailed, jobVanished, notAllReady, resultMissing, shardsFailed, tooLarge } from "../errors.ts";
import { packJob, piecesOf } from "../pack.ts";
import type { ExecuteOptions, Executor, ShardJob, ShardWork } from "../types.ts";
import { completedIndexes } from "./indexes.ts";
import {
  COMPONENTS,
  indexedJob,
  type JobOwner,
  type JobSettings,
  type PodObject,
  piece,
  secretOf,
  selectorOf,
  startLease,
} from "./objects.ts";
import { failuresOf, waitingPods } from "./pods.ts";
import { type ResultObject, resultOf } from "./results.ts";

export interface KubernetesExecutorOptions extends Omit<JobSettings, "name"> {
  client: KubernetesClient;
  /** What shards that begin together are given to be ready, s. */
  readySeconds: number;
  /** Leave the Job and all that belongs to it. */
  keep: boolean;
  /** Told of the Job's name before anything is made. */
  onJob?: (name: string) => void;
}

interface JobObject {
  metadata?: { uid?: string };
  status?: {
    active?: number;
    completedIndexes?: string;
    failedIndexes?: string;
    conditions?: { type?: string; status?: string; reason?: string; message?: string }[];
  };
}

const LOOK_MS = 1000;
/** From the word that all are ready to the start, ms: shards look for it twice a second, and then have connections to open. */
const LEAD_MS = 3000;
/** Longest wait for pods to be gone when all is taken away. */
const GONE_MS = 60_000;
/** Times that a shard's result is looked for after its index is complete. */
const RESULT_LOOKS = 5;
const MOST_INPUT_BYTES = 32 * 2 ** 20;
const BAD_INPUT = 2;

/** Shards as pods of an Indexed Job. */
export class KubernetesExecutor implements Executor {
  readonly #options: KubernetesExecutorOptions;
  readonly #client: KubernetesClient;

  constructor(options: KubernetesExecutorOptions) {
    this.#options = options;
    this.#client = options.client;
  }

  async execute({ job, secret }: ShardWork, options: ExecuteOptions = {}): Promise<Uint8Array[]> {
    options.signal?.throwIfAborted();
    const name = `understudy-${job.kind}-${randomUUID().slice(0, 8)}`;
    const bytes = packJob(job);
    if (bytes.length > MOST_INPUT_BYTES) throw tooLarge("the job's files", bytes.length, MOST_INPUT_BYTES);
    const pieces = piecesOf(bytes);
    this.#options.onJob?.(name);
    const manifest = indexedJob(job, pieces.length, secret !== null, { ...this.#options, name });
    let made = true;
    try {
      // First the Job, to which all else belongs from its creation on: pods wait for what they mount.
      const owner = await this.#createJob(name, manifest).catch((error: unknown) => {
        made = !(error instanceof ApiFailure);
        throw error;
      });
      for (const [i, part] of pieces.entries()) await this.#create(this.#core("configmaps"), piece(owner, i, part));
      if (secret !== null) await this.#create(this.#core("secrets"), secretOf(owner, secret));
      return await this.#follow(owner, job, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw this.#told(error, name);
    } finally {
      if (made && !this.#options.keep) await this.#remove(name);
    }
  }

  /** Watches the Job to its end, and collects what is done meanwhile. */
  async #follow(owner: JobOwner, job: ShardJob, options: ExecuteOptions): Promise<Uint8Array[]> {
    const { signal, onProgress } = options;
    const shards = job.shards.length;
    const results = new Map<number, Uint8Array>();
    const readyUntil = performance.now() + this.#options.readySeconds * 1000;
    let started = !job.startTogether;
    let looks = 0;
    for (;;) {
      const { status = {} } = await this.#job(owner.name, signal);
      const done = completedIndexes(status.completedIndexes);
      const ended = (type: string) => status.conditions?.find((one) => one.type === type && one.status === "True");
      if (done.some((index) => !results.has(index))) await this.#collect(owner.name, done, results, options);
      const failure = ended("Failed");
      if (failure !== undefined) throw await this.#failure(owner.name, job, status, failure);
      if (results.size === shards) return job.shards.map((_, index) => results.get(index)!);
      const missing = done.find((index) => !results.has(index));
      if (missing !== undefined && ++looks > RESULT_LOOKS) throw resultMissing(owner.name, missing);
      const pods =
        results.size + (status.active ?? 0) < shards || !started ? await this.#pods(owner.name, signal) : null;
      const waiting = pods === null ? "" : waitingPods(pods, shards);
      if (!started) {
        const ready = await this.#ready(owner.name, signal);
        started = ready === shards;
        if (started) await this.#create(this.#leases, startLease(owner, Date.now() + LEAD_MS), signal);
        else if (performance.now() > readyUntil) {
          const why = waiting === "" ? "the others run, but are not ready" : waiting;
          throw notAllReady(owner.name, ready, shards, this.#options.readySeconds, why);
        }
      }
      const running = status.active ?? 0;
      onProgress?.({ shards, done: done.length, running, ...(waiting === "" ? {} : { waiting }) });
      await pause(LOOK_MS, signal);
    }
  }

  /** Reads the results of complete shards, and deletes them: what is kept there at one time stays small. */
  async #collect(
    name: string,
    done: readonly number[],
    results: Map<number, Uint8Array>,
    { signal, onResult }: ExecuteOptions,
  ) {
    const objects = await this.#list<ResultObject>("configmaps", selectorOf(name, COMPONENTS.result), signal);
    for (const index of done) {
      if (results.has(index)) continue;
      const result = resultOf(objects, index);
      if (result === null) continue;
      results.set(index, result);
      onResult?.(index, result);
      if (this.#options.keep) continue;
      for (const { metadata, data } of objects) {
        if (data?.index === String(index))
          await this.#delete(`${this.#core("configmaps")}/${metadata!.name}`, "Background");
      }
    }
  }

  async #ready(name: string, signal?: AbortSignal): Promise<number> {
    const said = await this.#list<ResultObject>("configmaps", selectorOf(name, COMPONENTS.ready), signal);
    return new Set(said.map(({ data }) => data?.index)).size;
  }

  async #failure(
    name: string,
    job: ShardJob,
    status: NonNullable<JobObject["status"]>,
    condition: { reason?: string; message?: string },
  ): Promise<Error> {
    const indexes = completedIndexes(status.failedIndexes);
    if (indexes.length === 0) return jobFailed(name, condition.reason ?? "unknown", condition.message ?? "");
    const failed = failuresOf(await this.#pods(name), indexes);
    const exitCode = failed.every(({ code }) => code === BAD_INPUT) ? 2 : 1;
    return shardsFailed(failed, job.shards.length, exitCode);
  }

  /** The Job, its pods and all else that belongs to it; in the foreground, so that it is gone when this is over. */
  async #remove(name: string): Promise<void> {
    const path = this.#jobPath(name);
    const untilMs = performance.now() + GONE_MS;
    try {
      await this.#delete(path, "Foreground");
      while (performance.now() < untilMs) {
        await this.#client.request({ path });
        await pause(LOOK_MS / 4);
      }
    } catch (error) {
      if (!isStatus(error, 404)) throw this.#told(error, name);
    }
  }

  async #job(name: string, signal?: AbortSignal): Promise<JobObject> {
    try {
      return await this.#client.request<JobObject>({ path: this.#jobPath(name), ...given(signal) });
    } catch (error) {
      if (isStatus(error, 404)) throw jobVanished(name);
      throw error;
    }
  }

  #pods(name: string, signal?: AbortSignal): Promise<PodObject[]> {
    return this.#list<PodObject>("pods", `batch.kubernetes.io/job-name=${name}`, signal);
  }

  async #list<Item>(resource: string, labelSelector: string, signal?: AbortSignal): Promise<Item[]> {
    const request = { path: this.#core(resource), query: { labelSelector }, ...given(signal) };
    return (await this.#client.request<{ items?: Item[] }>(request)).items ?? [];
  }

  async #createJob(name: string, manifest: object): Promise<JobOwner> {
    await this.#create(`/apis/batch/v1/namespaces/${this.#namespace}/jobs`, manifest);
    return { name, uid: (await this.#job(name)).metadata!.uid! };
  }

  /** Names hold the Job's, which is random: what is there already was made by a request whose answer was lost. */
  async #create(path: string, body: object, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.request({ method: "POST", path, body, ...given(signal) });
    } catch (error) {
      if (!(error instanceof ApiFailure && error.reason === "AlreadyExists")) throw error;
    }
  }

  async #delete(path: string, propagationPolicy: "Foreground" | "Background"): Promise<void> {
    try {
      await this.#client.request({ method: "DELETE", path, body: { propagationPolicy } });
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  #told(error: unknown, name: string): unknown {
    const isRefused = error instanceof ApiFailure;
    if (!isRefused && !(error instanceof ApiUnavailable)) return error;
    return apiRefused(this.#client.server, name, error, isRefused && (error.status === 403 || error.status === 401));
  }

  get #namespace(): string {
    return this.#client.namespace;
  }

  get #leases(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}/leases`;
  }

  #core(resource: string): string {
    return `/api/v1/namespaces/${this.#namespace}/${resource}`;
  }

  #jobPath(name: string): string {
    return `/apis/batch/v1/namespaces/${this.#namespace}/jobs/${name}`;
  }
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** @throws what `signal` was aborted with */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
