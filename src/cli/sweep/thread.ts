import { workerData } from "node:worker_threads";
import type { RunOutcome } from "#src/study";
import { answerTasks } from "../threads/answer.ts";
import { evaluate, type SweepCommon, type SweepRun } from "./evaluate.ts";

answerTasks<SweepRun, RunOutcome>((run) => evaluate(run, workerData as SweepCommon));
