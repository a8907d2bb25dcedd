import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, extname } from "node:path";
import { deserialize } from "node:v8";
import { Worker } from "node:worker_threads";
import { UserError } from "#common";
import { collectFiles } from "#src/executor";
import type { RunOutcome } from "#src/study";
import { type ExecutorFlags, withExecutor } from "../sharding/flags.ts";
import { filesNamedIn, referencedFiles } from "../sharding/referenced-files.ts";
import { packageVersion } from "../version.ts";
import type { SweepCommon, SweepRun } from "./evaluate.ts";
import type { FromThread, ToThread } from "./thread.ts";

/** Runs many, and hands each outcome over as soon as it is there. */
export interface Runner {
  run(runs: readonly SweepRun[], done: (index: number, outcome: RunOutcome) => void): Promise<void>;
  close(): Promise<void>;
}

const THREAD = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
/** Pods that a batch is cut into where nobody says how many. */
const DEFAULT_PODS = 8;

/** Threads of this process, one a core; ended at once where `signal` is aborted. */
export class ThreadRunner implements Runner {
  readonly #common: SweepCommon;
  readonly #size: number;
  readonly #signal: AbortSignal;
  readonly #idle: Worker[] = [];

  constructor(common: SweepCommon, size: number | undefined, signal: AbortSignal) {
    this.#common = common;
    this.#size = size ?? availableParallelism();
    this.#signal = signal;
  }

  async run(runs: readonly SweepRun[], done: (index: number, outcome: RunOutcome) => void): Promise<void> {
    let next = 0;
    const lane = async () => {
      const thread = this.#idle.pop() ?? this.#start();
      try {
        while (next < runs.length && !this.#signal.aborted) {
          const index = next++;
          const outcome = await this.#one(thread, { index, run: runs[index]! });
          if (outcome !== null) done(index, outcome);
        }
      } catch (error) {
        // The other lanes find nothing more to do.
        next = runs.length;
        throw error;
      }
      this.#idle.push(thread);
    };
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(this.#size, runs.length) }, lane));
    const failed = lanes.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }

  #start(): Worker {
    return new Worker(THREAD, { workerData: this.#common });
  }

  /** null: ended by the signal. */
  #one(thread: Worker, task: ToThread): Promise<RunOutcome | null> {
    const { promise, resolve, reject } = Promise.withResolvers<RunOutcome | null>();
    const onMessage = (message: FromThread) => {
      if ("outcome" in message) resolve(message.outcome);
      else if ("failed" in message) reject(new UserError(message.failed));
      else reject(new Error(message.broken));
    };
    const onExit = () => resolve(null);
    const end = () => void thread.terminate();
    thread.on("message", onMessage).on("error", reject).on("exit", onExit);
    this.#signal.addEventListener("abort", end);
    thread.postMessage(task);
    return promise.finally(() => {
      thread.off("message", onMessage).off("error", reject).off("exit", onExit);
      this.#signal.removeEventListener("abort", end);
    });
  }
}

/** Shards of an executor: processes, or pods of an Indexed Job, one Job a batch. */
export class ShardRunner implements Runner {
  readonly #common: SweepCommon;
  readonly #flags: ExecutorFlags & { quiet?: true };
  readonly #signal: AbortSignal;

  constructor(common: SweepCommon, flags: ExecutorFlags & { quiet?: true }, signal: AbortSignal) {
    this.#common = common;
    this.#flags = flags;
    this.#signal = signal;
  }

  async run(runs: readonly SweepRun[], done: (index: number, outcome: RunOutcome) => void): Promise<void> {
    const isRemote = this.#flags.executor === "kubernetes";
    const shards = Math.min(runs.length, this.#flags.shards ?? (isRemote ? DEFAULT_PODS : availableParallelism()));
    const files = new Set(
      runs.flatMap(({ file, set }) => [
        file,
        ...referencedFiles(readFileSync(file, "utf8"), file),
        ...filesNamedIn(
          set.map(({ value }) => value),
          dirname(file),
        ).map(({ place }) => place),
      ]),
    );
    try {
      const results = await withExecutor(this.#flags, (executor) =>
        executor.execute(
          {
            job: {
              kind: "sweep",
              version: packageVersion(),
              common: this.#common,
              // By turns: candidates that take long lie beside each other.
              shards: Array.from({ length: shards }, (_, i) => ({ runs: runs.filter((__, r) => r % shards === i) })),
              startTogether: false,
              files: isRemote ? collectFiles([...files], process.cwd()) : null,
            },
            secret: null,
          },
          { signal: this.#signal },
        ),
      );
      for (const [shard, bytes] of results.entries()) {
        (deserialize(bytes) as RunOutcome[]).forEach((outcome, i) => {
          done(shard + i * shards, outcome);
        });
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {}
}
