import { MOST_WORKERS } from "../capacity.ts";
import { AsymmetricHysteresis } from "../hysteresis.ts";
import type { Load } from "../known-need.ts";
import type { Corrections, LastingCapacity } from "../lasting-capacity.ts";
import { smallestEnough } from "../queueing.ts";
import type { Season } from "../season-watch.ts";
import {
  type FixedMissShare,
  fixedMissShare,
  fixedWorkers,
  followedMissShare,
  followedOverFixed,
  type MissAt,
} from "./fixed-size.ts";
import { FollowedFleet } from "./followed-fleet.ts";
import { LastingCorrections } from "./lasting-corrections.ts";
import { LOAD_WINDOW_S } from "./lasting-rate.ts";
import { LoadRecord, type LoadSummary } from "./load-record.ts";
import { ModelBias } from "./model-bias.ts";
import { ShapeWatch } from "./shape-watch.ts";
import { Shortage } from "./shortage.ts";

/** Before so much is known, nothing is said, s. */
const LEAST_HISTORY_S = 300;
/** What is there at the start may have to be put right first, beyond the start-up time, s. */
const FIRST_STEPS_S = 30;
/** Where the formulas let more than this share miss, small errors of the load are great ones of the share. */
const CALM_SHARE = 0.05;
/** Where misses go on for so much of this time, s, the formulas are wrong about sizes: then misses themselves have to teach margins. */
const MOST_TROUBLED = 0.3;
const TROUBLE_TAU_S = 900;
/** For this long no size is held then, s. */
const DISTRUSTED_S = 3600;
/** A change of mind takes this long, s. */
const CONSIDERED_S = 60;
/** A size is given up for the next smaller one once that would have let miss this share of what may miss. */
const CLEARLY_FEWER = 0.85;
/** So many times what may miss is clearly too much. */
const CLEARLY_TOO_FEW = 1.5;
/**
 * What following must reach, as requests within the SLA per worker against the best fixed size at the same attainment, to go on; and how
 * much more for each share of the requests that it misses beyond the goal. Where load jumps, it will miss as much again; errors of trend
 * it learns from. To begin again it must do better by the last of these.
 */
const GO_ON = { trend: 0.93, jumps: 1.05 };
const PRICE_OF_MISSES = { trend: 1, jumps: 4 };
const BEGIN_AGAIN = 0.05;
/** Where more than this share would miss with the fixed size, the load has left what history knows. */
const BEYOND_HISTORY_SHARE = 0.05;
/** Forecasts count up to so many times the highest load that was seen. */
const BELIEVED_GROWTH = 1.25;
/** Rate of the last seconds ÷ that of a longer time from which on the load has jumped; forecast ÷ highest load that was seen. */
const JUMP_RATIO = 1.3;
const CLIMB_RATIO = 1.03;
/** Deviations of Poisson noise by which short means, and forecasts that follow them, are above the highest lasting rate now and then. */
const NOISE_ABOVE = 2;
/** Share of its period after which a seasonal forecast is judged by what it did itself, and of the highest load that it must have met. */
const SETTLED_PERIODS = 0.2;
const LEAST_JUDGED_PERIODS = { trend: 0.1, jumps: 0.45 };
const JUDGED_PERIODS = 2.1;
const MET_SHARE = 0.8;

/** Where no such mean was so many deviations of Poisson arrivals away from that of all, the load has been the same all the time: noise goes so far less than once a day. */
const NOISE_DEVIATIONS = 6;

/** What the followed plan and the world say in a tick, for one role. */
export interface HindsightInput {
  nowMs: number;
  dtS: number;
  /** Arrivals of this tick, and their mean over the last seconds and over a longer time, requests/s. */
  rate: number;
  recentRate: number;
  longerRate: number;
  /** Rate by which requests came in the last seconds, without the noise of single arrivals (`lastingRate`), requests/s. */
  lastingRate: number;
  /** Highest forecast up to the horizon, with nothing held in reserve, requests/s. */
  forecastRate: number;
  /** What workers of the role can do with such corrections. */
  capacity: (corrections: Corrections) => LastingCapacity | null;
  /** Seconds of a worker that a request takes by the profile, whatever engines were found to take. */
  profiledSeconds: number;
  corrections: Corrections;
  /** Whether formulas reckon with requests that come clumped. */
  isClumped: boolean;
  /** Share of the requests that may miss for want of this role's workers. */
  goal: number;
  active: number;
  judged: number;
  missed: number;
  needUp: number;
  needDown: number;
  load: Load;
  season: Readonly<Season> | null;
  /** 1: what comes unforeseen are jumps; 0: errors of trend. */
  burstiness: number;
}

/** What history says of one role. */
export interface Hindsight {
  /** Workers that would have kept the SLA all the time, had they always been there. */
  fixed: number;
  /** Requests within the SLA per worker: following the forecast ÷ the best fixed size at the same attainment. */
  followedRatio: number;
  /** Share of the requests that following would have let miss. */
  followedLost: number;
  /** True: history would have wanted the fixed size. */
  holds: boolean;
  /** Workers where the load is beyond what history knows; else `fixed`. */
  enough: number;
  bias: number;
  /** 1: what comes unforeseen are jumps; 0: errors of trend. */
  burstiness: number;
}

/**
 * Compares, for one role, the plan that follows the forecast with fixed sizes on the load that was seen: had the plan been followed, with
 * workers that take their time to start, how many requests would have met too few of them, and what would it have held? A fixed
 * size that would have done better is what a load deserves whose jumps nobody can foresee.
 */
export class RoleHindsight {
  #record = new LoadRecord();
  readonly #shapes = new ShapeWatch();
  #bias = new ModelBias();
  #wasClumped = false;
  readonly #hysteresis: AsymmetricHysteresis;
  readonly #startupMs: number;
  readonly #shortage = new Shortage();
  readonly #corrections = new LastingCorrections();
  #fleet: FollowedFleet | null = null;
  #firstS: number | null = null;
  #fixed = 0;
  #fixedMissed = 0;
  #holds = false;
  #otherSinceS: number | null = null;
  #betterSinceS: number | null = null;
  /** Share of the recent time in which far more missed than may. */
  #troubled = 0;
  #distrustedUntilS = Number.NEGATIVE_INFINITY;
  #isDistrusted = false;

  constructor(startupMs: number, scaleDownDelayMs: number) {
    this.#startupMs = startupMs;
    this.#hysteresis = new AsymmetricHysteresis(scaleDownDelayMs);
  }

  /** Share of the requests that the fixed size would have let miss. */
  get fixedMissed(): number {
    return this.#fixedMissed;
  }

  /** The followed plan forgets how long less was enough: called where data is missing. */
  forgetLower(): void {
    this.#hysteresis.reset();
  }

  update(input: HindsightInput): Hindsight | null {
    const { nowMs, dtS, rate, recentRate } = input;
    const nowS = nowMs / 1000;
    this.#firstS ??= nowS - dtS;
    if (this.#shapes.update(dtS, input.profiledSeconds)) this.#forget(nowS);
    // What was missed by formulas that did not know of clumps says nothing of those that do, nor the other way round.
    if (input.isClumped !== this.#wasClumped) this.#bias = new ModelBias();
    this.#wasClumped = input.isClumped;
    const before = input.capacity(this.#corrections.known(input.corrections));
    if (before === null) return null;
    const expected = before.missShare(input.active, Math.max(rate, recentRate));
    const seen = input.judged > 0 ? input.missed / input.judged : 0;
    const isShort = this.#shortage.update(nowS, expected, input.judged > 0 ? seen : null);
    this.#troubled += (1 - Math.exp(-dtS / TROUBLE_TAU_S)) * ((seen > 2 * input.goal ? 1 : 0) - this.#troubled);
    if (this.#troubled > MOST_TROUBLED) this.#distrustedUntilS = nowS + DISTRUSTED_S;
    this.#isDistrusted = nowS < this.#distrustedUntilS;
    // What overfull engines show of themselves is no measure of what they could do.
    const now = isShort ? before : input.capacity(this.#corrections.learn(dtS, input.corrections));
    if (now === null) return null;
    const { workerSeconds, missShare } = now;
    const { profiledSeconds } = input;
    // What is learnt of engines counts for all that was seen: loads are kept as the profile has them.
    const slowness = workerSeconds / profiledSeconds;
    if (isShort || expected > CALM_SHARE) this.#bias.leaveOut();
    else {
      // Clumps are in the formulas: they must not count as load once more.
      const seenRate = input.isClumped ? input.lastingRate : recentRate;
      this.#bias.update(nowS, dtS, missShare(input.active, seenRate), input.judged, input.missed);
    }
    const bias = this.#bias.factor;
    const missAt: MissAt = (workers, load) => Math.min(1, bias * missShare(workers, load / profiledSeconds));
    const fleet = this.#follow(input);
    // What was there at the start is nobody's plan.
    if (nowS - this.#firstS < this.#startupMs / 1000 + FIRST_STEPS_S) return null;
    // The plan is made with what is thought of engines at the moment.
    const thought = (input.capacity(input.corrections)?.workerSeconds ?? workerSeconds) / profiledSeconds;
    this.#record.push(nowS, {
      seconds: dtS,
      requests: rate * dtS,
      load: input.lastingRate * profiledSeconds,
      active: fleet.active / thought,
      held: fleet.count / thought,
    });
    if (nowS - this.#firstS < LEAST_HISTORY_S) return null;
    const loads = this.#record.summary(nowS);
    if (!(loads.requests > 0)) return null;
    const fixedMiss = fixedMissShare(loads, missAt);
    this.#settleFixed(nowS, fixedMiss, input.goal);
    const judged = this.#judgedOn(loads, input);
    const judgedMiss = judged === loads ? fixedMiss : fixedMissShare(judged, missAt);
    const lostShare = followedMissShare(judged, slowness, missAt);
    // A part of a round may have needed less than the size that would be held in its stead.
    const least = judged === loads ? 1 : this.#fixed;
    const ratio = followedOverFixed(judgedMiss, judged.held * slowness, lostShare, input.goal, least);
    const isWorse = ratio < this.#wanted(Math.max(0, lostShare - input.goal), input.burstiness);
    // A load that is always the same is one that forecasts know. What speaks for sizes then are errors in what is thought of engines.
    this.#decide(nowS, isWorse && (input.isClumped || varies(loads, profiledSeconds)));
    const highest = loads.bins.at(-1)!.load / profiledSeconds;
    const top = highest + NOISE_ABOVE * Math.sqrt(highest / LOAD_WINDOW_S);
    const foreseen = Math.min(input.forecastRate, BELIEVED_GROWTH * top);
    const enough = smallestEnough(
      this.#fixed,
      MOST_WORKERS,
      (workers) => missShare(workers, foreseen) <= BEYOND_HISTORY_SHARE,
    );
    // Where the load climbs beyond all that was seen, history is no guide. Right after a jump forecasts overshoot, and what overfull
    // engines seem to need is no forecast.
    const isJump = recentRate > JUMP_RATIO * input.longerRate;
    const climbs = !isShort && !isJump && (enough > this.#fixed || input.forecastRate > CLIMB_RATIO * top);
    const growing = climbs ? Math.max(enough, input.needUp) : enough;
    return {
      fixed: this.#fixed,
      followedRatio: ratio,
      followedLost: lostShare,
      holds: this.#holds && !this.#isDistrusted,
      enough: growing,
      bias,
      burstiness: input.burstiness,
    };
  }

  /** Sizes that were right for other requests. */
  #forget(nowS: number): void {
    this.#record = new LoadRecord();
    this.#firstS = nowS;
    this.#fixed = 0;
    this.#fixedMissed = 0;
    this.#holds = false;
    this.#otherSinceS = null;
    this.#betterSinceS = null;
  }

  /** The plan goes on being followed in thought, whatever is done. */
  #follow({ nowMs, needUp, needDown, load, active }: HindsightInput): FollowedFleet {
    this.#fleet ??= new FollowedFleet(active, this.#startupMs);
    const fleet = this.#fleet;
    fleet.ready(nowMs);
    fleet.scale(nowMs, this.#hysteresis.step(nowMs, fleet.count, needUp, needDown, load).target);
    fleet.ready(nowMs);
    return fleet;
  }

  /** Smaller only where that is clearly enough; another size once it has been better for a while, or at once where this is far too small. */
  #settleFixed(nowS: number, missShare: FixedMissShare, goal: number): void {
    const enough = fixedWorkers(missShare, goal);
    const better = enough > this.#fixed ? enough : Math.min(this.#fixed, fixedWorkers(missShare, CLEARLY_FEWER * goal));
    if (better === this.#fixed) this.#betterSinceS = null;
    else this.#betterSinceS ??= nowS;
    const tooFew = better > this.#fixed && missShare(this.#fixed) > CLEARLY_TOO_FEW * goal;
    if (tooFew || (this.#betterSinceS !== null && nowS - this.#betterSinceS >= CONSIDERED_S)) {
      this.#fixed = better;
      this.#betterSinceS = null;
    }
    this.#fixedMissed = missShare(this.#fixed);
  }

  #wanted(lostBeyondGoal: number, burstiness: number): number {
    const between = ({ trend, jumps }: { trend: number; jumps: number }) => trend + burstiness * (jumps - trend);
    return between(GO_ON) + (this.#holds ? BEGIN_AGAIN : 0) + between(PRICE_OF_MISSES) * lostBeyondGoal;
  }

  /** Changes its mind once it has been of the other for a while. */
  #decide(nowS: number, holds: boolean): void {
    if (holds === this.#holds) {
      this.#otherSinceS = null;
      return;
    }
    this.#otherSinceS ??= nowS;
    if (nowS - this.#otherSinceS < CONSIDERED_S) return;
    this.#holds = holds;
    this.#otherSinceS = null;
  }

  /** Forecasts of a period are judged by what they did since they came of age, once they have met such load as there was. */
  #judgedOn(all: LoadSummary, { nowMs, season, burstiness }: HindsightInput): LoadSummary {
    if (season === null) return all;
    const { sinceS, periodS } = season;
    const nowS = nowMs / 1000;
    const settledS = sinceS + SETTLED_PERIODS * periodS;
    const jumps = burstiness > 0;
    const least = jumps ? LEAST_JUDGED_PERIODS.jumps : LEAST_JUDGED_PERIODS.trend;
    if (nowS <= settledS + least * periodS) return all;
    const own = this.#record.summary(nowS, Math.max(settledS, nowS - JUDGED_PERIODS * periodS));
    const top = own.bins.at(-1)?.load ?? 0;
    return !jumps || top >= MET_SHARE * all.bins.at(-1)!.load ? own : all;
  }
}

/** Whether the load has been other than noise makes it. */
function varies({ load, bins }: LoadSummary, profiledSeconds: number): boolean {
  const noise = NOISE_DEVIATIONS * Math.sqrt((load * profiledSeconds) / LOAD_WINDOW_S);
  return bins.at(-1)!.load > load + noise || bins[0]!.load < load - noise;
}
