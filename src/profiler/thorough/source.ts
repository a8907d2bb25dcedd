import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { writeFileAtomically } from "#common";
import type { KubernetesObject } from "#src/deployment";
import type { Backend } from "#src/estimator";
import { servedModels } from "#src/loadgen";
import { CandidateFailed } from "../errors.ts";
import type { Dialect, EngineSource, Mapping, OpenEngine } from "../types.ts";
import { candidateParts } from "./candidate-parts.ts";
import type { DeploymentDriver, TrialDeployment } from "./driver.ts";
import { modelNotServed } from "./errors.ts";
import { kvCapacityOf } from "./kv-capacity.ts";
import { EndpointMeter, MeasurementFailed } from "./measure/meter.ts";

type SweepPhase = "prefill" | "decode";

export interface ThoroughOptions {
  driver: DeploymentDriver;
  /** The deployment with which a candidate is measured: prefill alone without KV reuse, or decode alone with it. */
  candidate: (phase: SweepPhase, mapping: Mapping) => KubernetesObject | Promise<KubernetesObject>;
  /** Name that requests use. */
  model: string;
  backend: Backend;
  dialect: Dialect;
  /** Candidates' folders lie in it. */
  outputDir: string;
  /** Longest wait for a candidate to be ready, ms. */
  timeoutMs: number;
  /** Take numbers of runs whose artefacts are there. */
  skipExisting?: boolean;
  /** ITL of whole runs, as AIPerf's, instead of that of the full batch alone. */
  wholeRuns?: boolean;
  /** The newer TTFT of a DEP burst; default: in dialect 1.0. */
  correctBurst?: boolean;
  /** Of prompts; default: drawn at random. */
  seed?: number;
  onInfo?: (text: string) => void;
  onWarning?: (text: string) => void;
}

/** Deploys one candidate after the other and measures it under load. */
export function thoroughSource(options: ThoroughOptions): EngineSource {
  const { driver } = options;
  const open = new Set<DeployedEngine>();
  return {
    kind: "thorough",
    async open(phase, mapping, folder, signal) {
      const engine = new DeployedEngine(options, phase, mapping, folder, () => open.delete(engine));
      open.add(engine);
      try {
        await engine.start(signal);
        return engine;
      } catch (error) {
        await engine.close();
        throw error;
      }
    },
    async close() {
      await Promise.all([...open].map((engine) => engine.close()));
      try {
        const orphans = await driver.remaining();
        if (orphans.length > 0) options.onWarning?.(`deleting what is left of ${driver.name}: ${orphans.join(", ")}`);
      } finally {
        await driver.close();
      }
    },
  };
}

class DeployedEngine implements OpenEngine {
  readonly mapping: Mapping;
  readonly origin = "measured";
  maxKvTokens = 0;
  facts: NonNullable<OpenEngine["facts"]> = {};
  readonly #options: ThoroughOptions;
  readonly #phase: SweepPhase;
  readonly #folder: string;
  readonly #ended: () => void;
  #deployment: TrialDeployment | null = null;
  #meter: EndpointMeter | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: ThoroughOptions, phase: SweepPhase, mapping: Mapping, folder: string, ended: () => void) {
    this.#options = options;
    this.#phase = phase;
    this.mapping = mapping;
    this.#folder = join(options.outputDir, folder);
    this.#ended = ended;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { driver, timeoutMs, onInfo } = this.#options;
    signal.throwIfAborted();
    const dgd = named(await this.#options.candidate(this.#phase, this.mapping));
    writeFileAtomically(join(this.#folder, "config.yaml"), stringify(dgd, { aliasDuplicateObjects: false }));
    onInfo?.(`Deploying ${dgd.metadata!.name} to ${driver.name}`);
    this.#deployment = await driver.apply(dgd, { workFolder: this.#folder });
    // Preparations took time, in which it may have come.
    signal.throwIfAborted();
    const startMs = performance.now();
    await this.#deployment.waitReady(timeoutMs, signal);
    signal.throwIfAborted();
    const startupMs = performance.now() - startMs;
    // What only plays an engine is there at once, which says nothing of the engine.
    if (this.#deployment.pace === undefined) this.facts = { startupMs: Math.round(startupMs) };
    onInfo?.(`Deployment ready: ${dgd.metadata!.name} after ${(startupMs / 1000).toFixed(1)} s`);
    await this.#checkModel();
    await this.#readCapacity(dgd);
    this.#meter = this.#newMeter(signal);
  }

  async prefill(isl: number) {
    try {
      return { ttftMs: await this.#meter!.prefill(isl) };
    } catch (error) {
      throw error instanceof MeasurementFailed
        ? new CandidateFailed(`TTFT of ISL ${isl} can't be measured: ${error.message}`)
        : error;
    }
  }

  async decode(requests: number, isl: number, osl: number) {
    try {
      return await this.#meter!.decode(requests, isl, osl);
    } catch (error) {
      if (!(error instanceof MeasurementFailed)) throw error;
      this.#options.onWarning?.(`${this.mapping.label}: ${requests} requests of ISL ${isl} at once: ${error.message}`);
      return null;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    try {
      // A candidate that failed is one whose logs are wanted most.
      await this.#deployment?.saveLogs().catch((error: Error) => {
        this.#options.onWarning?.(`logs of ${this.#deployment!.name} can't be kept: ${error.message}`);
      });
    } finally {
      await this.#deployment?.delete();
      this.#ended();
    }
  }

  async #checkModel(): Promise<void> {
    const { model } = this.#options;
    const { url } = this.#deployment!;
    const served = await servedModels({ url });
    if (served !== null && !served.includes(model)) {
      throw new CandidateFailed(modelNotServed(model, url, served).message);
    }
  }

  async #readCapacity(dgd: KubernetesObject): Promise<void> {
    const { backend, dialect, onWarning } = this.#options;
    const logs = await this.#deployment!.saveLogs();
    const worker = candidateParts(dgd)
      .find(({ role }) => role === "worker")!
      .name.toLowerCase();
    const file = logs.get(worker)?.[0];
    const log = file === undefined ? "" : readFileSync(file, "utf8");
    const { maxKvTokens, warnings } = kvCapacityOf(log, backend, this.mapping.layout.attentionDp, dialect);
    this.maxKvTokens = maxKvTokens;
    // Prefill needs no capacity.
    if (this.#phase === "decode") for (const text of warnings) onWarning?.(`${this.mapping.label}: ${text}`);
  }

  #newMeter(signal: AbortSignal): EndpointMeter {
    const { model, skipExisting, wholeRuns, correctBurst, dialect, seed, onWarning } = this.#options;
    const deployment = this.#deployment!;
    const { layout } = this.mapping;
    const isSweep = !/(^|[\\/])selected_[^\\/]*$|_interpolation$/.test(this.#folder);
    return new EndpointMeter({
      target: { url: deployment.url, model },
      gpus: layout.gpus,
      attentionDp: layout.attentionDp,
      folder: this.#folder,
      decodeFolder: (n, isl, osl) =>
        isSweep ? `aiperf_request${n}_isl${isl}_osl${osl}_n${n}` : `aiperf_isl${isl}_osl${osl}_n${n}`,
      skipExisting: skipExisting ?? false,
      correctBurst: correctBurst ?? dialect === "1.0",
      freshPrompts: false,
      signal,
      onWarning: (text) => onWarning?.(`${this.mapping.label}: ${text}`),
      ...(wholeRuns === undefined ? {} : { wholeRuns }),
      ...(seed === undefined ? {} : { seed }),
      ...(deployment.pace === undefined ? {} : { pace: (work) => deployment.pace!(work) }),
    });
  }
}

/** The same with a name that nothing else has. */
function named(dgd: KubernetesObject): KubernetesObject {
  const name = `${dgd.metadata?.name ?? "candidate"}-${randomBytes(2).toString("hex")}`;
  return { ...dgd, metadata: { ...dgd.metadata, name } };
}
