/** The command line's servers as child processes, and what tests wait for. Conditions, never sleeps. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { EngineLoad } from "#mocker/engine";
import type { WorkerLoad } from "#mocker/protocol";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const READY_MS = 60_000;
const POLL_MS = 20;

/** A command of ours that runs in the background. */
export class CliProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #command: string;
  #stdout = "";
  #stderr = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#command = args.join(" ");
    this.child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    this.child.stdout!.on("data", (data: Buffer) => {
      this.#stdout += data;
    });
    this.child.stderr!.on("data", (data: Buffer) => {
      this.#stderr += data;
    });
    this.exited = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get output(): string {
    return `understudy ${this.#command}\n${this.#stdout}${this.#stderr}`;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** For the end of a test: whatever state it is in. */
  async end(): Promise<void> {
    if (this.running) this.kill("SIGKILL");
    await this.exited;
  }
}

/** A server of ours that listens. */
export interface CliServer {
  process: CliProcess;
  /** Without a path. */
  url: string;
  port: number;
}

/**
 * Starts `understudy mocker|frontend …` and returns when it is ready to serve. Ended by `end()` of its process.
 * @param port 0: any free one
 */
export async function startServer(
  command: "mocker" | "frontend",
  args: readonly string[],
  port = 0,
): Promise<CliServer> {
  const process = new CliProcess([command, "--port", String(port), "--json", ...args]);
  try {
    const line = await waitFor(`${command} to say where it listens`, () => firstLine(process), READY_MS);
    const { url } = JSON.parse(line) as { url: string };
    const server = { process, url, port: Number(new URL(url).port) };
    await waitFor(`${command} to be ready`, () => isReady(server), READY_MS);
    return server;
  } catch (error) {
    await process.end();
    throw error;
  }
}

function firstLine(process: CliProcess): string | null {
  if (!process.running) throw new Error(`it ended:\n${process.output}`);
  return process.stdout.includes("\n") ? process.stdout.split("\n", 1)[0]! : null;
}

async function isReady({ process, url }: CliServer): Promise<boolean> {
  if (!process.running) throw new Error(`it ended:\n${process.output}`);
  return (await statusOf(`${url}/health`)) === 200;
}

/** Within a test: ended with it. */
export async function serverForTest(command: "mocker" | "frontend", args: readonly string[], port?: number) {
  const server = await startServer(command, args, port);
  onTestFinished(() => server.process.end());
  return server;
}

/** HTTP status, or 0 where nobody answers. */
export function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  return fetch(url, init).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => 0,
  );
}

export async function getJson<Body>(url: string): Promise<Body> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Body;
}

interface WorkerState {
  url: string;
  state: string;
  lastError: string | null;
}

/** Waits until the frontend has exactly `count` workers that take requests. */
export async function workersReady({ url }: CliServer, count: number, timeout = 60_000): Promise<void> {
  let others: unknown = null;
  const isReached = async () => {
    const { workers } = await getJson<{ workers: WorkerState[] }>(`${url}/workers`);
    others = workers
      .filter(({ state }) => state !== "ready")
      .map(({ url, state, lastError }) => ({ url, state, lastError }));
    return workers.filter(({ state }) => state === "ready").length === count;
  };
  await waitFor(`${count} workers to be ready`, isReached, timeout).catch((error: Error) => {
    throw new Error(`${error.message}; the others: ${JSON.stringify(others).slice(0, 1000)}`);
  });
}

/** What a worker's only rank does now. */
export async function loadOf({ url }: Pick<CliServer, "url">): Promise<EngineLoad> {
  return (await getJson<WorkerLoad>(`${url}/worker/load`)).ranks[0]!;
}

/** Polls until `condition` gives something true. @throws with `what` where it never does */
export async function waitFor<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  timeoutMs = 30_000,
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<Value>;
    last = value;
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
