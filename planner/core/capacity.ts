import { mean, normalCdf, standardDeviation } from "#common";
import { smallestEnough, waitDecay, waitingShare } from "./queueing.ts";

/** No formula asks for more workers than this; the budget is far below it. */
export const MOST_WORKERS = 1_000_000;
/** Utilisation to plan with where no number of workers can keep an SLA. */
const HOPELESS_UTILIZATION = 0.85;
/** Utilisation at which the waiting probability is taken where single prompts would overload what full passes carry. */
const ALMOST_ALL = 0.999;
const LEAST_BATCH_SHARE = 0.15;
/**
 * Up to so many workers the first of them that is free is not much sooner free than any other: what prompts behind in the same pass may add makes up
 * for it. Found, as what else is said of several workers here, with prompts of 1000 to 6000 tokens and up to 32 workers, where the rate at which
 * one prompt in a hundred is late is met within a tenth from four workers on.
 */
const FEW_WORKERS = 3;

/** Prompts as a prefill worker sees them. Times in s, one per quantile of length where arrays. */
export interface PromptClasses {
  /** Time alone on an idle engine, mean. */
  meanS: number;
  /** Time that a prompt adds to a full pass, mean and squared coefficient of variation: the pass's own cost is shared. */
  batchedMeanS: number;
  batchedScv: number;
  /** Cost of a pass whatever it computes, and the prompts of a full one. */
  passS: number;
  promptsPerPass: number;
  /** What the prompts behind it in the same pass may add at most before its first token is out. */
  followersS: number[];
  /** SLA less everything but the queue; negative where the prompt is late by itself. */
  patienceS: number[];
  /** Variance ÷ mean of the counts of arrivals; 1: Poisson. */
  dispersion: number;
}

export interface PromptTimes {
  /** Time to first token alone on an idle engine, s. */
  aloneS: number[];
  /** Cost of a pass whatever it computes, s; part of each `aloneS`. */
  passS: number;
  /** SLA less transfer and first decode pass, s. */
  slackS: number[];
  /** Prompt lengths, tokens. */
  isl: readonly number[];
  /** Prompt tokens that a pass takes at most. */
  maxBatchedTokens: number;
  /** Variance ÷ mean of the counts of arrivals; absent: 1, as for Poisson arrivals. */
  dispersion?: number;
}

export function promptClasses({
  aloneS,
  passS,
  slackS,
  isl,
  maxBatchedTokens,
  dispersion = 1,
}: PromptTimes): PromptClasses {
  const meanIsl = mean(isl);
  const promptsPerPass = Math.max(1, maxBatchedTokens / meanIsl);
  const batchedS = aloneS.map((s) => Math.max(s - passS, 0) + passS / promptsPerPass);
  const batchedMeanS = mean(batchedS);
  const spread = standardDeviation(batchedS) / batchedMeanS;
  const perTokenS = mean(aloneS.map((s) => Math.max(s - passS, 0))) / meanIsl;
  return {
    meanS: mean(aloneS),
    batchedMeanS,
    batchedScv: batchedMeanS > 0 ? spread * spread : 0,
    passS,
    promptsPerPass,
    followersS: isl.map((tokens) => Math.max(0, maxBatchedTokens - tokens) * perTokenS),
    patienceS: aloneS.map((s, i) => slackS[i]! - s),
    dispersion,
  };
}

/** True where some prompts can be in time at all. */
export function isFeasible(prompts: PromptClasses): boolean {
  return prompts.patienceS.some((patience) => patience >= 0);
}

/**
 * Share of the feasible prompts that are late for having waited: Erlang C (`waitingShare`) × exponential tail, averaged over the lengths.
 * While prompts wait, passes are full, so the queue drains at the pace of full passes; but a prompt's token comes out with its
 * whole pass, so up to a pass's worth of prompts behind it (evenly: anything from none to all) delays it too. And it waits at the worker that it
 * was sent to, not for whichever is free first: the more workers there are, the more of half a pass is lost (`ownPassS`). Infeasible prompts
 * load the queue but are not counted.
 */
export function lateShare(servers: number, rate: number, prompts: PromptClasses): number {
  const offered = rate * prompts.batchedMeanS;
  if (offered <= 0) return 0;
  if (offered >= servers || !isFeasible(prompts)) return 1;
  const { dispersion } = prompts;
  const waits = waitingShare(servers, Math.min(rate * prompts.meanS, ALMOST_ALL * servers), dispersion);
  const decay = waitDecay(servers, offered, prompts.batchedScv + (dispersion - 1)) / prompts.batchedMeanS;
  const ownS = ownPassS(servers, rate, prompts);
  let sum = 0;
  let feasible = 0;
  prompts.patienceS.forEach((patience, i) => {
    if (patience < 0) return;
    const followersS = prompts.followersS[i]!;
    // Where prompts behind it may take all the time there is, as if every pass were full, that is reckoned with more than enough.
    const otherS = Math.min(ownS, Math.max(0, patience - followersS));
    sum += Math.min(1, meanTail(decay * (patience - otherS), decay * followersS));
    feasible++;
  });
  return waits * (sum / feasible);
}

/**
 * What a prompt waits for the pass that its own worker is in beyond what it would wait for the first worker of many, s: half of a pass, with many
 * workers. A pass takes the prompts that came during the one before, one at least. Where lengths differ, so do passes, and the worker with the least
 * to do is in a short one; requests that come clumped come to several workers at once, which then are as one (`waitingShare`).
 */
function ownPassS(servers: number, rate: number, prompts: PromptClasses): number {
  const { batchedMeanS, batchedScv, passS, promptsPerPass, dispersion } = prompts;
  const places = servers / dispersion;
  if (places <= FEW_WORKERS) return 0;
  const promptS = batchedMeanS - passS / promptsPerPass;
  const perWorker = rate / servers;
  const spare = 1 - perWorker * promptS;
  const met = spare > 0 ? (perWorker * passS) / spare : promptsPerPass;
  const inPass = Math.min(promptsPerPass, Math.max(1, met));
  const shortest = (passS + promptS * inPass) * Math.max(0, 1 - Math.sqrt(batchedScv / inPass));
  return (shortest / 2) * (1 - FEW_WORKERS / places);
}

/** Mean of exp(u − p) over u evenly in [0, x]; infinite rather than NaN where both are large. */
function meanTail(p: number, x: number): number {
  return x < 1e-6 ? Math.exp(x / 2 - p) : (Math.exp(x - p) - Math.exp(-p)) / x;
}

/** The fewest prefill workers with which at most `waitShare` of the prompts wait too long. */
export function prefillWorkers(rate: number, prompts: PromptClasses, waitShare: number): number {
  const offered = rate * prompts.batchedMeanS;
  if (!(offered > 0)) return 0;
  if (!isFeasible(prompts)) return Math.ceil(offered / HOPELESS_UTILIZATION);
  return smallestEnough(
    Math.floor(offered) + 1,
    MOST_WORKERS,
    (servers) => lateShare(servers, rate, prompts) <= waitShare,
  );
}

/** What one decode worker carries within the ITL SLA. */
export interface DecodeCapacity {
  /** Largest mean batch that keeps the ITL; fractional where the ITL crosses the SLA between two batches. */
  batch: number;
  /** Requests/s at that batch, before any allowance for its fluctuation. */
  requestsPerS: number;
  /** False where not even one sequence keeps the ITL; then the cache alone bounds the batch. */
  feasible: boolean;
}

export interface DecodeQuestion {
  /** ITL of a batch at the mean context, corrected, ms. */
  itlMs: (batch: number) => number;
  slaItlMs: number;
  /** Sequences that the cache (and the engine's own limit) can hold. */
  mostSequences: number;
  osl: number;
}

export function decodeCapacity({ itlMs, slaItlMs, mostSequences, osl }: DecodeQuestion): DecodeCapacity {
  const most = Math.max(1, Math.floor(mostSequences));
  // The smallest batch that is too slow, less one; galloping finds the first on surfaces that are not monotone.
  const batch = smallestEnough(1, most + 1, (count) => itlMs(count) > slaItlMs) - 1;
  if (batch >= 1) {
    // A request lives through batches of several sizes, and its mean counts: so capacity grows evenly in the engine's speed
    // instead of by a whole sequence, which would be half of a worker where two fit.
    const mean = batch === most ? batch : batch + (slaItlMs - itlMs(batch)) / (itlMs(batch + 1) - itlMs(batch));
    return { batch: mean, requestsPerS: (mean * 1000) / (osl * slaItlMs), feasible: true };
  }
  return { batch: most, requestsPerS: (most * 1000) / (osl * itlMs(most)), feasible: false };
}

/**
 * The fewest decode workers for `rate`: a worker's batch fluctuates like the square root of its size (Little's law for
 * Poisson arrivals), so each stays clear of its largest batch by some deviations; more workers even out.
 */
export function decodeWorkers(rate: number, capacity: DecodeCapacity, islScv: number, batchDeviations: number): number {
  if (!(rate > 0)) return 0;
  const low = Math.max(1, Math.floor(rate / capacity.requestsPerS));
  return smallestEnough(low, MOST_WORKERS, (workers) => rate <= decodeRate(workers, capacity, islScv, batchDeviations));
}

/** Requests/s that `workers` carry. */
export function decodeRate(workers: number, capacity: DecodeCapacity, islScv: number, batchDeviations: number): number {
  const noise = (batchDeviations * Math.sqrt(1 + islScv)) / Math.sqrt(workers * capacity.batch);
  return workers * capacity.requestsPerS * Math.max(LEAST_BATCH_SHARE, 1 - noise);
}

/** Requests tell of the mean over their lives: of batches at the limit so many deviations away, the share that a normal tail tells at one. */
const LIFE_DEVIATIONS = 1.55;

/**
 * Share of the requests whose mean ITL is over the SLA: a worker's batch is more than its largest one, as a normal tail tells (within
 * 0.02 of our simulator's shares, on which the factor was found, at one to four workers and shares up to 0.15).
 */
export function slowShare(workers: number, rate: number, capacity: DecodeCapacity, islScv: number): number {
  if (!(rate > 0)) return 0;
  if (!(workers > 0)) return 1;
  const spare = 1 - rate / (workers * capacity.requestsPerS);
  if (spare <= 0) return 1;
  const deviations = (spare * Math.sqrt(workers * capacity.batch)) / Math.sqrt(1 + islScv);
  return normalCdf(-LIFE_DEVIATIONS * deviations);
}

/**
 * What one aggregated worker carries: prompts take `prefillShareS` seconds each from decoding, which stretches the ITL by
 * 1 ÷ (1 − their utilisation). The rate at which the stretched ITL just meets the SLA, by bisection.
 * @param ranks data-parallel ranks in lock step: what one of them computes, all wait for. The result is one rank's.
 */
export function aggregatedCapacity(question: DecodeQuestion, prefillS: number, ranks = 1): DecodeCapacity {
  const capacityAt = (rate: number) =>
    decodeCapacity({ ...question, slaItlMs: question.slaItlMs * (1 - Math.min(0.99, rate * prefillS)) ** ranks });
  // At rate λ one worker holds λ · osl · SLA sequences (Little) and may hold the batch of the stretched ITL.
  const fits = (rate: number) => {
    const capacity = capacityAt(rate);
    return capacity.feasible && rate * question.osl * question.slaItlMs <= capacity.batch * 1000;
  };
  const alone = decodeCapacity(question);
  if (!alone.feasible || !fits(1e-9)) {
    const rate = 1 / (1 / alone.requestsPerS + prefillS);
    return { batch: alone.batch, requestsPerS: rate, feasible: false };
  }
  let low = 0;
  let high = alone.requestsPerS;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  const batch = Math.max(1, Math.floor((low * question.osl * question.slaItlMs) / 1000));
  return { batch, requestsPerS: Math.max(low, 1e-9), feasible: true };
}
