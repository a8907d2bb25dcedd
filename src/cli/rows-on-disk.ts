import type { Planner } from "#planner/core";
import { type ReportedRun, RowFile } from "#src/record";
import type { Rehearsal, RehearsalSteps, RunOptions } from "#src/rehearsal";
import { type SimulationSpec, simulate, simulateOntoDisk } from "#src/simulator";

/** A folder for the rows of runs with more requests than memory is to hold; one run's at a time. */
export class RowsOnDisk {
  readonly #inMemory: number;
  readonly #folder: string;
  #file: RowFile | null = null;

  constructor(inMemory: number, folder: string) {
    this.#inMemory = inMemory;
    this.#folder = folder;
  }

  /** Begins a run; what comes of it can be read until the next one, or `close`. */
  start(rehearsal: Rehearsal, options: RunOptions): RehearsalSteps<ReportedRun> {
    const file = this.file(rehearsal);
    return file === null ? rehearsal.start(options) : rehearsal.startOntoDisk(file, options);
  }

  /** A run from its beginning to its end. */
  run(rehearsal: Rehearsal, options: RunOptions): ReportedRun {
    return toEnd(this.start(rehearsal, options));
  }

  /** The same traffic on the same deployment, with a planner in its first state. */
  play(rehearsal: Rehearsal, planner: Planner | null, options: RunOptions): ReportedRun {
    const file = this.file(rehearsal);
    return file === null ? rehearsal.play(planner, options) : rehearsal.playOntoDisk(file, planner, options);
  }

  /** The same traffic on a deployment that stays as it is. */
  runStatic(rehearsal: Rehearsal, workers: { prefill: number; decode: number }): ReportedRun {
    const file = this.file(rehearsal);
    return file === null ? rehearsal.runStatic(workers) : rehearsal.staticOntoDisk(file, workers);
  }

  simulate(spec: SimulationSpec): ReportedRun {
    const file = this.file(spec);
    return file === null ? simulate(spec) : toEnd(simulateOntoDisk(spec, file));
  }

  close(): void {
    this.#file?.close();
  }

  /** For the rows of a workload's requests; null: memory holds so many. */
  file({ workload }: Pick<Rehearsal, "workload">): RowFile | null {
    if (workload.count <= this.#inMemory) return null;
    this.#file ??= new RowFile(this.#folder);
    return this.#file;
  }
}

function toEnd(steps: RehearsalSteps<ReportedRun>): ReportedRun {
  while (steps.advance());
  return steps.result();
}
