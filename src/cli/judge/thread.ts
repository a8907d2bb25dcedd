import { workerData } from "node:worker_threads";
import type { RunOutcome } from "#src/study";
import { answerTasks } from "../threads/answer.ts";
import { evaluate } from "./evaluate.ts";
import type { JudgeCommon, JudgeTask } from "./tasks.ts";

answerTasks<JudgeTask, RunOutcome>((task) => evaluate(task, workerData as JudgeCommon));
