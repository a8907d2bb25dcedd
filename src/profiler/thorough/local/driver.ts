import { appendFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatUserError, makeFolder, UserError } from "#common";
import { type KubernetesObject, type WorkerEngine, workerEngine } from "#src/deployment";
import { type Calls, Child } from "#src/live";
import { CandidateFailed } from "../../errors.ts";
import { type CandidatePart, candidateParts } from "../candidate-parts.ts";
import type { ApplyOptions, DeploymentDriver, PlannedWork, TrialDeployment } from "../driver.ts";
import { deploymentDied, notReadyInTime } from "../errors.ts";
import type { LocalFrontendCalls, LocalTiming, LocalWorkerCalls } from "./child/protocol.ts";

const ENTRY = fileURLToPath(new URL(`./child/main${extname(import.meta.url)}`, import.meta.url));
/** Where neither the candidate nor the caller says it, tokens. */
const DEFAULT_CONTEXT = 40_960;
/** Of a component's log, for messages. */
const TAIL_CHARS = 4096;

export interface LocalDriverOptions {
  /** Where the times of a candidate come from. */
  timing: (engine: WorkerEngine) => LocalTiming;
  /** Times as fast as a real engine at most: as fast as can still be measured. Default 1. */
  speedup?: number;
  /** Start-up time of a worker, ms, divided by the speed-up. Default 0. */
  startupMs?: number;
  /** Longest prompt + output that the model takes, tokens. */
  contextLength?: number;
}

/**
 * Plays candidates on this machine: a process for the frontend and one for each worker, which takes the times that the given
 * source has for the very engine the deployment describes, and writes its log in the backend's words. The processes end with
 * this one, however it ends.
 */
export function localDriver(options: LocalDriverOptions): DeploymentDriver {
  const there = new Set<LocalDeployment>();
  return {
    name: "local mockers",
    async apply(dgd, { workFolder }: ApplyOptions) {
      const deployment = new LocalDeployment(dgd, workFolder, options, () => there.delete(deployment));
      there.add(deployment);
      deployment.begin();
      return deployment;
    },
    remaining: async () => [...there].map(({ name }) => name),
    async close() {
      await Promise.all([...there].map((deployment) => deployment.delete()));
    },
  };
}

class LocalDeployment implements TrialDeployment {
  readonly name: string;
  url = "";
  readonly #options: LocalDriverOptions;
  readonly #gone: () => void;
  readonly #parts: CandidatePart[];
  readonly #logs: Map<string, string[]>;
  readonly #starting: Promise<Child<Calls>>[] = [];
  #workers: Child<LocalWorkerCalls>[] = [];
  #tails = new Map<string, string>();
  #ready: Promise<void> = Promise.resolve();
  #failed: (error: Error) => void = () => {};
  readonly #failure: Promise<never>;
  #deleting: Promise<void> | null = null;

  constructor(dgd: KubernetesObject, workFolder: string, options: LocalDriverOptions, gone: () => void) {
    this.name = dgd.metadata!.name!;
    this.#options = options;
    this.#gone = gone;
    this.#parts = candidateParts(dgd);
    this.#logs = new Map(
      this.#parts.map(({ name, replicas }) => {
        const component = name.toLowerCase();
        const files = Array.from({ length: replicas }, (_, i) => join(workFolder, this.name, component, `${i}.log`));
        return [component, files];
      }),
    );
    this.#failure = new Promise((_, reject) => {
      this.#failed = reject;
    });
    this.#failure.catch(() => {});
  }

  begin(): void {
    this.#ready = this.#start();
    this.#ready.catch(() => {});
  }

  async waitReady(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
    const seconds = Number((timeoutMs / 1000).toPrecision(6));
    const timer = setTimeout(() => reject(new CandidateFailed(notReadyInTime(seconds, this.#tail()))), timeoutMs);
    try {
      await Promise.race([this.#ready, this.#failure, ended]);
    } catch (error) {
      // What a process says it can't do concerns this candidate; anything else is a mistake of ours.
      throw error instanceof UserError ? new CandidateFailed(formatUserError(error)) : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
    }
  }

  /** They are written as they come. */
  async saveLogs(): Promise<ReadonlyMap<string, readonly string[]>> {
    return this.#logs;
  }

  async pace(work: PlannedWork): Promise<number> {
    const speeds = await Promise.all(this.#workers.map((worker) => worker.call("pace", work)));
    return Math.min(...speeds);
  }

  delete(): Promise<void> {
    this.#deleting ??= this.#end();
    return this.#deleting;
  }

  async #end(): Promise<void> {
    try {
      const started = await Promise.allSettled(this.#starting);
      await Promise.all(started.map((child) => (child.status === "fulfilled" ? child.value.stop() : undefined)));
    } finally {
      this.#gone();
    }
  }

  async #start(): Promise<void> {
    const { timing, startupMs = 0, speedup = 1, contextLength = DEFAULT_CONTEXT } = this.#options;
    const frontends = this.#parts.filter(({ role }) => role === "frontend");
    const workers = this.#parts.filter(({ role }) => role === "worker");
    // One frontend takes all requests, as the service in front of several would share them out.
    const frontend = this.#child<LocalFrontendCalls>(frontends[0]!, 0, "frontend");
    const cards = await Promise.all(
      workers.flatMap((part) => {
        const engine = workerEngine(part.words, part.name);
        return Array.from({ length: part.replicas }, async (_, replica) => {
          const child = await this.#child<LocalWorkerCalls>(part, replica, "worker");
          this.#workers.push(child);
          return child.call("start", {
            engine,
            timing: timing(engine),
            contextLength: engine.maxModelLen ?? contextLength,
            startupMs: startupMs / speedup,
            speedup,
          });
        });
      }),
    );
    const gateway = await (await frontend).call("start", cards);
    // Nothing is to be shared out among one worker: its own address spares the gateway's part of two cores.
    this.url = cards.length === 1 ? cards[0]!.url : gateway;
  }

  #child<C extends Calls>(part: CandidatePart, replica: number, kind: string): Promise<Child<C>> {
    const component = part.name.toLowerCase();
    const log = this.#logs.get(component)![replica]!;
    makeFolder(dirname(log));
    appendFileSync(log, "");
    const name = `${component}/${replica}`;
    const child = Child.start<C>({
      name,
      kind,
      entry: ENTRY,
      onOutput: (text) => {
        appendFileSync(log, text);
        this.#tails.set(name, ((this.#tails.get(name) ?? "") + text).slice(-TAIL_CHARS));
      },
      onDeath: (error) => {
        const how = /\(([^)]*)\)/.exec(error.message)?.[1] ?? "early";
        this.#failed(new CandidateFailed(deploymentDied(name, how, this.#tails.get(name) ?? "")));
      },
    });
    this.#starting.push(child as Promise<unknown> as Promise<Child<Calls>>);
    child.catch(() => {});
    return child;
  }

  /** What the workers said last. */
  #tail(): string {
    return this.#parts
      .filter(({ role }) => role === "worker")
      .map(({ name }) => this.#tails.get(`${name.toLowerCase()}/0`) ?? "")
      .join("");
  }
}
