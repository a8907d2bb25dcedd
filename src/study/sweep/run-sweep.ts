import { type Condition, type Goal, scoreOf } from "./goal.ts";
import type { Method } from "./methods.ts";
import type { RunOutcome, SweepCandidate, TrialOutcome } from "./types.ts";

/** One run: a candidate with a seed. */
export interface Cell {
  candidate: SweepCandidate;
  /** null: the scenario's own. */
  seed: number | null;
  /** Share of the traffic that is played, from its beginning on; absent: all of it. */
  part?: number;
}

/** Keeps what was run, by all that it depends on. */
export interface Memory {
  get(cell: Cell): RunOutcome | undefined;
  put(cell: Cell, outcome: RunOutcome): void;
}

export interface SweepOptions {
  method: Method;
  goal: Goal;
  conditions: readonly Condition[];
  memory: Memory;
  /** Runs cells, many at a time, and hands each outcome over as soon as it is there; ends early where `signal` is aborted. */
  run(cells: readonly Cell[], done: (index: number, outcome: RunOutcome) => void): Promise<void>;
  signal: AbortSignal;
  /** Runs that are there, and runs that are known to be wanted. */
  onProgress?: (done: number, wanted: number) => void;
}

export interface Sweep {
  /** Candidates in the order in which they were first proposed. */
  trials: TrialOutcome[];
  /** False where it was interrupted: the last trials lack runs. */
  isWhole: boolean;
}

/**
 * Runs what a method asks for and tells it what came of that, until it asks no more. Runs that are remembered are not run again, so a
 * sweep that goes on ends as one that was never interrupted.
 */
export async function runSweep(options: SweepOptions): Promise<Sweep> {
  const { method, goal, conditions, memory, run, signal, onProgress } = options;
  const byCandidate = new Map<string, TrialOutcome>();
  let done = 0;
  let wanted = 0;
  let step = method.next([]);
  while (!step.done) {
    const trials = step.value;
    const cells = trials.flatMap(({ candidate, seeds, part }) =>
      seeds.map((seed): Cell => ({ candidate, seed, ...partOf(part) })),
    );
    const outcomes = cells.map((cell) => memory.get(cell));
    const known = countOf(cells, byCandidate);
    wanted += cells.length - known;
    done += outcomes.filter((outcome) => outcome !== undefined).length - known;
    onProgress?.(done, wanted);
    const missing = cells.flatMap((_, i) => (outcomes[i] === undefined ? [i] : []));
    if (missing.length > 0) {
      await run(
        missing.map((i) => cells[i]!),
        (index, outcome) => {
          const i = missing[index]!;
          memory.put(cells[i]!, outcome);
          outcomes[i] = outcome;
          onProgress?.(++done, wanted);
        },
      );
    }
    let at = 0;
    const scores = trials.map(({ candidate, seeds, part }) => {
      const runs = outcomes.slice(at, at + seeds.length).filter((outcome) => outcome !== undefined);
      at += seeds.length;
      const outcome: TrialOutcome = { candidate, runs, ...partOf(part) };
      if (runs.length > 0) byCandidate.set(JSON.stringify(candidate.values), outcome);
      return scoreOf(outcome, goal, conditions);
    });
    if (signal.aborted) return { trials: [...byCandidate.values()], isWhole: false };
    step = method.next(scores);
  }
  return { trials: [...byCandidate.values()], isWhole: true };
}

function partOf(part: number | undefined): { part?: number } {
  return part === undefined ? {} : { part };
}

/** Cells of this batch that an earlier one has counted. */
function countOf(cells: readonly Cell[], earlier: ReadonlyMap<string, TrialOutcome>): number {
  const seen = new Map<string, number>();
  for (const { candidate, part } of cells) {
    const key = JSON.stringify(candidate.values);
    if (earlier.get(key)?.part !== part) continue;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  let known = 0;
  for (const [key, count] of seen) known += Math.min(count, earlier.get(key)?.runs.length ?? 0);
  return known;
}
