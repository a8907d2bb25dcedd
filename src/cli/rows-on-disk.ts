import { type ReportedRun, RowFile } from "#src/record";
import type { Rehearsal, RehearsalSteps, RunOptions } from "#src/rehearsal";

/** A folder for the rows of a run with more requests than memory is to hold. */
export class RowsOnDisk {
  readonly #inMemory: number;
  readonly #folder: string;
  #file: RowFile | null = null;

  constructor(inMemory: number, folder: string) {
    this.#inMemory = inMemory;
    this.#folder = folder;
  }

  /** Begins a run; what comes of it can be read until `close`. */
  start(rehearsal: Rehearsal, options: RunOptions): RehearsalSteps<ReportedRun> {
    if (rehearsal.workload.count <= this.#inMemory) return rehearsal.start(options);
    this.#file ??= new RowFile(this.#folder);
    return rehearsal.startOntoDisk(this.#file, options);
  }

  /** A run from its beginning to its end. */
  run(rehearsal: Rehearsal, options: RunOptions): ReportedRun {
    const steps = this.start(rehearsal, options);
    while (steps.advance());
    return steps.result();
  }

  close(): void {
    this.#file?.close();
  }
}
