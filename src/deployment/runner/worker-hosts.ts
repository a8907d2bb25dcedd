import { removeDeadLeases } from "./dead-leases.ts";
import { HostClient } from "./host/client.ts";
import type { HostedReplica } from "./host/protocol.ts";
import { lastWords } from "./launcher.ts";
import { placeReplica } from "./placement.ts";
import type { Ports } from "./ports.ts";
import { DEFAULT_PROBES } from "./probe-loop.ts";
import { type ProbeThresholds, ProbeWindow } from "./probe-window.ts";
import type { ManagedProcess } from "./process.ts";
import { endMessage, type Replica, replicaName } from "./replica.ts";
import type { ReplicaKeeper, Supervisor } from "./supervisor.ts";

/** Between two looks at the hosts, real ms: while something is under way, and else. */
const BUSY_LOOK_MS = 100;
const CALM_LOOK_MS = 1000;
/** A host that has answered once and then not for so long is ended, real ms. */
const SILENCE_MS = 60_000;
/** One that never answers gets longer. */
const FIRST_ANSWER_MS = 300_000;
const LAST_WORK_MS = 5000;

/** A process of workers. */
interface Host {
  id: string;
  component: string;
  revision: string;
  /** Null while it is about to start. */
  process: ManagedProcess | null;
  client: HostClient | null;
  /** Resolves when it has been started, or can't be. */
  started: Promise<void>;
  replicas: Set<Replica>;
  /** Replicas whose adding is under way. */
  adding: Set<Replica>;
  readiness: Map<Replica, ProbeWindow>;
  answeredAtMs: number;
  hasAnswered: boolean;
  isEnding: boolean;
  looking: boolean;
}

/**
 * Keeps replicas of workers: places them into hosts, and makes each host hold those that are its own, whatever it holds now. It looks
 * again and again rather than counting on calls to succeed.
 */
export class WorkerHosts implements ReplicaKeeper {
  readonly #supervisor: Supervisor;
  readonly #ports: Ports;
  readonly #mostHosts: number;
  readonly #hosts = new Map<string, Host>();
  #timer: NodeJS.Timeout | null = null;
  #left = false;

  constructor(supervisor: Supervisor, ports: Ports, mostHosts: number) {
    this.#supervisor = supervisor;
    this.#ports = ports;
    this.#mostHosts = mostHosts;
  }

  start(replica: Replica): void {
    replica.state = "starting";
    replica.startedAt = new Date();
    const hosts = [...this.#hosts.values()].filter(
      (host) => host.component === replica.component && host.revision === replica.revision && !host.isEnding,
    );
    const loads = hosts.map(({ id, replicas }) => ({ id, replicas: replicas.size }));
    const place = placeReplica(loads, this.#mostHosts);
    this.#assign(place === null ? this.#open(replica) : this.#hosts.get(place)!, replica);
    this.#soon();
  }

  drain(replica: Replica): void {
    replica.state = "draining";
    const host = [...this.#hosts.values()].find(({ replicas }) => replicas.has(replica));
    if (host !== undefined) this.#writeDown(host);
    this.#soon();
  }

  /** Takes over a host of an earlier runner's, with the replicas that it was to hold. */
  adopt(managed: ManagedProcess, replicas: readonly Replica[]): void {
    const { id, component, revision, startedAt } = managed.record;
    const host = newHost(id, component, revision);
    this.#hosts.set(id, host);
    for (const replica of replicas) {
      replica.startedAt = new Date(startedAt);
      replica.state = "starting";
      this.#assign(host, replica);
    }
    this.#enter(host, managed);
    this.#soon();
  }

  async end(replicas: readonly Replica[], graceMs: number): Promise<void> {
    for (const replica of replicas) replica.state = "draining";
    await Promise.all(
      [...this.#hosts.values()].map(async (host) => {
        host.isEnding = true;
        await host.started;
        if (graceMs === 0) host.process?.kill();
        await host.process?.stop(graceMs + LAST_WORK_MS);
      }),
    );
  }

  leave(): void {
    this.#left = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { process } of this.#hosts.values()) process?.leave();
  }

  #open(replica: Replica): Host {
    let number = replica.index;
    while (this.#hosts.has(replicaName(replica.component, number))) number++;
    const host = newHost(replicaName(replica.component, number), replica.component, replica.revision);
    this.#hosts.set(host.id, host);
    host.started = this.#launch(host).catch((error: Error) =>
      this.#lose(host, `it could not be started: ${error.message}`),
    );
    return host;
  }

  async #launch(host: Host): Promise<void> {
    const main = await this.#ports.take();
    const component = this.#supervisor.component(host.component);
    if (host.isEnding || this.#left || component === undefined) {
      this.#ports.release(main);
      this.#lose(host, "it is planned no more");
      return;
    }
    const replicas = [...host.replicas].map(({ name }) => name);
    const launch = { id: host.id, replicas, ports: { main } };
    this.#enter(host, this.#supervisor.launcher.start(this.#supervisor.plan(), component, launch));
  }

  #enter(host: Host, managed: ManagedProcess): void {
    const { ports, nonce, log } = managed.record;
    host.process = managed;
    host.client = new HostClient(ports.main!, nonce);
    for (const replica of host.replicas) replica.process = managed;
    void managed.ended.then((end) => this.#lose(host, endMessage(end, lastWords(log))));
  }

  /** The host is no more, and what it held is to go elsewhere. */
  #lose(host: Host, message: string): void {
    this.#hosts.delete(host.id);
    const names = [...host.replicas].map(({ name }) => name);
    // Where it fails they run out.
    removeDeadLeases(this.#supervisor.launcher.leases, names, Date.now()).catch(() => {});
    for (const replica of host.replicas) {
      replica.process = null;
      replica.url = null;
      if (replica.state === "draining") this.#supervisor.gone(replica);
      else this.#supervisor.crashed(replica, message);
    }
  }

  #assign(host: Host, replica: Replica): void {
    host.replicas.add(replica);
    replica.process = host.process;
    this.#writeDown(host);
  }

  #writeDown(host: Host): void {
    if (host.process === null) return;
    // Those that leave are not what the next runner is to keep.
    const staying = [...host.replicas].filter(({ state }) => state !== "draining");
    host.process.record.replicas = staying.map(({ name }) => name);
    this.#supervisor.launcher.persistSoon();
  }

  #soon(delayMs = 0): void {
    if (this.#left) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookAtAll(), delayMs);
  }

  #lookAtAll(): void {
    this.#timer = null;
    const isBusy = [...this.#hosts.values()].some((host) =>
      [...host.replicas].some(({ state }) => state === "starting" || state === "draining"),
    );
    for (const host of this.#hosts.values()) {
      if (!host.looking && !host.isEnding && host.client !== null) void this.#look(host, host.client);
    }
    if (this.#hosts.size > 0) this.#soon(isBusy ? BUSY_LOOK_MS : CALM_LOOK_MS);
  }

  async #look(host: Host, client: HostClient): Promise<void> {
    host.looking = true;
    try {
      const listed = await client.list();
      host.answeredAtMs = performance.now();
      if (!host.hasAnswered) {
        host.hasAnswered = true;
        this.#supervisor.event("Normal", "Started", host.id, `Started process ${host.process?.pid ?? "-"}`);
      }
      if (!this.#left && !host.isEnding) this.#compare(host, new Map(listed.map((replica) => [replica.name, replica])));
    } catch {
      const silentMs = performance.now() - host.answeredAtMs;
      if (!this.#left && silentMs > (host.hasAnswered ? SILENCE_MS : FIRST_ANSWER_MS)) {
        this.#supervisor.event("Warning", "Unhealthy", host.id, "its process no longer answers");
        host.process?.kill();
      }
    } finally {
      host.looking = false;
    }
  }

  #compare(host: Host, listed: ReadonlyMap<string, HostedReplica>): void {
    for (const replica of host.replicas) {
      const found = listed.get(replica.name);
      if (replica.state === "draining") this.#drainIn(host, replica, found);
      else if (found === undefined) this.#addTo(host, replica);
      else if (found.state === "draining") this.#drainedByItself(host, replica);
      else this.#seen(host, replica, found);
    }
    const own = new Set([...host.replicas].map(({ name }) => name));
    for (const [name, { state }] of listed) {
      if (!own.has(name) && state !== "draining") this.#drainNamed(host, name);
    }
  }

  #addTo(host: Host, replica: Replica): void {
    if (host.adding.has(replica)) return;
    const workers = this.#supervisor.component(replica.component)?.template.workersPerReplica ?? 1;
    host.adding.add(replica);
    host.client
      ?.add({ name: replica.name, workers })
      .catch((error: Error) => {
        replica.message = error.message;
      })
      .finally(() => host.adding.delete(replica));
  }

  #drainIn(host: Host, replica: Replica, found: HostedReplica | undefined): void {
    if (found === undefined && !host.adding.has(replica)) this.#leaveHost(host, replica);
    else if (found !== undefined && found.state !== "draining") this.#drainNamed(host, replica.name);
  }

  /** Where the call fails it is made again after the next look. */
  #drainNamed(host: Host, name: string): void {
    host.client?.drain(name, this.#graceMs(host)).catch(() => {});
  }

  #graceMs({ component }: Host): number {
    return (this.#supervisor.component(component)?.template.terminationGraceSeconds ?? 30) * 1000;
  }

  /** Drained by an earlier runner, or by a call of its own API: it goes, and is missing then. */
  #drainedByItself(host: Host, replica: Replica): void {
    replica.state = "draining";
    replica.message = null;
    host.replicas.add(replica);
    this.#supervisor.changed();
  }

  #leaveHost(host: Host, replica: Replica): void {
    host.replicas.delete(replica);
    host.readiness.delete(replica);
    this.#writeDown(host);
    replica.process = null;
    this.#supervisor.gone(replica);
    if (host.replicas.size > 0) return;
    host.isEnding = true;
    void host.process?.stop(this.#graceMs(host) + LAST_WORK_MS);
  }

  #seen(host: Host, replica: Replica, found: HostedReplica): void {
    const window = host.readiness.get(replica) ?? new ProbeWindow(this.#thresholds(replica));
    host.readiness.set(replica, window);
    const passes = window.answered(found.state === "ready");
    const state = passes ? "ready" : replica.state === "starting" ? "starting" : "not-ready";
    if (replica.state === state && replica.url === found.url) return;
    replica.state = state;
    replica.url = found.url;
    replica.message = null;
    this.#supervisor.changed();
  }

  #thresholds(replica: Replica): ProbeThresholds {
    return this.#supervisor.component(replica.component)?.template.probes.readiness ?? DEFAULT_PROBES.readiness;
  }
}

/** Called after its first replica. */
function newHost(id: string, component: string, revision: string): Host {
  return {
    ...{ id, component, revision, process: null, client: null, started: Promise.resolve() },
    replicas: new Set(),
    adding: new Set(),
    readiness: new Map(),
    answeredAtMs: performance.now(),
    hasAnswered: false,
    isEnding: false,
    looking: false,
  };
}
