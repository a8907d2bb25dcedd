import { readFileSync } from "node:fs";
import { dirname, extname } from "node:path";
import { deserialize } from "node:v8";
import { collectFiles } from "#src/executor";
import type { RunOutcome } from "#src/study";
import { type ExecutorFlags, withExecutor } from "../sharding/flags.ts";
import { filesNamedIn, referencedFiles } from "../sharding/referenced-files.ts";
import { byTurns, itemAt } from "../sharding/turns.ts";
import { ThreadLanes } from "../threads/lanes.ts";
import { packageVersion } from "../version.ts";
import type { SweepCommon, SweepRun } from "./evaluate.ts";

/** Runs many, and hands each outcome over as soon as it is there. */
export interface Runner {
  run(runs: readonly SweepRun[], done: (index: number, outcome: RunOutcome) => void): Promise<void>;
  close(): Promise<void>;
}

const THREAD = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);

/** Threads of this process, one a core; ended at once where `signal` is aborted. */
export class ThreadRunner extends ThreadLanes<SweepRun, RunOutcome> implements Runner {
  constructor(common: SweepCommon, size: number | undefined, signal: AbortSignal) {
    super(THREAD, common, size, signal);
  }
}

/** Shards of an executor: processes, or pods of an Indexed Job, one Job a batch. A shard's outcomes are there when it is done. */
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
    const shards = byTurns(runs, this.#flags).map((dealt) => ({ runs: dealt }));
    const job = {
      kind: "sweep",
      version: packageVersion(),
      common: this.#common,
      shards,
      startTogether: false,
      files: isRemote ? collectFiles(filesOf(runs), process.cwd()) : null,
    };
    const onResult = (shard: number, bytes: Uint8Array) => {
      for (const [place, outcome] of (deserialize(bytes) as RunOutcome[]).entries())
        done(itemAt(shard, place, shards.length), outcome);
    };
    try {
      await withExecutor(this.#flags, (executor) =>
        executor.execute({ job, secret: null }, { signal: this.#signal, onResult }),
      );
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {}
}

/** Scenarios of runs, and all that these and what is set in them name. @throws UserError EXECUTOR_ABSOLUTE_PATH */
function filesOf(runs: readonly SweepRun[]): string[] {
  const scenarios = [...new Set(runs.map(({ file }) => file))];
  const inThem = scenarios.flatMap((file) => referencedFiles(readFileSync(file, "utf8"), file));
  const inValues = runs.flatMap(({ file, set }) =>
    filesNamedIn(
      set.map(({ value }) => value),
      dirname(file),
    ).map(({ place }) => place),
  );
  return [...new Set([...scenarios, ...inThem, ...inValues])];
}
