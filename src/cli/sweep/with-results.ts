import { join } from "node:path";
import { ResultStore, removeStore } from "#src/study";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { type Progress, progress } from "../progress.ts";

interface ResultFlags {
  report: boolean;
  resume?: true;
  quiet?: true;
}

/** Results of a command that makes many, each kept as soon as it is there. */
export interface Results {
  /** null: nothing is kept beyond this process. */
  readonly store: ResultStore | null;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly bar: Progress;
  /** Those that were not there before, to be counted by who makes them. */
  kept: number;
}

/**
 * Runs a command that makes many results: with their store `<dir>/<kind>.sqlite`, until it is whole or interrupted, which is told.
 * Of one that could not begin nothing stays.
 * @param what what its results are called
 * @param page file name of its report
 * @returns the exit code: that of `use`, 130 where it was interrupted
 * @throws UserError STUDY_STORE_TAKEN, STUDY_STORE_UNREADABLE
 */
export async function withResults(
  { dir, kind, what, page }: { dir: string; kind: string; what: string; page: string },
  flags: ResultFlags,
  use: (results: Results) => Promise<{ isWhole: boolean; exitCode: number }>,
): Promise<number> {
  const file = join(dir, `${kind}.sqlite`);
  const store = flags.report ? ResultStore.open(file, flags.resume === true) : null;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const results: Results = { store, signal: interrupted.signal, bar: progress(), kept: 0 };
  try {
    const { isWhole, exitCode } = await use(results);
    if (!isWhole) {
      process.stderr.write(
        `interrupted: ${results.kept} new ${what} kept${flags.report ? "; --resume goes on" : ""}\n`,
      );
      return EXIT_INTERRUPTED;
    }
    if (flags.report && !flags.quiet) process.stderr.write(`\nReports in ${dir}; open ${join(dir, page)}\n`);
    return exitCode;
  } finally {
    results.bar.done();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
    store?.close();
    if (store !== null && results.kept === 0 && flags.resume !== true) removeStore(file);
  }
}
