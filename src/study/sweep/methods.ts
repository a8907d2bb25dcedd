import { randomStream } from "#common";
import { ranked, type Score } from "./goal.ts";
import { proposeByParzen } from "./parzen.ts";
import { draws, grid } from "./space.ts";
import type { Axis, SweepCandidate, Trial } from "./types.ts";

export type MethodName = "grid" | "random" | "halving" | "bayes";

export interface MethodOptions {
  method: MethodName;
  axes: readonly Axis[];
  /** Seeds of a candidate; null: the scenario's own. */
  seeds: readonly (number | null)[];
  /** Candidates of `random` and `bayes`; of `halving` where it is not to begin with the grid. */
  samples: number | null;
  /** Halving: one of so many candidates goes on, with so many times the seeds. */
  eta: number;
  /** Bayes: candidates that are proposed at a time, whatever the number of threads: the same sweep everywhere. */
  batch: number;
  /** Of the method's own draws. */
  searchSeed: number;
}

const DEFAULT_SAMPLES = 64;

/** Yields trials to run, and is handed how good the candidates of them are with all their seeds so far; ends when it is over. */
export type Method = Generator<Trial[], void, Score[]>;

/** @throws UserError STUDY_NEEDS_VALUES, STUDY_SPACE_TOO_LARGE */
export function methodOf(options: MethodOptions): Method {
  const { method, axes, seeds, samples, searchSeed } = options;
  const random = () => randomStream(searchSeed, "sweep/draws");
  switch (method) {
    case "grid":
      return once(grid(axes), seeds);
    case "random":
      return once(draws(axes, samples ?? DEFAULT_SAMPLES, random()), seeds);
    case "halving":
      return halving(samples === null ? grid(axes) : draws(axes, samples, random()), seeds, options.eta);
    case "bayes":
      return bayes(options);
  }
}

function* once(candidates: readonly SweepCandidate[], seeds: Trial["seeds"]): Method {
  yield candidates.map((candidate) => ({ candidate, seeds }));
}

/**
 * Successive halving (Jamieson and Talwalkar 2016) with runs as the resource: all candidates with a few seeds, the best 1/η of them
 * with η times as many, and so on, until the best have been run with all seeds.
 */
export function* halving(candidates: readonly SweepCandidate[], seeds: Trial["seeds"], eta: number): Method {
  const rungs = seedsByRung(seeds.length, candidates.length, eta);
  let left = candidates;
  for (const [rung, count] of rungs.entries()) {
    const scores = yield left.map((candidate) => ({ candidate, seeds: seeds.slice(0, count) }));
    if (rung === rungs.length - 1) return;
    left = ranked(scores)
      .slice(0, Math.max(1, Math.ceil(left.length / eta)))
      .map(({ candidate }) => candidate);
  }
}

/** Seeds at each rung, the last of which has all: as many rungs as candidates can be divided by η, none below one seed. */
function seedsByRung(seeds: number, candidates: number, eta: number): number[] {
  const most = 1 + Math.floor(Math.log(Math.max(1, candidates)) / Math.log(eta) + 1e-9);
  const counts: number[] = [];
  for (let count = seeds; counts.length < most; count = Math.floor(count / eta)) {
    counts.unshift(Math.max(1, count));
    if (count <= 1) break;
  }
  return counts;
}

/** Candidates that a model of the ones so far proposes, a batch at a time. */
function* bayes({ axes, seeds, samples, batch, searchSeed }: MethodOptions): Method {
  const most = samples ?? DEFAULT_SAMPLES;
  const tried = new Map<string, Score>();
  while (tried.size < most) {
    const random = randomStream(searchSeed, `sweep/bayes/${tried.size}`);
    const proposed = proposeByParzen(axes, [...tried.values()], Math.min(batch, most - tried.size), random);
    if (proposed.length === 0) return;
    const scores = yield proposed.map((candidate) => ({ candidate, seeds }));
    for (const score of scores) tried.set(JSON.stringify(score.candidate.values), score);
  }
}
