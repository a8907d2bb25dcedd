/** Child processes that answer calls over Node's IPC: servers, clients and the lag probe of the live benchmark. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a process has used since it began. */
export interface Usage {
  /** User and system, all threads. */
  cpuSeconds: number;
  rssBytes: number;
  peakRssBytes: number;
}

type Reply = { id: number; result: unknown } | { id: number; error: string };

/** A child process, from outside. */
export class Child {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 0;

  /** @param script file beside this one @param nodeOptions such as `--cpu-prof` */
  constructor(script: string, nodeOptions: readonly string[] = []) {
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), {
      execArgv: [...nodeOptions],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#process.on("message", (reply: Reply) => this.#settle(reply));
    this.#process.on("exit", (code, signal) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${script} ended with ${signal ?? code}`));
      this.#pending.clear();
    });
  }

  call<Result>(method: string, params: unknown = null): Promise<Result> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, method, params });
    });
  }

  usage(): Promise<Usage> {
    return this.call("usage");
  }

  /** Asks it to end, and kills it where it does not within five seconds. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
    if (child.connected) child.disconnect();
    await ended;
    clearTimeout(killer);
  }

  #settle(reply: Reply): void {
    const waiting = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.result);
  }
}

/** Methods of a child, by name. What they take and give has to survive structured cloning. */
export type Methods = Record<string, (params: never) => unknown>;

/** The child's side: answers calls until the parent lets go, then ends the process. */
export function answerCalls(methods: Methods): void {
  const all: Methods = { usage, ...methods };
  process.on("message", async ({ id, method, params }: { id: number; method: string; params: unknown }) => {
    try {
      process.send!({ id, result: await all[method]!(params as never) });
    } catch (error) {
      process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}
