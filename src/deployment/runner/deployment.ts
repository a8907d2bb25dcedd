import type { LocalDeployment, LocalEvent } from "#planner/connectors";
import type { ComponentPlan, DeploymentPlan } from "../plan/types.ts";
import { EventLog } from "./events.ts";
import { Launcher, type LaunchSettings } from "./launcher.ts";
import { OwnProcesses } from "./own-processes.ts";
import type { ManagedProcess } from "./process.ts";
import { type RunnerAction, reconcile } from "./reconcile.ts";
import { Replica, replicaIndex } from "./replica.ts";
import { refused, type ScaleRequest } from "./scale.ts";
import type { DeploymentFolder, DesiredState } from "./state-folder.ts";
import type { ReplicaKeeper, Supervisor } from "./supervisor.ts";
import { viewOf } from "./view.ts";
import { WorkerHosts } from "./worker-hosts.ts";

export interface RunningDeploymentOptions extends LaunchSettings {
  /** Where the first frontend is to be found; 0: anywhere; null: as the manifest has it, or anywhere where that is taken. */
  frontendPort: number | null;
  /** Processes of a component's workers while there are few. */
  mostHosts: number;
  onChange(event: LocalEvent | undefined): void;
}

/** Dynamo's own. */
const USUAL_FRONTEND_PORT = 8000;

/** From the end of one stage of an end to the next: planners, then frontends, then what they asked. */
const STAGES: readonly (readonly ComponentPlan["role"][])[] = [["planner", "other"], ["frontend"]];

/** A deployment that runs on this machine: brings what is there nearer to what is wanted, whenever either changes. */
export class RunningDeployment {
  readonly #options: RunningDeploymentOptions;
  readonly #events: EventLog;
  readonly #launcher: Launcher;
  readonly #replicas = new Set<Replica>();
  readonly #hosts: WorkerHosts;
  readonly #own: OwnProcesses;
  readonly #desired: DesiredState;
  #plan: DeploymentPlan;
  #observedGeneration = 0;
  #view: LocalDeployment | null = null;
  #reconciling = false;
  #notifying: NodeJS.Immediate | null = null;
  #ending: Promise<void> | null = null;
  #left = false;

  constructor(plan: DeploymentPlan, options: RunningDeploymentOptions) {
    this.#plan = plan;
    this.#options = options;
    const { folder } = options;
    folder.make();
    this.#events = new EventLog(folder.events);
    this.#launcher = new Launcher(options);
    const stored = folder.readDesired();
    this.#desired = stored ?? { generation: 0, resourceVersion: 0, replicas: {}, ports: {} };
    const before = stored === null ? null : folder.readPlan();
    const supervisor: Supervisor = {
      launcher: this.#launcher,
      timeScale: options.timeScale,
      plan: () => this.#plan,
      component: (name) => this.#plan.components.find((component) => component.name === name),
      changed: () => this.#changed(),
      event: (type, reason, object, message) => this.#event(type, reason, object, message),
      crashed: (replica, message) => this.#crashed(replica, message),
      gone: (replica) => this.#gone(replica),
    };
    this.#hosts = new WorkerHosts(supervisor, options.ports, options.mostHosts);
    this.#own = new OwnProcesses(supervisor, {
      ports: options.ports,
      preferredPort: (replica) => this.#preferredPort(replica),
      keepPort: (replica, port) => {
        this.#desired.ports[replica.name] = port;
        this.#writeDesired();
      },
    });
    this.#takeOver(plan, before);
  }

  /** Adopts what fits of what an earlier runner left, and begins. */
  start(): void {
    this.#adopt();
    this.#soon();
  }

  get plan(): DeploymentPlan {
    return this.#plan;
  }

  get folder(): DeploymentFolder {
    return this.#options.folder;
  }

  get isEnding(): boolean {
    return this.#ending !== null;
  }

  apply(plan: DeploymentPlan): void {
    const before = this.#plan;
    this.#plan = plan;
    this.#takeOver(plan, before);
    this.#changed();
  }

  /** @throws ScaleRefused */
  scale({ replicas, reason, resourceVersion }: ScaleRequest): void {
    const view = this.view();
    const isRolling = [...this.#replicas].some((replica) => !this.#isCurrent(replica) && replica.state !== "draining");
    const refusal = refused(view, { replicas, resourceVersion }, { isEnding: this.isEnding, isRolling });
    if (refusal !== null) throw refusal;
    let changes = false;
    for (const [name, wanted] of Object.entries(replicas)) {
      const entry = this.#desired.replicas[name]!;
      if (entry.wanted === wanted) continue;
      const why = reason === "" ? "" : `: ${reason}`;
      this.#event("Normal", "Scaled", name, `from ${entry.wanted} to ${wanted} replicas${why}`);
      entry.wanted = wanted;
      changes = true;
    }
    if (!changes) return;
    this.#desired.generation++;
    this.#changed();
    this.#writeDesired();
  }

  view(): LocalDeployment {
    this.#view ??= viewOf({
      plan: this.#plan,
      replicas: [...this.#replicas],
      wanted: (name) => this.#wanted(name),
      revision: (component) => this.#launcher.revision(component),
      resourceVersion: this.#desired.resourceVersion,
      generation: this.#desired.generation,
      observedGeneration: this.#observedGeneration,
      isEnding: this.isEnding,
    });
    return this.#view;
  }

  events(since: number): { items: LocalEvent[]; next: number } {
    return { items: this.#events.since(since), next: this.#events.last };
  }

  /** Log file of a replica, or of the host that it is in; null where there is no such replica. */
  logOf(name: string): string | null {
    const replica = [...this.#replicas].find((other) => other.name === name);
    if (replica === undefined) return null;
    return replica.process?.record.log ?? this.#options.folder.log(name);
  }

  /**
   * Ends it: planners first, then frontends, whose requests still find their workers, then the rest. Resolves when no process is left.
   * @param graceMs what each may take to end what it has; null: what its manifest says; 0: nothing
   */
  end(graceMs: number | null): Promise<void> {
    if (graceMs === 0) for (const replica of this.#replicas) replica.process?.kill();
    this.#ending ??= this.#end(graceMs);
    this.#changed();
    return this.#ending;
  }

  /** Looks after nothing any more; the processes live on. */
  leave(): void {
    this.#left = true;
    for (const { retryTimer } of this.#replicas) if (retryTimer !== null) clearTimeout(retryTimer);
    this.#hosts.leave();
    this.#own.leave();
    this.#writeDesired();
    this.#launcher.close();
  }

  async #end(graceMs: number | null): Promise<void> {
    this.#event("Normal", "Deleting", this.#plan.name, "the deployment is ended");
    for (const replica of this.#replicas) if (replica.process === null) this.#gone(replica);
    for (const roles of [...STAGES, null]) {
      const left = [...this.#replicas].filter(
        ({ component }) => roles === null || roles.includes(this.#roleOf(component)),
      );
      const hosted = left.filter((replica) => this.#keeperOf(replica) === this.#hosts);
      const own = left.filter((replica) => !hosted.includes(replica));
      await Promise.all([
        this.#own.end(own, graceMs ?? this.#longestGraceMs(own)),
        ...(roles === null ? [this.#hosts.end(hosted, graceMs ?? this.#longestGraceMs(hosted))] : []),
      ]);
    }
    this.leave();
    this.#options.folder.remove();
  }

  #longestGraceMs(replicas: readonly Replica[]): number {
    const seconds = replicas.map(({ component }) => this.#component(component)?.template.terminationGraceSeconds ?? 30);
    return 1000 * Math.max(0, ...seconds);
  }

  /** What is wanted by now, of the plan and of who has scaled since. */
  #takeOver(plan: DeploymentPlan, before: DeploymentPlan | null): void {
    const replicas: DesiredState["replicas"] = {};
    for (const { name, replicas: planned } of plan.components) {
      const stored = this.#desired.replicas[name];
      replicas[name] = stored?.plan === planned ? stored : { plan: planned, wanted: planned };
    }
    const isSame =
      before !== null &&
      JSON.stringify(replicas) === JSON.stringify(this.#desired.replicas) &&
      JSON.stringify(before.components.map(identityOfComponent)) ===
        JSON.stringify(plan.components.map(identityOfComponent));
    this.#desired.replicas = replicas;
    if (!isSame) this.#desired.generation++;
    this.#options.folder.writePlan(plan);
    this.#bump();
    this.#writeDesired();
  }

  #adopt(): void {
    for (const managed of this.#launcher.adopt()) {
      const { id, component, revision, replicas: names } = managed.record;
      const planned = this.#component(component);
      const replicas = names.flatMap((name) => {
        const index = planned === undefined ? null : replicaIndex(component, name);
        if (index === null) return [];
        const replica = new Replica(component, index, revision, this.#options.timeScale);
        replica.restarts = this.#desired.restarts?.[name] ?? 0;
        return [replica];
      });
      // What nobody wants any more, in whole or in this revision, or what holds nothing, ends.
      if (planned === undefined || replicas.length === 0 || revision !== this.#launcher.revision(planned)) {
        this.#event("Normal", "Killing", id, "left by an earlier runner, and not wanted as it is");
        void managed.stop((planned?.template.terminationGraceSeconds ?? 30) * 1000);
        continue;
      }
      for (const replica of replicas) this.#replicas.add(replica);
      this.#take(managed, planned, replicas);
      this.#event("Normal", "Adopted", id, `process ${managed.pid} of an earlier runner`);
    }
  }

  #take(managed: ManagedProcess, { template }: ComponentPlan, replicas: readonly Replica[]): void {
    if (template.kind === "worker") this.#hosts.adopt(managed, replicas);
    else this.#own.adopt(replicas[0]!, managed);
  }

  /** What has to be done is done after what has just happened was told. */
  #soon(): void {
    if (this.#reconciling || this.#left) return;
    this.#reconciling = true;
    setImmediate(() => {
      this.#reconciling = false;
      if (this.isEnding || this.#left) return;
      this.#reconcile();
    });
  }

  #reconcile(): void {
    const wanted = this.#plan.components.map((component) => ({
      name: component.name,
      replicas: this.#wanted(component.name),
      revision: this.#launcher.revision(component),
      rollover: component.template.kind === "worker" ? ("surge" as const) : ("recreate" as const),
    }));
    const actions = reconcile(wanted, [...this.#replicas]);
    for (const action of actions) this.#carryOut(action);
    const { generation } = this.#desired;
    if (actions.length === 0 && this.#observedGeneration === generation) return;
    this.#observedGeneration = generation;
    this.#changed();
  }

  #carryOut(action: RunnerAction): void {
    if (action.kind === "start") {
      const replica = new Replica(action.component, action.index, action.revision, this.#options.timeScale);
      this.#replicas.add(replica);
      this.#keeperOf(replica).start(replica);
      return;
    }
    const replica = [...this.#replicas].find(({ name }) => name === action.replica)!;
    this.#event("Normal", "Killing", replica.name, "Draining");
    if (replica.retryTimer !== null) clearTimeout(replica.retryTimer);
    const waits = replica.state === "back-off" || replica.state === "failed" || replica.state === "pending";
    if (waits) {
      replica.state = "draining";
      this.#gone(replica);
    } else this.#keeperOf(replica).drain(replica);
  }

  #crashed(replica: Replica, message: string): void {
    if (this.#left || !this.#replicas.has(replica)) return;
    if (this.isEnding) {
      this.#gone(replica);
      return;
    }
    const delayMs = replica.backOff.ended(Date.now() - replica.startedAt.getTime());
    replica.state = message.startsWith("it could not be started") ? "failed" : "back-off";
    replica.message = message;
    replica.url = null;
    replica.restarts++;
    this.#desired.restarts = { ...this.#desired.restarts, [replica.name]: replica.restarts };
    this.#writeDesired();
    const seconds = Math.round((delayMs * this.#options.timeScale) / 1000);
    this.#event(
      "Warning",
      "BackOff",
      replica.name,
      `${message}; restarted ${seconds === 0 ? "at once" : `in ${seconds}s`}`,
    );
    replica.retryTimer = setTimeout(() => {
      replica.retryTimer = null;
      if (this.#left || this.isEnding || !this.#replicas.has(replica)) return;
      // Of an older revision it starts no more: what is wanted now takes its place.
      if (this.#isCurrent(replica)) this.#keeperOf(replica).start(replica);
      this.#changed();
    }, delayMs);
    this.#changed();
  }

  #gone(replica: Replica): void {
    if (replica.retryTimer !== null) clearTimeout(replica.retryTimer);
    if (!this.#replicas.delete(replica)) return;
    // The next of that name is another one.
    delete this.#desired.restarts?.[replica.name];
    this.#changed();
  }

  #changed(): void {
    this.#bump();
    this.#soon();
    this.#notifying ??= setImmediate(() => {
      this.#notifying = null;
      this.#options.onChange(undefined);
    });
  }

  /** Also above what an earlier runner may have counted to since it last wrote it down: a change takes longer than a millisecond. */
  #bump(): void {
    this.#view = null;
    this.#desired.resourceVersion = Math.max(this.#desired.resourceVersion + 1, Date.now());
  }

  #event(type: LocalEvent["type"], reason: string, object: string, message: string): void {
    if (this.#left) return;
    this.#options.onChange(this.#events.record(type, reason, object, message));
  }

  #writeDesired(): void {
    if (this.#left) return;
    this.#options.folder.writeDesired(this.#desired);
  }

  #preferredPort(replica: Replica): number | undefined {
    const kept = this.#desired.ports[replica.name];
    const component = this.#component(replica.component);
    if (component?.template.kind !== "frontend" || replica.index > 0) return kept;
    const { frontendPort } = this.#options;
    if (frontendPort === null) return kept ?? component.template.port ?? USUAL_FRONTEND_PORT;
    return frontendPort === 0 ? kept : frontendPort;
  }

  #isCurrent({ component, revision }: Replica): boolean {
    const planned = this.#component(component);
    return planned !== undefined && this.#launcher.revision(planned) === revision;
  }

  #keeperOf({ component }: Replica): ReplicaKeeper {
    return this.#component(component)?.template.kind === "worker" ? this.#hosts : this.#own;
  }

  #component(name: string): ComponentPlan | undefined {
    return this.#plan.components.find((component) => component.name === name);
  }

  #roleOf(component: string): ComponentPlan["role"] {
    return this.#component(component)?.role ?? "other";
  }

  #wanted(component: string): number {
    return this.#desired.replicas[component]?.wanted ?? 0;
  }
}

function identityOfComponent({ name, revision, replicas }: ComponentPlan) {
  return [name, revision, replicas];
}
