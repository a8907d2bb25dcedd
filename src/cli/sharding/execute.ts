import type { ShardProgress, ShardWork } from "#src/executor";
import { progress } from "../progress.ts";
import { type ExecutorFlags, withExecutor } from "./flags.ts";

/** Runs the shards, tells how far they are, and ends all of them on Ctrl-C. @returns null where it was interrupted */
export async function execute(work: ShardWork, flags: ExecutorFlags & { quiet?: true }): Promise<Uint8Array[] | null> {
  const interrupted = new AbortController();
  const interrupt = () => {
    process.stderr.write("interrupted: ending all shards\n");
    interrupted.abort();
  };
  // Once: a second Ctrl-C ends this process at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const bar = progress();
  try {
    return await withExecutor(flags, (executor) =>
      executor.execute(work, {
        signal: interrupted.signal,
        onProgress: (now) => {
          if (!flags.quiet) bar.update(progressText(now));
        },
      }),
    );
  } catch (error) {
    if (interrupted.signal.aborted) return null;
    throw error;
  } finally {
    bar.done();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
}

/** `3 of 8 shards done, 4 running; waiting: 1 × Unschedulable`. */
function progressText({ shards, done, running, waiting }: ShardProgress): string {
  return `${done} of ${shards} shards done, ${running} running${waiting === undefined ? "" : `; waiting: ${waiting}`}`;
}
