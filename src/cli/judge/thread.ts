import type { RunOutcome } from "#src/study";
import { answerTasks } from "../threads/answer.ts";
import { evaluate } from "./evaluate.ts";
import type { JudgeTask } from "./tasks.ts";

answerTasks<JudgeTask, RunOutcome>(evaluate);
