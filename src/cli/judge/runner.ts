import { extname } from "node:path";
import type { ResultStore, RunOutcome } from "#src/study";
import { RunKeys } from "../sweep/memory.ts";
import { ThreadLanes } from "../threads/lanes.ts";
import type { JudgeCommon, JudgeTask } from "./tasks.ts";

const THREAD = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);

/** Does tasks in threads, remembers what came of them, and does none twice. */
export class JudgeRunner {
  /** Outcomes that the store did not have before. */
  kept = 0;
  /** Ends what else is in work where a task fails. */
  readonly #failed = new AbortController();
  readonly #lanes: ThreadLanes<JudgeTask, RunOutcome>;
  readonly #store: ResultStore | null;
  readonly #done = new Map<string, RunOutcome>();
  readonly #keys = new Map<string, RunKeys>();

  /** @param store null: nothing is kept beyond this process */
  constructor(store: ResultStore | null, common: JudgeCommon, threads: number | undefined, signal: AbortSignal) {
    this.#store = store;
    this.#lanes = new ThreadLanes(THREAD, common, threads, AbortSignal.any([signal, this.#failed.signal]));
  }

  /** Outcome of a task that was done. */
  outcome(task: JudgeTask): RunOutcome | undefined {
    const key = this.#key(task);
    return this.#done.get(key) ?? (isOutside(task) ? undefined : this.#store?.get(key));
  }

  /** Planners outside have one run at a time: they may remember what came before. @throws what a task threw; nothing is in work then */
  async run(tasks: readonly JudgeTask[], onProgress: (done: number, of: number) => void): Promise<void> {
    const left = [...new Map(tasks.map((task) => [this.#key(task), task])).values()].filter(
      (task) => this.outcome(task) === undefined,
    );
    let done = 0;
    const keep = (task: JudgeTask, outcome: RunOutcome) => {
      this.#keep(task, outcome);
      onProgress(++done, left.length);
    };
    onProgress(0, left.length);
    const inside = left.filter((task) => !isOutside(task));
    const outside = Map.groupBy(left.filter(isOutside), ({ what }) =>
      what.kind === "planner" && "name" in what.planner ? what.planner.name : "",
    );
    const parts = [
      this.#lanes.run(inside, (index, outcome) => keep(inside[index]!, outcome)),
      ...[...outside.values()].map(async (own) => {
        for (const task of own) await this.#lanes.run([task], (_, outcome) => keep(task, outcome));
      }),
    ];
    try {
      await Promise.all(parts);
    } catch (error) {
      this.#failed.abort();
      await Promise.allSettled(parts);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#lanes.close();
  }

  #keep(task: JudgeTask, outcome: RunOutcome): void {
    const key = this.#key(task);
    this.#done.set(key, outcome);
    // What a program outside answers next time is not known.
    if (this.#store === null || isOutside(task)) return;
    this.#store.put({ key, candidate: JSON.stringify(task.what), seed: task.seed, outcome });
    this.kept++;
  }

  #key(task: JudgeTask): string {
    let keys = this.#keys.get(task.file);
    if (keys === undefined) {
      keys = new RunKeys(task.file, "judge");
      this.#keys.set(task.file, keys);
    }
    return keys.of(task, [task.maxGpus, task.check === true, task.what]);
  }
}

function isOutside({ what }: JudgeTask): boolean {
  return what.kind === "planner" && (what.planner.kind === "http" || what.planner.kind === "store");
}
