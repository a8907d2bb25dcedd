import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeFolder, writeFileAtomically } from "#common";
import type { Intent, Targets } from "#planner/core";
import { badStateFile } from "./errors.ts";
import type { KnownDeployment } from "./types.ts";

const NAME = "global-planner.json";
/** Changes within so short a time are written together, ms. */
const GATHER_MS = 200;

const role = z.enum(["prefill", "decode"]);
const intentSchema = z.object({
  deployment: z.string(),
  role,
  replicas: z.int().min(0),
  atMs: z.number(),
  predictedLoad: z.record(z.string(), z.unknown()).exactOptional(),
});
const stateSchema = z.object({
  version: z.literal(1),
  intents: z.array(intentSchema),
  deployments: z.array(
    z.object({
      id: z.string(),
      address: z.object({ callerNamespace: z.string(), kubernetesNamespace: z.string(), name: z.string() }),
      roles: z.array(role),
      otherGpus: z.number(),
      gpus: z.partialRecord(role, z.number()),
    }),
  ),
});

export interface SavedState {
  intents: readonly Intent[];
  deployments: readonly (KnownDeployment & { gpus: Partial<Targets> })[];
}

/**
 * What a global planner knows that no platform does: wishes, and who has asked. Written whole or not at all, soon after it changed; a crash loses
 * no more than planners say again at their next tick.
 */
export class StateFile {
  readonly #path: string;
  readonly #current: () => SavedState;
  readonly #warn: (text: string) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(folder: string, current: () => SavedState, warn: (text: string) => void) {
    makeFolder(folder);
    this.#path = join(folder, NAME);
    this.#current = current;
    this.#warn = warn;
  }

  /** Null where there is none yet. @throws UserError for a file that is none of ours */
  load(): SavedState | null {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw badStateFile(this.#path, (error as Error).message);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw badStateFile(this.#path, "it is not JSON");
    }
    const read = stateSchema.safeParse(value);
    if (read.success) return read.data;
    const { path, message } = read.error.issues[0]!;
    throw badStateFile(this.#path, `${path.join(".")}: ${message}`);
  }

  /** Has it written soon. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      writeFileAtomically(this.#path, `${JSON.stringify({ version: 1, ...this.#current() }, null, 1)}\n`);
    } catch (error) {
      this.#warn(`the state can't be written: ${(error as Error).message}`);
    }
  }
}
