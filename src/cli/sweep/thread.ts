import { parentPort, workerData } from "node:worker_threads";
import { UserError, type UserErrorDetails } from "#common";
import type { RunOutcome } from "#src/study";
import { evaluate, type SweepCommon, type SweepRun } from "./evaluate.ts";

export interface ToThread {
  index: number;
  run: SweepRun;
}

export type FromThread =
  | { index: number; outcome: RunOutcome }
  /** The run failed in a way that ends the sweep. */
  | { index: number; failed: UserErrorDetails }
  | { index: number; broken: string };

const common = workerData as SweepCommon;
parentPort!.on("message", ({ index, run }: ToThread) => {
  void answer(index, run).then((message) => parentPort!.postMessage(message));
});

async function answer(index: number, run: SweepRun): Promise<FromThread> {
  try {
    return { index, outcome: await evaluate(run, common) };
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
