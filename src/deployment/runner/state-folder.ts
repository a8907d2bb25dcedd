import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";
import type { DeploymentKey } from "#planner/connectors";
import { planFromJson, planToJson } from "../plan/plan-json.ts";
import type { DeploymentPlan } from "../plan/types.ts";
import { stateUnreadable } from "./errors.ts";
import { safeName } from "./mounts.ts";
import type { ProcessRecord } from "./process.ts";

/** What is wanted of a deployment, beyond its plan. */
export interface DesiredState {
  generation: number;
  resourceVersion: number;
  /** By component: the plan's own number when `replicas` was set, and what is wanted. */
  replicas: Record<string, { plan: number; wanted: number }>;
  /** Ports that stay over restarts, by replica. */
  ports: Record<string, number>;
  /** Crashes of replicas that are there; absent in what older versions wrote. */
  restarts?: Record<string, number>;
}

/** `$UNDERSTUDY_STATE`, else `understudy` in the user's folder for state (XDG base directory specification). */
export function defaultStateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.UNDERSTUDY_STATE) return resolve(env.UNDERSTUDY_STATE);
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "understudy");
}

/** Where runners keep what must outlive them. All of it is the user's alone. */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get exists(): boolean {
    return existsSync(this.path);
  }

  get controlFile(): string {
    return join(this.path, "control.json");
  }

  get tokenFile(): string {
    return join(this.path, "control.token");
  }

  get lockFile(): string {
    return join(this.path, "runner.lock");
  }

  get log(): string {
    return join(this.path, "runner.log");
  }

  make(): void {
    makeFolder(this.path);
    chmodSync(this.path, 0o700);
  }

  deployment(key: DeploymentKey): DeploymentFolder {
    return new DeploymentFolder(join(this.path, "deployments", safeName(key.namespace), safeName(key.name)));
  }

  /** All deployments that have a folder. */
  deployments(): DeploymentFolder[] {
    const top = join(this.path, "deployments");
    return subfolders(top).flatMap((namespace) =>
      subfolders(join(top, namespace)).map((name) => new DeploymentFolder(join(top, namespace, name))),
    );
  }
}

/** What is kept of one deployment. */
export class DeploymentFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get leases(): string {
    return join(this.path, "leases");
  }

  get events(): string {
    return join(this.path, "events.jsonl");
  }

  get logs(): string {
    return join(this.path, "logs");
  }

  get claims(): string {
    return join(this.path, "claims");
  }

  make(): void {
    for (const folder of [this.path, this.leases, this.logs, this.claims]) {
      makeFolder(folder);
      chmodSync(folder, 0o700);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  log(process: string): string {
    return join(this.logs, `${safeName(process)}.log`);
  }

  files(component: string, revision: string): string {
    return join(this.path, "files", `${safeName(component)}-${safeName(revision).slice(0, 12)}`);
  }

  /** Where a process runs, and what is its alone. */
  work(process: string): string {
    const path = join(this.path, "work", safeName(process));
    makeFolder(path, 0o700);
    return path;
  }

  writePlan(plan: DeploymentPlan): void {
    this.#write("plan.json", planToJson(plan));
  }

  /** Null where there is none. @throws UserError RUNNER_STATE_UNREADABLE */
  readPlan(): DeploymentPlan | null {
    return this.#read("plan.json", planFromJson);
  }

  writeDesired(state: DesiredState): void {
    this.#write("desired.json", state);
  }

  readDesired(): DesiredState | null {
    return this.#read("desired.json", (value) => {
      const { generation, replicas } = value as Partial<DesiredState>;
      return typeof generation === "number" && typeof replicas === "object" ? (value as DesiredState) : null;
    });
  }

  writeProcesses(processes: readonly ProcessRecord[]): void {
    this.#write("processes.json", { processes });
  }

  readProcesses(): ProcessRecord[] {
    const read = this.#read("processes.json", (value) => {
      const { processes } = value as { processes?: ProcessRecord[] };
      return Array.isArray(processes) ? processes : null;
    });
    return read ?? [];
  }

  #write(name: string, value: unknown): void {
    writeFileAtomically(join(this.path, name), `${JSON.stringify(value, null, 1)}\n`);
  }

  #read<Value>(name: string, parse: (value: object) => Value | null): Value | null {
    const path = join(this.path, name);
    if (!existsSync(path)) return null;
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(path, "utf8"));
    } catch (error) {
      throw stateUnreadable(path, (error as Error).message);
    }
    const read = typeof value === "object" && value !== null ? parse(value) : null;
    if (read === null) throw stateUnreadable(path, "fields are missing");
    return read;
  }
}

function subfolders(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
