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
  /** Halving: one of so many candidates goes on, with so many times the seeds, or so many times as long. */
  eta: number;
  /** Halving: what the first rungs have little of. */
  halveBy: "seeds" | "duration";
  /** Halving by duration: no rung plays a smaller share of the traffic. */
  leastPart: number;
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
      return halving(samples === null ? grid(axes) : draws(axes, samples, random()), options);
    case "bayes":
      return bayes(options);
  }
}

function* once(candidates: readonly SweepCandidate[], seeds: Trial["seeds"]): Method {
  yield candidates.map((candidate) => ({ candidate, seeds }));
}

/**
 * Successive halving (Jamieson and Talwalkar 2016): all candidates with a little of a resource, the best 1/η of them with η times as
 * much, and so on, until the best have all of it. The resource is the seeds, or the time that is played, with all seeds (as training
 * time is in Hyperband, Li and others 2018). What could not be run, or tells nothing, is left behind.
 */
function* halving(
  candidates: readonly SweepCandidate[],
  { seeds, eta, halveBy, leastPart }: Pick<MethodOptions, "seeds" | "eta" | "halveBy" | "leastPart">,
): Method {
  const most = 1 + Math.floor(Math.log(Math.max(1, candidates.length)) / Math.log(eta) + 1e-9);
  const rungs: Pick<Trial, "seeds" | "part">[] =
    halveBy === "duration"
      ? partsByRung(most, eta, leastPart).map((part) => (part === 1 ? { seeds } : { seeds, part }))
      : seedsByRung(most, eta, seeds.length).map((count) => ({ seeds: seeds.slice(0, count) }));
  let left = candidates;
  for (const [rung, resource] of rungs.entries()) {
    const scores = yield left.map((candidate) => ({ candidate, ...resource }));
    if (rung === rungs.length - 1) return;
    left = ranked(scores.filter(({ value, violation }) => Number.isFinite(value) || Number.isFinite(violation)))
      .slice(0, Math.max(1, Math.ceil(left.length / eta)))
      .map(({ candidate }) => candidate);
    if (left.length === 0) return;
  }
}

/** Seeds at each rung, the last of which has all; none below one seed. */
function seedsByRung(most: number, eta: number, seeds: number): number[] {
  const counts: number[] = [];
  for (let count = seeds; counts.length < most; count = Math.floor(count / eta)) {
    counts.unshift(Math.max(1, count));
    if (count <= 1) break;
  }
  return counts;
}

/** Shares of the traffic at each rung, the last of which has all of it. */
function partsByRung(most: number, eta: number, least: number): number[] {
  const parts = [1];
  while (parts.length < most && 1 / eta ** parts.length >= least) parts.unshift(1 / eta ** parts.length);
  return parts;
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
