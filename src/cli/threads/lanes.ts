import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { UserError } from "#common";
import type { FromThread, ToThread } from "./answer.ts";

/** Threads of this process that do tasks, one a core; ended at once where `signal` is aborted. */
export class ThreadLanes<Task, Outcome> {
  readonly #thread: URL;
  readonly #workerData: unknown;
  readonly #size: number;
  readonly #signal: AbortSignal;
  readonly #idle: Worker[] = [];

  /** @param thread module that calls `answerTasks` */
  constructor(thread: URL, workerData: unknown, size: number | undefined, signal: AbortSignal) {
    this.#thread = thread;
    this.#workerData = workerData;
    this.#size = size ?? availableParallelism();
    this.#signal = signal;
  }

  /** Does all tasks, or what of them can be done until the signal. @throws what a task threw */
  async run(tasks: readonly Task[], done: (index: number, outcome: Outcome) => void): Promise<void> {
    let next = 0;
    const lane = async () => {
      const thread = this.#idle.pop() ?? this.#start();
      try {
        while (next < tasks.length && !this.#signal.aborted) {
          const index = next++;
          const answer = await this.#one(thread, { index, task: tasks[index]! });
          if (answer !== null) done(index, answer.outcome);
        }
      } catch (error) {
        // The other lanes find nothing more to do.
        next = tasks.length;
        await thread.terminate();
        throw error;
      }
      this.#idle.push(thread);
    };
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(this.#size, tasks.length) }, lane));
    const failed = lanes.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }

  #start(): Worker {
    return new Worker(this.#thread, { workerData: this.#workerData });
  }

  /** null: ended by the signal. */
  #one(thread: Worker, task: ToThread<Task>): Promise<{ outcome: Outcome } | null> {
    const { promise, resolve, reject } = Promise.withResolvers<{ outcome: Outcome } | null>();
    const onMessage = (message: FromThread<Outcome>) => {
      if ("outcome" in message) resolve({ outcome: message.outcome });
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
