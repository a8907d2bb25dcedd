import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";
import type { DeploymentKey } from "#planner/connectors";
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
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  writePlan(plan: DeploymentPlan): void {
    const components = plan.components.map((component) => {
      const files = component.template.files.map(({ mountPath, content }) => ({
        mountPath,
        content: { base64: Buffer.from(content).toString("base64") },
      }));
      return { ...component, template: { ...component.template, files } };
    });
    this.#write("plan.json", { ...plan, components });
  }

  /** Null where there is none. @throws UserError RUNNER_STATE_UNREADABLE */
  readPlan(): DeploymentPlan | null {
    return this.#read<DeploymentPlan>("plan.json", base64AsBytes, (plan) => {
      const { namespace, name, components } = plan as Partial<DeploymentPlan>;
      return typeof namespace === "string" && typeof name === "string" && Array.isArray(components);
    });
  }

  writeDesired(state: DesiredState): void {
    this.#write("desired.json", state);
  }

  readDesired(): DesiredState | null {
    return this.#read<DesiredState>("desired.json", undefined, (state) => {
      const { generation, replicas } = state as Partial<DesiredState>;
      return typeof generation === "number" && typeof replicas === "object";
    });
  }

  writeProcesses(processes: readonly ProcessRecord[]): void {
    this.#write("processes.json", { processes });
  }

  readProcesses(): ProcessRecord[] {
    const read = this.#read<{ processes: ProcessRecord[] }>("processes.json", undefined, (state) =>
      Array.isArray((state as { processes?: unknown }).processes),
    );
    return read?.processes ?? [];
  }

  #write(name: string, value: unknown): void {
    writeFileAtomically(join(this.path, name), `${JSON.stringify(value, null, 1)}\n`);
  }

  #read<Value>(
    name: string,
    reviver: ((key: string, value: unknown) => unknown) | undefined,
    isOne: (value: object) => boolean,
  ): Value | null {
    const path = join(this.path, name);
    if (!existsSync(path)) return null;
    try {
      const value: unknown = JSON.parse(readFileSync(path, "utf8"), reviver);
      if (typeof value === "object" && value !== null && isOne(value)) return value as Value;
    } catch (error) {
      throw stateUnreadable(path, (error as Error).message);
    }
    throw stateUnreadable(path, "fields are missing");
  }
}

function subfolders(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function base64AsBytes(_key: string, value: unknown): unknown {
  const text = (value as { base64?: unknown } | null)?.base64;
  const isBytes = typeof text === "string" && Object.keys(value as object).length === 1;
  return isBytes ? new Uint8Array(Buffer.from(text, "base64")) : value;
}
