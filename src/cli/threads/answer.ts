import { parentPort } from "node:worker_threads";
import { UserError, type UserErrorDetails } from "#common";

export interface ToThread<Task> {
  index: number;
  task: Task;
}

export type FromThread<Outcome> =
  | { index: number; outcome: Outcome }
  /** A task failed in a way that ends all. */
  | { index: number; failed: UserErrorDetails }
  | { index: number; broken: string };

/** A thread's side of `ThreadLanes`: does each task that it is sent. */
export function answerTasks<Task, Outcome>(work: (task: Task) => Outcome | Promise<Outcome>): void {
  parentPort!.on("message", ({ index, task }: ToThread<Task>) => {
    void answer(index, task, work).then((message) => parentPort!.postMessage(message));
  });
}

async function answer<Task, Outcome>(
  index: number,
  task: Task,
  work: (task: Task) => Outcome | Promise<Outcome>,
): Promise<FromThread<Outcome>> {
  try {
    return { index, outcome: await work(task) };
  } catch (error) {
    if (!(error instanceof UserError)) return { index, broken: (error as Error).stack ?? String(error) };
    const { code, message, where, hint, exitCode } = error;
    return {
      index,
      failed: {
        code,
        message,
        exitCode,
        ...(where === undefined ? {} : { where }),
        ...(hint === undefined ? {} : { hint }),
      },
    };
  }
}
