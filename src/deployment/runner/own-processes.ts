import type { ComponentPlan, Probe, ReplicaTemplate } from "../plan/types.ts";
import type { ProcessPorts } from "./command.ts";
import { lastWords } from "./launcher.ts";
import type { Ports } from "./ports.ts";
import { DEFAULT_PROBES, ProbeLoop } from "./probe-loop.ts";
import type { ManagedProcess } from "./process.ts";
import { endMessage, type Replica } from "./replica.ts";
import type { ReplicaKeeper, Supervisor } from "./supervisor.ts";

/** From a process's own end of its grace to its kill, ms: it gets to finish what it does at its end. */
const LAST_WORK_MS = 5000;

/** Where the kinds answer for their health. */
const HEALTH_PATHS: Partial<Record<ReplicaTemplate["kind"], { ready: string; live: string }>> = {
  frontend: { ready: "/health", live: "/live" },
  planner: { ready: "/health", live: "/health" },
};

export interface OwnProcessesOptions {
  ports: Ports;
  /** The port that a replica is to have again. */
  preferredPort(replica: Replica): number | undefined;
  keepPort(replica: Replica, port: number): void;
}

/** Keeps replicas that are a process each: frontends, planners, commands. */
export class OwnProcesses implements ReplicaKeeper {
  readonly #supervisor: Supervisor;
  readonly #options: OwnProcessesOptions;
  readonly #loops = new Map<Replica, ProbeLoop>();

  constructor(supervisor: Supervisor, options: OwnProcessesOptions) {
    this.#supervisor = supervisor;
    this.#options = options;
  }

  start(replica: Replica): void {
    replica.state = "starting";
    replica.startedAt = new Date();
    this.#start(replica).catch((error: Error) => {
      if (replica.state === "draining") this.#supervisor.gone(replica);
      else this.#supervisor.crashed(replica, `it could not be started: ${error.message}`);
    });
  }

  /** Takes over a process of an earlier runner's. */
  adopt(replica: Replica, managed: ManagedProcess): void {
    replica.startedAt = new Date(managed.record.startedAt);
    replica.state = "starting";
    this.#watch(replica, managed);
  }

  drain(replica: Replica): void {
    replica.state = "draining";
    this.#loops.get(replica)?.stop();
    const component = this.#supervisor.component(replica.component);
    const graceMs = (component?.template.terminationGraceSeconds ?? 30) * 1000;
    if (replica.process !== null) void replica.process.stop(graceMs + LAST_WORK_MS);
    // Else it is about to start, and ends then.
  }

  async end(replicas: readonly Replica[], graceMs: number): Promise<void> {
    await Promise.all(
      replicas.map(async (replica) => {
        replica.state = "draining";
        this.#loops.get(replica)?.stop();
        if (graceMs === 0) replica.process?.kill();
        await replica.process?.stop(graceMs + LAST_WORK_MS);
      }),
    );
  }

  leave(): void {
    for (const [replica, loop] of this.#loops) {
      loop.stop();
      replica.process?.leave();
    }
  }

  async #start(replica: Replica): Promise<void> {
    const component = this.#supervisor.component(replica.component);
    if (component === undefined) return this.#supervisor.gone(replica);
    const ports = await this.#portsFor(replica, component.template);
    if (replica.state === "draining") return this.#supervisor.gone(replica);
    const launch = { id: replica.name, replicas: [replica.name], ports };
    const managed = this.#supervisor.launcher.start(this.#supervisor.plan(), component, launch);
    this.#supervisor.event("Normal", "Started", replica.name, `Started process ${managed.pid ?? "-"}`);
    this.#watch(replica, managed);
    this.#supervisor.changed();
  }

  async #portsFor(replica: Replica, { kind }: ReplicaTemplate): Promise<ProcessPorts> {
    const { ports } = this.#options;
    if (kind === "command" || kind === "profiler") return { main: null };
    const main = await ports.take(this.#options.preferredPort(replica));
    this.#options.keepPort(replica, main);
    return kind === "planner" ? { main, dashboard: await ports.take(), control: await ports.take() } : { main };
  }

  #watch(replica: Replica, managed: ManagedProcess): void {
    replica.process = managed;
    const { main, dashboard } = managed.record.ports;
    const shown = dashboard ?? main;
    replica.url = shown === null ? null : `http://127.0.0.1:${shown}`;
    const component = this.#supervisor.component(replica.component);
    const loop = component === undefined ? null : this.#probe(replica, managed, component, main);
    if (loop !== null) this.#loops.set(replica, loop);
    void managed.ended.then((end) => {
      loop?.stop();
      if (this.#loops.get(replica) === loop) this.#loops.delete(replica);
      replica.process = null;
      if (replica.state === "draining") this.#supervisor.gone(replica);
      else this.#supervisor.crashed(replica, endMessage(end, lastWords(managed.record.log)));
    });
  }

  #probe(replica: Replica, managed: ManagedProcess, component: ComponentPlan, port: number | null): ProbeLoop | null {
    const { template } = component;
    const { readiness, liveness, startup } = template.probes;
    const paths = HEALTH_PATHS[template.kind];
    const own = readiness ?? liveness ?? startup;
    if (paths === undefined && own === null) {
      this.#ready(replica, true);
      return null;
    }
    // A planner's control API answers probes, and knows when it is ready; its main port is that of its metrics.
    const asked = managed.record.ports.control ?? port ?? own?.port;
    const preset = (probe: Probe | null, kind: keyof typeof DEFAULT_PROBES, path: string): Probe =>
      probe ?? { ...DEFAULT_PROBES[kind], path, port: asked ?? 0 };
    const set = {
      url: `http://127.0.0.1:${asked}`,
      readiness: preset(readiness, "readiness", paths?.ready ?? own!.path),
      liveness: preset(liveness, "liveness", paths?.live ?? own!.path),
      startup: preset(startup, "startup", paths?.live ?? own!.path),
    };
    return new ProbeLoop(set, this.#supervisor.timeScale, {
      ready: (isReady) => this.#ready(replica, isReady),
      dead: (reason) => {
        this.#supervisor.event("Warning", "Unhealthy", replica.name, reason);
        managed.kill();
      },
    });
  }

  #ready(replica: Replica, isReady: boolean): void {
    const state = isReady ? "ready" : replica.state === "starting" ? "starting" : "not-ready";
    if (replica.state === "draining" || replica.state === state) return;
    replica.state = state;
    replica.message = isReady ? null : "its readiness probe fails";
    this.#supervisor.changed();
  }
}
