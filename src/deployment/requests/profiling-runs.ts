import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, unwatchFile, watchFile, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";
import { makeFolder } from "#common";
import type { GeneratedObject, ProfiledRequest, RunFacts } from "./types.ts";

export interface ProfilingRunsOptions {
  /** Where the runs' folders go. */
  folder: string;
  /** This program: Node, and what follows it. */
  program: readonly [string, ...string[]];
  /** There is news of the run for the request of that name. */
  changed: (request: string) => void;
}

const STATUS_FILE = "profiler_status.yaml";
const RESULTS = "results";
/** How often a status file is looked at, ms. */
const LOOK_MS = 500;
/** What a profiler is given to end by itself, ms. */
const END_MS = 10_000;
const LOG_TAIL = 2000;
const GUARD = fileURLToPath(new URL(`./with-parent${extname(import.meta.url)}`, import.meta.url));

interface Run {
  process: ChildProcess | null;
  facts: RunFacts;
}

interface StatusFile {
  status?: string;
  phase?: string;
  message?: string;
  error?: string;
  outputs?: { final_config?: string };
}

/**
 * The profiler's runs for requests, each a process in a folder of its own. A run that was cut off goes on from its results when it is
 * begun again; one that had ended is not repeated.
 */
export class ProfilingRuns {
  readonly #options: ProfilingRunsOptions;
  readonly #runs = new Map<string, Run>();

  constructor(options: ProfilingRunsOptions) {
    this.#options = options;
  }

  facts(request: ProfiledRequest): RunFacts | null {
    return this.#runs.get(request.metadata.uid)?.facts ?? null;
  }

  /**
   * @param beside ConfigMaps that it refers to
   * @throws the file system's error where its folder can't be made
   */
  begin(request: ProfiledRequest, beside: readonly object[] = []): void {
    const { uid, name } = request.metadata;
    if (this.#runs.has(uid)) return;
    const folder = this.#folder(request);
    const results = join(folder, RESULTS);
    makeFolder(results, 0o700);
    const earlier = readStatus(results);
    if (earlier.status === "success") {
      this.#runs.set(uid, { process: null, facts: resultsIn(results, earlier) });
      this.#options.changed(name);
      return;
    }
    const document = join(folder, "request.yaml");
    const stream = [documentOf(request), ...beside].map((object) => JSON.stringify(object)).join("\n---\n");
    writeFileSync(document, stream, { mode: 0o600 });
    const [program, ...leading] = this.#options.program;
    // The deployment is played here: there are no engines to run a real one. 0.8 is the first generation that knows mockers.
    const era = request.apiVersion === "nvidia.com/v1alpha1" ? ["--dialect", "0.8"] : [];
    const log = openSync(join(folder, "profiler.log"), "a", 0o600);
    const child = spawn(
      program,
      [
        // A preload in NODE_OPTIONS would reach the processes that the profiler starts, too, whose channels are not ours to let go.
        "--import",
        GUARD,
        ...leading,
        "profile",
        "--config",
        document,
        "--output-dir",
        results,
        "--mocker",
        ...era,
        "--skip-existing-results",
      ],
      {
        stdio: ["ignore", log, log, "ipc"],
        env: { ...process.env, NO_COLOR: "1" },
      },
    );
    closeSync(log);
    const run: Run = {
      process: child,
      facts: { state: "running", phase: "Initializing", message: "Profiler job started" },
    };
    this.#runs.set(uid, run);
    const status = join(results, STATUS_FILE);
    const look = () => {
      const { status: state, phase, message } = readStatus(results);
      if (run.facts.state !== "running" || state !== "running" || phase === undefined) return;
      if (run.facts.phase === phase && run.facts.message === message) return;
      run.facts = { state: "running", phase, message: message ?? "" };
      this.#options.changed(name);
    };
    watchFile(status, { interval: LOOK_MS, persistent: false }, look);
    const ended = (how: string) => {
      unwatchFile(status, look);
      run.process = null;
      run.facts = outcome(folder, results, name, how);
      if (this.#runs.get(uid) === run) this.#options.changed(name);
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal === null ? `ExitCode: ${code}` : `Signal: ${signal}`));
  }

  /** Ends the run, if it is still under way, and deletes what it left. */
  async forget(request: ProfiledRequest): Promise<void> {
    const run = this.#runs.get(request.metadata.uid);
    this.#runs.delete(request.metadata.uid);
    if (run?.process) await endProcess(run.process);
    rmSync(this.#folder(request), { recursive: true, force: true });
  }

  /** Ends all; what they have found stays for the next time. */
  async close(): Promise<void> {
    const running = [...this.#runs.values()].flatMap(({ process: child }) => (child === null ? [] : [child]));
    this.#runs.clear();
    await Promise.all(running.map(endProcess));
  }

  #folder({ metadata }: ProfiledRequest): string {
    return join(this.#options.folder, metadata.namespace, `${metadata.name}-${metadata.uid}`);
  }
}

/** What the profiler needs of a request: what an API server adds would only confuse it. */
function documentOf({ apiVersion, metadata, spec }: ProfiledRequest): unknown {
  const kind = "DynamoGraphDeploymentRequest";
  return { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace }, spec };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
}

function readStatus(results: string): StatusFile {
  try {
    return (parse(readFileSync(join(results, STATUS_FILE), "utf8")) ?? {}) as StatusFile;
  } catch {
    // Not there yet.
    return {};
  }
}

/** In the operator's words: `profiling job failed: … Details: Pod: P, Container: profiler, ExitCode: N, Reason: R, Message: M`. */
function outcome(folder: string, results: string, name: string, how: string): RunFacts {
  const status = readStatus(results);
  if (status.status === "success" && how === "ExitCode: 0") return resultsIn(results, status);
  const said = status.error ?? status.message ?? tail(join(folder, "profiler.log"));
  const details = `Pod: profile-${name}, Container: profiler, ${how}, Reason: Error${said === "" ? "" : `, Message: ${said}`}`;
  return {
    state: "failed",
    message: `profiling job failed: Job has reached the specified backoff limit. Details: ${details}`,
  };
}

function tail(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(-LOG_TAIL).trim();
  } catch {
    return "";
  }
}

function resultsIn(results: string, status: StatusFile): RunFacts {
  const file = status.outputs?.final_config;
  try {
    if (file === undefined) throw new Error("Profiler did not produce a DGD config.");
    const objects = parseAllDocuments(readFileSync(join(results, file), "utf8")).map(
      (document) => document.toJS() as GeneratedObject | null,
    );
    const graph = objects.find((object) => object?.kind === "DynamoGraphDeployment");
    if (!graph) throw new Error("Profiler did not produce a DGD config.");
    const beside = objects.filter((object) => object !== null && object !== graph);
    return { state: "succeeded", graph, beside: beside as GeneratedObject[] };
  } catch (error) {
    return { state: "failed", message: (error as Error).message };
  }
}
