import { createHash, randomBytes, randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ComponentPlan, DeploymentPlan } from "../plan/types.ts";
import { NONCE_VARIABLE, type ProcessPorts, processCommand } from "./command.ts";
import { processesWith } from "./identity.ts";
import { materialise } from "./mounts.ts";
import type { Ports } from "./ports.ts";
import { ManagedProcess, type ProcessRecord } from "./process.ts";
import type { DeploymentFolder } from "./state-folder.ts";

/** What the processes of a deployment have in common. */
export interface LaunchSettings {
  folder: DeploymentFolder;
  ports: Ports;
  timeScale: number;
  /** Where the control API is; null: there is none. */
  control: { url: string; tokenFile: string } | null;
}

/** Of a log, for its last line. */
const LAST_BYTES = 4096;

/** Starts processes so that whoever comes after this one, however it ends, finds them. */
export class Launcher {
  readonly #settings: LaunchSettings;
  readonly #records = new Map<string, ProcessRecord>();
  #pending: NodeJS.Immediate | null = null;
  #closed = false;

  constructor(settings: LaunchSettings) {
    this.#settings = settings;
  }

  /** Folder by which workers and frontends find each other. */
  get leases(): string {
    return this.#settings.folder.leases;
  }

  /** What makes processes of a component differ: its own revision, and what the runner adds. */
  revision({ revision }: ComponentPlan): string {
    const { timeScale, control } = this.#settings;
    return createHash("sha256")
      .update(JSON.stringify([revision, timeScale, control?.url ?? null]))
      .digest("hex")
      .slice(0, 12);
  }

  /** @param id its name, and that of its log */
  start(
    plan: DeploymentPlan,
    component: ComponentPlan,
    { id, replicas, ports }: { id: string; replicas: string[]; ports: ProcessPorts },
  ): ManagedProcess {
    const { folder, timeScale, control } = this.#settings;
    const { template } = component;
    const revision = this.revision(component);
    const work = folder.work(id);
    const places = materialise(template, {
      files: folder.files(component.name, revision),
      scratch: `${work}/volumes`,
      claims: folder.claims,
    });
    const nonce = randomBytes(24).toString("hex");
    const command = processCommand(
      template,
      {
        ...{ plan, nonce, timeScale, places, control, ports },
        replica: { name: id, uid: randomUUID() },
        folder: folder.path,
        leases: folder.leases,
        planned: component.replicas,
        graceSeconds: template.terminationGraceSeconds,
      },
      process.env,
    );
    const record: ProcessRecord = {
      ...{ id, component: component.name, revision, replicas, nonce, ports, identity: null },
      log: folder.log(id),
      startedAt: new Date().toISOString(),
    };
    this.#records.set(id, record);
    this.persist();
    const managed = ManagedProcess.start(record, command, work);
    this.persist();
    this.#forgetAtEnd(managed);
    return managed;
  }

  /** What an earlier runner started, those of it that live. */
  adopt(): ManagedProcess[] {
    const adopted: ManagedProcess[] = [];
    for (const record of this.#settings.folder.readProcesses()) {
      record.identity ??= processesWith(NONCE_VARIABLE, record.nonce)[0] ?? null;
      const managed = ManagedProcess.adopt(record);
      if (managed.hasEnded) continue;
      this.#records.set(record.id, record);
      for (const port of Object.values(record.ports)) if (typeof port === "number") this.#settings.ports.claim(port);
      this.#forgetAtEnd(managed);
      adopted.push(managed);
    }
    return adopted;
  }

  persist(): void {
    if (this.#closed) return;
    this.#settings.folder.writeProcesses([...this.#records.values()]);
  }

  /** Writes nothing any more. */
  close(): void {
    if (this.#pending !== null) this.persist();
    this.#closed = true;
  }

  /** Once for all changes of a moment. */
  persistSoon(): void {
    this.#pending ??= setImmediate(() => {
      this.#pending = null;
      this.persist();
    });
  }

  #forgetAtEnd(managed: ManagedProcess): void {
    const { record } = managed;
    void managed.ended.then(() => {
      for (const port of Object.values(record.ports)) if (typeof port === "number") this.#settings.ports.release(port);
      if (this.#records.get(record.id) !== record) return;
      this.#records.delete(record.id);
      this.persist();
    });
  }
}

/** The last line that a process wrote; null where it wrote none. */
export function lastWords(log: string): string | null {
  let file: number;
  try {
    file = openSync(log, "r");
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, LAST_BYTES));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.toString("utf8").trim().split("\n");
    // A hint follows the error that it belongs to.
    const line = lines.findLast((text) => text.trim() !== "" && !text.startsWith("  hint:"));
    return line === undefined || line === "" ? null : line.trim().slice(0, 300);
  } finally {
    closeSync(file);
  }
}
