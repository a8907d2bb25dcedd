import { availableParallelism } from "node:os";
import type { DeploymentKey, LocalDeployment, LocalEvent } from "#planner/connectors";
import type { DeploymentPlan } from "../plan/types.ts";
import { DEPLOYMENT_VARIABLE } from "./command.ts";
import { RunningDeployment } from "./deployment.ts";
import { endDeployment } from "./end-all.ts";
import { processesWith } from "./identity.ts";
import { Ports } from "./ports.ts";
import type { ScaleRequest } from "./scale.ts";
import type { StateFolder } from "./state-folder.ts";

export interface RunnerChange {
  deployment: LocalDeployment;
  event?: LocalEvent;
}

export interface RunnerOptions {
  state: StateFolder;
  /** Model time runs so many times as fast as the clock, in all processes. */
  timeScale: number;
  /** Where the first frontend of the first deployment is to be found; 0: anywhere; null: as its manifest has it. */
  frontendPort: number | null;
  /** Where the control API is; null: nobody is told. */
  control: { url: string; tokenFile: string } | null;
}

/** Runs deployments as processes of this machine. */
export interface Runner {
  /** Takes over a plan: new, changed (changed revisions roll over, replicas change), or the same. */
  apply(plan: DeploymentPlan): Promise<void>;
  /** Drains, ends, deletes its state. Resolves when nothing of it is left. */
  remove(key: DeploymentKey): Promise<void>;
  /** @throws ScaleRefused */
  scale(key: DeploymentKey, request: ScaleRequest): LocalDeployment | null;
  /** Null where there is none of this name. */
  view(key: DeploymentKey): LocalDeployment | null;
  views(): LocalDeployment[];
  events(key: DeploymentKey, since: number): { items: LocalEvent[]; next: number } | null;
  /** File of a replica's log; null where there is none. */
  logOf(key: DeploymentKey, replica: string): string | null;
  /** Told of every change; returns what ends that. */
  subscribe(listener: (change: RunnerChange) => void): () => void;
  /** `leave`: the processes live on; `end`: they end within their grace; `kill`: at once. */
  close(mode: "leave" | "end" | "kill"): Promise<void>;
}

/** The caller holds the lock of the state folder. */
export function createRunner(options: RunnerOptions): Runner {
  return new LocalRunner(options);
}

class LocalRunner implements Runner {
  readonly #options: RunnerOptions;
  readonly #ports: Ports;
  readonly #deployments = new Map<string, RunningDeployment>();
  readonly #listeners = new Set<(change: RunnerChange) => void>();
  #frontendPort: number | null;
  #isClosing = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#ports = new Ports(`${options.state.path} ${process.pid}`);
    this.#frontendPort = options.frontendPort;
  }

  async apply(plan: DeploymentPlan): Promise<void> {
    // Whoever asks has not heard yet: what would begin now nobody would end.
    if (this.#isClosing) return;
    const known = this.#deployments.get(keyOf(plan));
    if (known !== undefined && !known.isEnding) {
      known.apply(plan);
      return;
    }
    if (known !== undefined) await known.end(null);
    if (this.#isClosing) return;
    const { state, timeScale, control } = this.#options;
    const folder = state.deployment(plan);
    const frontendPort = this.#frontendPort;
    this.#frontendPort = null;
    const deployment = new RunningDeployment(plan, {
      ...{ folder, ports: this.#ports, timeScale, control, frontendPort },
      mostHosts: Math.max(4, availableParallelism()),
      onChange: (event) => this.#tell(deployment, event),
    });
    this.#deployments.set(keyOf(plan), deployment);
    deployment.start();
  }

  async remove(key: DeploymentKey): Promise<void> {
    const deployment = this.#deployments.get(keyOf(key));
    if (deployment === undefined) return;
    await this.#end(deployment, null);
  }

  scale(key: DeploymentKey, request: ScaleRequest): LocalDeployment | null {
    const deployment = this.#deployments.get(keyOf(key));
    deployment?.scale(request);
    return deployment?.view() ?? null;
  }

  view(key: DeploymentKey): LocalDeployment | null {
    return this.#deployments.get(keyOf(key))?.view() ?? null;
  }

  views(): LocalDeployment[] {
    return [...this.#deployments.values()].map((deployment) => deployment.view());
  }

  events(key: DeploymentKey, since: number): { items: LocalEvent[]; next: number } | null {
    return this.#deployments.get(keyOf(key))?.events(since) ?? null;
  }

  logOf(key: DeploymentKey, replica: string): string | null {
    return this.#deployments.get(keyOf(key))?.logOf(replica) ?? null;
  }

  subscribe(listener: (change: RunnerChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(mode: "leave" | "end" | "kill"): Promise<void> {
    this.#isClosing = true;
    const deployments = [...this.#deployments.values()];
    if (mode === "leave") for (const deployment of deployments) deployment.leave();
    else await Promise.all(deployments.map((deployment) => this.#end(deployment, mode === "kill" ? 0 : null)));
  }

  async #end(deployment: RunningDeployment, graceMs: number | null): Promise<void> {
    const { folder } = deployment;
    await deployment.end(graceMs);
    this.#deployments.delete(keyOf(deployment.plan));
    // What its processes started and let go.
    await endDeployment(folder, processesWith(DEPLOYMENT_VARIABLE, folder.path), 0);
    for (const listener of this.#listeners) listener({ deployment: deployment.view() });
  }

  #tell(deployment: RunningDeployment, event: LocalEvent | undefined): void {
    const change = { deployment: deployment.view(), ...(event === undefined ? {} : { event }) };
    for (const listener of this.#listeners) listener(change);
  }
}

function keyOf({ namespace, name }: DeploymentKey): string {
  return `${namespace}/${name}`;
}
