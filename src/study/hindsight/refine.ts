import type { RandomStream } from "#common";
import type { RoleName } from "#src/record";
import type { RoleSteps } from "./allocation.ts";
import { isBetter, type Trial, type Trials } from "./trials.ts";

/** One worker more or fewer needed in a stretch of steps. */
interface Move {
  role: RoleName;
  from: number;
  until: number;
  by: 1 | -1;
}

/** A move with the part of time in which its effect shows. */
interface Probe extends Move {
  gpuSeconds: number;
  effectFrom: number;
  effectUntil: number;
}

/** Steps after a change within which queues that it made are gone, mostly: 30 s of 5. */
const TAIL_STEPS = 6;
/** Moves are measured on top of each other; after so many runs the plan itself is. */
const VERIFY_EVERY = 3;
const LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 40];
const DRAWS_PER_RUN = 400;
/** After so many rounds that came upon no plan that is not known there is none to be found. */
const MOST_IDLE_ROUNDS = 50;

export interface RefineOptions {
  /** Attainment that the plan has to reach. */
  floor: number;
  /** The trials may have made so many runs in all. */
  runs: number;
  random: RandomStream;
}

/**
 * Local search: stretches of the plan are given one worker less or more, many of them in one run, far enough apart that each one's
 * effect on misses can be told; a move stays where its GPU time is worth more than its misses, at a price of a miss that is
 * moved until the plan just attains the floor. Every plan that is handed back was played as it is.
 */
export function refined(trials: Trials, start: Trial, { floor, runs, random }: RefineOptions): Trial {
  let best = start;
  let need = start.need;
  let misses = start.missesByStep;
  const perRequest = start.gpuSeconds / Math.max(1, start.good);
  let price = 6 * perRequest;
  let idleRounds = 0;
  let runsBefore = trials.runs;
  for (let round = 1; trials.runs < runs && idleRounds < MOST_IDLE_ROUNDS; round++) {
    idleRounds = trials.runs > runsBefore ? 0 : idleRounds + 1;
    runsBefore = trials.runs;
    const probes = drawProbes(trials, need, random);
    if (probes.length === 0) break;
    const trial = trials.try(applied(need, probes));
    if (isBetter(trial, best, floor)) best = trial;
    const kept = probes.filter(({ gpuSeconds, effectFrom, effectUntil }) => {
      const more = sum(trial.missesByStep, effectFrom, effectUntil) - sum(misses, effectFrom, effectUntil);
      return gpuSeconds + price * more < 0;
    });
    need = applied(need, kept);
    misses = misses.slice();
    for (const { effectFrom, effectUntil } of kept) {
      misses.set(trial.missesByStep.subarray(effectFrom, effectUntil), effectFrom);
    }
    if (round % VERIFY_EVERY !== 0 || trials.runs >= runs) continue;
    const current = trials.try(need);
    misses = current.missesByStep;
    if (isBetter(current, best, floor)) best = current;
    const attains = current.attainment >= floor;
    price = Math.max(perRequest, price * (attains ? 0.8 : 1.35));
    // Too far gone to be worth mending.
    if (!attains && floor - current.attainment > 0.01) {
      need = best.need;
      misses = best.missesByStep;
    }
  }
  return best;
}

function drawProbes(trials: Trials, need: RoleSteps, random: RandomStream): Probe[] {
  const roles: RoleName[] = trials.spec.prefill === null ? ["decode"] : ["prefill", "decode"];
  const held = trials.held(need);
  const isTaken = new Uint8Array(trials.steps);
  const probes: Probe[] = [];
  for (let draw = 0; draw < DRAWS_PER_RUN; draw++) {
    const move = drawMove(roles, need, random);
    if (move === null) continue;
    const probe = probeOf(trials, need, held, move);
    if (probe === null) continue;
    if (isTaken.subarray(probe.effectFrom, probe.effectUntil).includes(1)) continue;
    isTaken.fill(1, probe.effectFrom, probe.effectUntil);
    probes.push(probe);
  }
  return probes;
}

/** Half of the moves begin or end where the need changes: starts and ends are what a plan is made of. */
function drawMove(roles: readonly RoleName[], need: RoleSteps, random: RandomStream): Move | null {
  const role = roles[random.integer(roles.length)]!;
  const steps = need[role];
  const by = random.next() < 0.75 ? -1 : 1;
  const length = LENGTHS[random.integer(LENGTHS.length)]!;
  let from = random.integer(steps.length);
  if (random.next() < 0.5) {
    while (from > 0 && steps[from] === steps[from - 1]) from--;
    if (random.next() < 0.5) from = Math.max(0, from - length);
  }
  const until = Math.min(steps.length, from + length);
  if (by === -1) for (let i = from; i < until; i++) if (steps[i]! <= 1) return null;
  return { role, from, until, by };
}

/** null where the move changes nothing that is held. */
function probeOf(trials: Trials, need: RoleSteps, held: RoleSteps, move: Move): Probe | null {
  const changed = trials.held(applied(need, [move]));
  let first = -1;
  let last = -1;
  let gpuSeconds = 0;
  for (const role of ["prefill", "decode"] as const) {
    for (let i = 0; i < trials.steps; i++) {
      const by = changed[role][i]! - held[role][i]!;
      if (by === 0) continue;
      if (first < 0 || i < first) first = i;
      if (i > last) last = i;
      gpuSeconds += (by * trials.gpusPerWorker[role] * trials.stepMs) / 1000;
    }
  }
  if (first < 0) return null;
  const effectUntil = Math.min(trials.steps, last + 1 + trials.lead[move.role] + TAIL_STEPS);
  return { ...move, gpuSeconds, effectFrom: first, effectUntil };
}

function applied(need: RoleSteps, moves: readonly Move[]): RoleSteps {
  const changed = { prefill: need.prefill.slice(), decode: need.decode.slice() };
  for (const { role, from, until, by } of moves) for (let i = from; i < until; i++) changed[role][i]! += by;
  return changed;
}

function sum(values: Float64Array, from: number, until: number): number {
  let total = 0;
  for (let i = from; i < until; i++) total += values[i]!;
  return total;
}
