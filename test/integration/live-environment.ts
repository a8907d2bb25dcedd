import { engineConfig, fixedTiming } from "#mocker/engine";
import { type Frontend, startFrontend } from "#mocker/frontend";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost, type WorkerHost } from "#mocker/worker";
import { FileStore, VirtualEnvironment } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";

export interface LiveEnvironmentOptions {
  model: string;
  /** `["decode"]`: an aggregated deployment. */
  roles: readonly Role[];
  /** Folder of the store through which the planner is heard. */
  folder: string;
  /** Dynamo namespace of the deployment. */
  namespace: string;
  /** Told of the workers after each change. */
  changed?: (urls: string[]) => void;
}

/** A deployment of mock workers behind a frontend, scaled as a planner's decisions say; one worker of each role at first. */
export class LiveEnvironment {
  readonly frontend: Frontend;
  readonly #options: LiveEnvironmentOptions;
  readonly #hosts: ReadonlyMap<Role, WorkerHost>;
  readonly #environment: VirtualEnvironment;
  /** Replicas as they were carried out, in order. */
  readonly replicas: Partial<Targets>[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(options: LiveEnvironmentOptions, frontend: Frontend, hosts: ReadonlyMap<Role, WorkerHost>) {
    this.#options = options;
    this.frontend = frontend;
    this.#hosts = hosts;
    this.#environment = new VirtualEnvironment(new FileStore(options.folder), options.namespace);
  }

  static async start(options: LiveEnvironmentOptions): Promise<LiveEnvironment> {
    const { model, roles } = options;
    const isAggregated = !roles.includes("prefill");
    const hosts = new Map<Role, WorkerHost>();
    for (const role of roles) {
      const host = await startWorkerHost({
        count: 1,
        settings: {
          model,
          engine: engineConfig({
            role: isAggregated ? "aggregated" : role,
            timing: fixedTiming({ prefillMs: 10, decodeMs: 2, perPass: false }),
          }),
          dpSize: 1,
          transfer: null,
          startupMs: 0,
          tokenizer: builtinTokenizer(),
          handoffTimeoutMs: 10_000,
          trustRequestStart: false,
        },
        staggerMs: 0,
      });
      hosts.set(role, host);
    }
    const frontend = await startFrontend({ discovery: { kind: "manual" }, logLevel: "error" });
    const made = new LiveEnvironment(options, frontend, hosts);
    for (const url of made.urls) frontend.discovery.add(url);
    await frontend.whenReady(roles.length);
    await made.#environment.announce(made.workers);
    return made;
  }

  /** Workers that are there. */
  get workers(): Partial<Targets> {
    return Object.fromEntries([...this.#hosts].map(([role, { workers }]) => [role, workers.length]));
  }

  get urls(): string[] {
    return [...this.#hosts.values()].flatMap(({ workers }) => workers.map(({ url }) => url));
  }

  /** Begins to do what the planner decides. */
  run(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      const decision = await this.#environment.wait(this.#stopping.signal);
      if (decision === null) return;
      for (const [role, host] of this.#hosts) await this.#scale(host, decision.workers[role] ?? host.workers.length);
      this.#options.changed?.(this.urls);
      this.replicas.push(this.workers);
      await this.#environment.complete(decision);
    }
  }

  async #scale(host: WorkerHost, wanted: number): Promise<void> {
    const { discovery } = this.frontend;
    for (const { url } of await host.addWorkers(Math.max(0, wanted - host.workers.length))) discovery.add(url);
    for (const { id, url } of host.workers.slice(wanted)) {
      discovery.remove(url);
      await host.drainWorker(id);
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#environment.close();
    await this.frontend.close();
    for (const host of this.#hosts.values()) await host.close();
  }
}
