/** Plays the Job controller, the kubelet and the garbage collector for Indexed Jobs: their pods are processes of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const LOOK_MS = 50;
const INDEX = "batch.kubernetes.io/job-completion-index";
/** As the kubelet keeps of a log where terminationMessagePolicy falls back to it. */
const MESSAGE_BYTES = 2048;

interface Container {
  name: string;
  command: string[];
  args: string[];
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  volumeMounts: { name: string; mountPath: string }[];
}

interface Source {
  configMap?: { name: string };
  secret?: { name: string };
}

interface PodSpec {
  containers: [Container];
  volumes: { name: string; projected?: { sources: Source[] }; emptyDir?: object }[];
}

interface JobSpec {
  completions: number;
  backoffLimitPerIndex: number;
  maxFailedIndexes?: number;
  podFailurePolicy: { rules: { action: string; onExitCodes?: { operator: "In"; values: number[] } }[] };
  template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
}

interface Played {
  job: KubeObject & { spec: JobSpec };
  uid: string;
  startTime: string;
  running: Map<number, ChildProcess>;
  active: Set<number>;
  failures: Map<number, number>;
  completed: Set<number>;
  failed: Set<number>;
  over: boolean;
  /** That it is over has been written. */
  isTold: boolean;
}

export class JobPlayer {
  /** Indexes whose first pod is killed as soon as it runs. */
  readonly killFirst = new Set<number>();
  /** The cluster has no room: no pod is made for new Jobs. */
  isFull = false;
  /** Pods made so far, and those that run. */
  pods = 0;
  readonly #server: KubeApiServer;
  #writing: Promise<void> = Promise.resolve();
  readonly #namespace: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "understudy-player-"));
  readonly #jobs = new Map<string, Played>();
  readonly #work = new Set<Promise<void>>();
  #closed = false;
  #error: unknown = null;
  readonly #loop: Promise<void>;

  constructor(server: KubeApiServer, namespace: string) {
    this.#server = server;
    this.#namespace = namespace;
    this.#loop = this.#run();
  }

  get running(): number {
    return [...this.#jobs.values()].reduce((sum, { running }) => sum + running.size, 0);
  }

  /** @throws what went wrong in the play itself */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#loop;
    for (const { running } of this.#jobs.values()) for (const child of running.values()) child.kill("SIGKILL");
    await Promise.allSettled(this.#work);
    rmSync(this.#folder, { recursive: true, force: true });
    if (this.#error !== null) throw this.#error;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const jobs = await this.#list<Played["job"]>(this.#jobsPath());
      for (const job of jobs) await this.#reconcile(job);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #reconcile(job: Played["job"]): Promise<void> {
    const { uid, deletionTimestamp } = job.metadata!;
    const known = this.#jobs.get(uid!);
    if (deletionTimestamp !== undefined) return this.#collect(job, known);
    if (known !== undefined || this.isFull) return;
    const played: Played = {
      job,
      uid: uid!,
      startTime: new Date().toISOString().replace(/\.\d+/, ""),
      running: new Map(),
      active: new Set(Array.from({ length: job.spec.completions }, (_, i) => i)),
      failures: new Map(),
      completed: new Set(),
      failed: new Set(),
      over: false,
      isTold: false,
    };
    this.#jobs.set(uid!, played);
    await this.#status(played);
    for (const index of played.active) this.#begin(played, index);
  }

  #begin(played: Played, index: number): void {
    const work = this.#pod(played, index)
      .catch((error: unknown) => {
        this.#error ??= error;
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  /** One pod of an index, from its creation to its end. */
  async #pod(played: Played, index: number): Promise<void> {
    const { job, uid } = played;
    const { labels } = job.spec.template.metadata;
    const name = `${job.metadata!.name}-${index}-${this.pods++}`;
    const pod = await this.#server.json("POST", this.#core("pods"), {
      metadata: {
        name,
        labels: { ...labels, [INDEX]: String(index) },
        annotations: { [INDEX]: String(index) },
        ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: job.metadata!.name, uid, controller: true }],
      },
      spec: job.spec.template.spec,
    });
    const folder = join(this.#folder, name);
    const mounts = await this.#mount(played, job.spec.template.spec, folder);
    if (mounts === null) return;
    const child = this.#start(pod, job.spec.template.spec.containers[0], mounts, folder);
    played.running.set(index, child);
    let log = "";
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on("data", (data: Buffer) => {
        log += data;
      });
    }
    const closed = once(child, "close") as Promise<[number | null, string | null]>;
    await this.#podStatus(name, { phase: "Running" });
    if (this.killFirst.has(index) && !played.failures.has(index)) child.kill("SIGKILL");
    const [code] = await closed;
    played.running.delete(index);
    if (played.over || this.#closed) return;
    const exitCode = code ?? 137;
    const terminated = { exitCode, reason: exitCode === 0 ? "Completed" : "Error", message: log.slice(-MESSAGE_BYTES) };
    const container = { name: "shard", image: "played", imageID: "", ready: false, restartCount: 0 };
    await this.#podStatus(name, {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [{ ...container, state: { terminated } }],
    });
    await this.#ended(played, index, exitCode);
  }

  async #ended(played: Played, index: number, exitCode: number): Promise<void> {
    const { backoffLimitPerIndex, maxFailedIndexes, podFailurePolicy, completions } = played.job.spec;
    if (exitCode === 0) {
      played.completed.add(index);
      played.active.delete(index);
    } else {
      const failures = (played.failures.get(index) ?? 0) + 1;
      played.failures.set(index, failures);
      const isFinal = podFailurePolicy.rules.some(
        ({ action, onExitCodes }) => action === "FailIndex" && onExitCodes?.values.includes(exitCode),
      );
      if (!isFinal && failures <= backoffLimitPerIndex) {
        this.#begin(played, index);
        return;
      }
      played.failed.add(index);
      played.active.delete(index);
      if (maxFailedIndexes !== undefined && played.failed.size > maxFailedIndexes) await this.#endAll(played);
    }
    await this.#status(played, played.completed.size + played.failed.size === completions);
  }

  async #endAll(played: Played): Promise<void> {
    played.over = true;
    for (const child of played.running.values()) child.kill("SIGKILL");
    played.active.clear();
  }

  /** One after the other, as the controller writes it: an older word that came late would be refused of a Job that has ended. */
  #status(played: Played, isDone = false): Promise<void> {
    const written = this.#writing.then(() => this.#write(played, isDone));
    this.#writing = written.catch(() => {});
    return written;
  }

  /** What the API server's rules for it demand. */
  async #write(played: Played, isDone: boolean): Promise<void> {
    if (played.isTold) return;
    const isOver = isDone || played.over;
    const ranges = (indexes: Set<number>) => [...indexes].sort((a, b) => a - b).join(",");
    const now = new Date().toISOString().replace(/\.\d+/, "");
    const condition = (type: string) => ({
      type,
      status: "True",
      reason: played.failed.size > 0 ? "FailedIndexes" : "CompletionsReached",
      message: "",
      lastProbeTime: now,
      lastTransitionTime: now,
    });
    played.isTold = isOver;
    const types = played.failed.size > 0 ? ["FailureTarget", "Failed"] : ["SuccessCriteriaMet", "Complete"];
    await this.#server.merge(`${this.#jobsPath()}/${played.job.metadata!.name}/status`, {
      status: {
        startTime: played.startTime,
        active: isOver ? 0 : played.active.size,
        ready: 0,
        succeeded: played.completed.size,
        failed: [...played.failures.values()].reduce((sum, count) => sum + count, 0),
        completedIndexes: ranges(played.completed),
        failedIndexes: ranges(played.failed),
        ...(isOver ? { conditions: types.map(condition) } : {}),
        ...(isOver && played.failed.size === 0 ? { completionTime: now } : {}),
      },
    });
  }

  /** Waits for what the volumes name, as the kubelet does, and lays it out. */
  async #mount(played: Played, { volumes }: PodSpec, folder: string): Promise<Map<string, string> | null> {
    const places = new Map<string, string>();
    for (const { name, projected } of volumes) {
      const place = join(folder, name);
      mkdirSync(place, { recursive: true });
      places.set(name, place);
      for (const { configMap, secret } of projected?.sources ?? []) {
        const path = `${this.#core(secret === undefined ? "configmaps" : "secrets")}/${(configMap ?? secret)!.name}`;
        for (;;) {
          if (this.#closed || played.over) return null;
          const { status, body } = await this.#server.call("GET", path);
          if (status === 200) {
            const { data = {}, binaryData = {} } = JSON.parse(body) as Record<string, Record<string, string>>;
            const [texts, bytes] = secret === undefined ? [data, binaryData] : [{}, data];
            for (const [file, text] of Object.entries(texts)) writeFileSync(join(place, file), text);
            for (const [file, text] of Object.entries(bytes))
              writeFileSync(join(place, file), Buffer.from(text, "base64"));
            break;
          }
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        }
      }
    }
    return places;
  }

  #start(pod: KubeObject, container: Container, volumes: Map<string, string>, folder: string): ChildProcess {
    const mounts = container.volumeMounts.map(({ name, mountPath }) => [mountPath, volumes.get(name)!] as const);
    const here = (arg: string) => mounts.reduce((text, [path, place]) => (text === path ? place : text), arg);
    const [program, ...command] = container.command;
    if (program !== "understudy") throw new Error(`the image has no ${program}`);
    const env = Object.fromEntries(
      container.env.map(({ name, value, valueFrom }) => [name, value ?? field(pod, valueFrom!)]),
    );
    return spawn(process.execPath, [MAIN, ...command, ...container.args.map(here)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...env,
        NO_COLOR: "1",
        HOME: folder,
        TMPDIR: volumes.get("tmp")!,
        // In the place of the mounted token of the pod's account.
        KUBECONFIG: this.#server.kubeconfig("shard", this.#namespace),
      },
    });
  }

  /** Foreground deletion: what belongs to the Job goes first. */
  async #collect(job: Played["job"], played: Played | undefined): Promise<void> {
    if (played !== undefined) {
      await this.#endAll(played);
      await Promise.all([...played.running.values()].map((child) => child.exitCode === null && once(child, "exit")));
      this.#jobs.delete(played.uid);
    }
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}/leases`;
    for (const path of [this.#core("pods"), this.#core("configmaps"), this.#core("secrets"), leases]) {
      for (const { metadata } of await this.#list<KubeObject>(path)) {
        if (!metadata!.ownerReferences?.some(({ uid }) => uid === job.metadata!.uid)) continue;
        await this.#server.call("DELETE", `${path}/${metadata!.name}`, { gracePeriodSeconds: 0 });
      }
    }
    await this.#server.merge(`${this.#jobsPath()}/${job.metadata!.name}`, { metadata: { finalizers: null } });
  }

  #podStatus(name: string, status: object): Promise<unknown> {
    return this.#server.call(
      "PATCH",
      `${this.#core("pods")}/${name}/status`,
      { status },
      "application/merge-patch+json",
    );
  }

  async #list<Item>(path: string): Promise<Item[]> {
    return (await this.#server.json<{ items: Item[] }>("GET", path)).items;
  }

  #jobsPath(): string {
    return `/apis/batch/v1/namespaces/${this.#namespace}/jobs`;
  }

  #core(resource: string): string {
    return `/api/v1/namespaces/${this.#namespace}/${resource}`;
  }
}

/** What the downward API tells of a pod. */
function field({ metadata }: KubeObject, { fieldRef: { fieldPath } }: { fieldRef: { fieldPath: string } }): string {
  const label = /^metadata\.labels\['(.+)'\]$/.exec(fieldPath)?.[1];
  const value = label === undefined ? { ...metadata }[fieldPath.replace("metadata.", "")] : metadata!.labels?.[label];
  if (typeof value !== "string") throw new Error(`a pod is told nothing of ${fieldPath}`);
  return value;
}
