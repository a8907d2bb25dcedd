import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { ControlClient, type DeploymentKey, type LocalDeployment } from "#planner/connectors";
import { endDeployment, leftBehind, readControlAddress, StateFolder } from "#src/deployment";
import { processesWith } from "../../../src/deployment/runner/identity.ts";
import { CliProcess, waitFor } from "../processes.ts";

/** A machine on which much else goes on takes its time. */
const PATIENCE_MS = 90_000;

const KEY = { namespace: "default", name: "mocker-disagg" };
/** Model that the manifest below serves. */
export const MODEL = "mock";

interface GraphOptions {
  name?: string;
  prefill?: number;
  decode?: number;
  timing?: string;
  planner?: readonly string[];
}

/** A DGD of ours: a frontend, prefill and decode workers, a planner where it is given flags. */
export function manifest(options: GraphOptions = {}): string {
  return stringify(graphOf(options));
}

/** The same as an object. */
export function graphOf({
  name = KEY.name,
  prefill = 1,
  decode = 1,
  timing = "fixed:20ms,5ms",
  planner = [],
}: GraphOptions = {}) {
  const component = (name: string, type: string, replicas: number, args: string[]) => ({
    ...{ name, type, replicas },
    podTemplate: { spec: { containers: [{ name: "main", command: ["understudy"], args }] } },
  });
  const worker = (role: string) => ["mocker", "--disaggregation-mode", role, "--timing", timing, "--model-name", MODEL];
  return {
    apiVersion: "nvidia.com/v1beta1",
    kind: "DynamoGraphDeployment",
    metadata: { name },
    spec: {
      components: [
        component("Frontend", "frontend", 1, ["frontend"]),
        component("prefill", "prefill", prefill, worker("prefill")),
        component("decode", "decode", decode, worker("decode")),
        ...(planner.length === 0 ? [] : [component("Planner", "planner", 1, ["planner", ...planner])]),
      ],
    },
  };
}

/** A deployment as the control API of the living runner has it; null while there is none. */
export async function viewOf(state: StateFolder, up: CliProcess, key: DeploymentKey): Promise<LocalDeployment | null> {
  const address = readControlAddress(state);
  if (address === null || address.pid !== up.child.pid) return null;
  const client = new ControlClient(address);
  try {
    return await client.deployment(key, { deadlineMs: 0 });
  } catch {
    return null;
  } finally {
    await client.close();
  }
}

/** `understudy up` of one deployment in a state folder of its own, asked through its control API. */
export class RunningDeployment {
  readonly state: StateFolder;
  readonly file: string;
  up: CliProcess;
  readonly #flags: readonly string[];

  private constructor(folder: string, text: string, flags: readonly string[]) {
    this.state = new StateFolder(join(folder, "state"));
    this.file = join(folder, "dgd.yaml");
    this.#flags = flags;
    writeFileSync(this.file, text);
    this.up = this.#start();
  }

  /** Within a test: whatever is left of it ends with the test. */
  static start(text: string, ...flags: string[]): RunningDeployment {
    const running = RunningDeployment.create(text, ...flags);
    onTestFinished(() => running.close());
    return running;
  }

  /** Ended by `close`. */
  static create(text: string, ...flags: string[]): RunningDeployment {
    return new RunningDeployment(mkdtempSync(join(tmpdir(), "understudy-runner-")), text, flags);
  }

  /** Ends the runner and whatever is left of the deployment, at once. */
  async close(): Promise<void> {
    await this.up.end();
    for (const left of this.state.deployments()) await endDeployment(left, leftBehind(left), 0);
    rmSync(dirname(this.file), { recursive: true, force: true });
  }

  /** Again, after its end. */
  again(): void {
    this.up = this.#start();
  }

  /** The same deployment changed; its file. */
  changed(text: string): string {
    const file = `${this.file}.changed`;
    writeFileSync(file, text);
    return file;
  }

  #start(): CliProcess {
    return new CliProcess(["up", this.file, "--port", "0", "--state-dir", this.state.path, ...this.#flags]);
  }

  /** Asks for other counts through the control API; resolves when that has been acknowledged. */
  async scale(replicas: Record<string, number>): Promise<void> {
    const client = new ControlClient(readControlAddress(this.state)!);
    try {
      await client.scale(KEY, { replicas });
    } finally {
      await client.close();
    }
  }

  /** A command of ours about it; its output. @throws where it fails */
  async cli(command: string, ...args: string[]): Promise<string> {
    const child = new CliProcess([command, ...args, "--state-dir", this.state.path]);
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`exit code ${code}: ${child.output}`);
    return child.stdout;
  }

  /** The deployment as the control API of the living runner has it; null while there is none. */
  view(): Promise<LocalDeployment | null> {
    return viewOf(this.state, this.up, KEY);
  }

  /** Waits until the view is as `matches` has it. */
  async until(what: string, matches: (view: LocalDeployment) => boolean): Promise<LocalDeployment> {
    let last: LocalDeployment | null = null;
    const seen = async () => {
      if (!this.up.running) throw new Error(`the runner has ended: ${this.up.output}`);
      last = await this.view();
      return last !== null && matches(last) ? last : null;
    };
    return waitFor(what, seen, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(last)}\n${this.up.output.slice(-4000)}`);
    });
  }

  ready(): Promise<LocalDeployment> {
    return this.until("the deployment to be ready", ({ ready }) => ready);
  }

  /** Processes that carry the deployment's mark. */
  processes(): number[] {
    return processesWith("UNDERSTUDY_DEPLOYMENT", this.state.deployment(KEY).path).map(({ pid }) => pid);
  }
}

/** Requests one after the other on several lines, until told to stop. */
export class Load {
  answered = 0;
  readonly lost: string[] = [];
  readonly #url: () => string;
  readonly #lines: Promise<unknown>;
  #stopped = false;

  constructor(url: () => string, lines = 6) {
    this.#url = url;
    this.#lines = Promise.all(Array.from({ length: lines }, () => this.#line()));
  }

  /** Waits for so many more answers. */
  more(count: number): Promise<unknown> {
    const goal = this.answered + count;
    return waitFor(`${count} more answers`, () => this.answered >= goal || this.lost.length > 0, PATIENCE_MS);
  }

  /** Every request has its end; those that failed are in `lost`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lines;
  }

  async #line(): Promise<void> {
    while (!this.#stopped) {
      const outcome = await ask(this.#url());
      if (outcome === "answered") this.answered++;
      else this.lost.push(outcome);
    }
  }
}

/** A streamed request: `answered`, or what became of it. */
export async function ask(frontendUrl: string): Promise<string> {
  try {
    const response = await fetch(`${frontendUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: "user", content: "a question of some length" }],
        ...{ max_tokens: 30, stream: true, ignore_eos: true },
      }),
    });
    const text = await response.text();
    if (response.status === 200 && text.trimEnd().endsWith("data: [DONE]")) return "answered";
    return `${response.status} ${text.slice(-300)}`;
  } catch (error) {
    return String((error as Error).cause ?? error);
  }
}
