import type { ForecastBank } from "#planner/predictors";
import type { Surface } from "#profiles";
import type { Load } from "../known-need.ts";
import { lastingCapacity, profiledSeconds } from "../lasting-capacity.ts";
import type { Arrivals } from "../load-watch.ts";
import type { RequestShapes } from "../request-shapes.ts";
import { ranksOf } from "../roles.ts";
import type { Season, SeasonWatch } from "../season-watch.ts";
import type { Observation, PlannerContext, Role } from "../types.ts";
import { CALM_WINDOW_S, LOAD_WINDOW_S, lastingRate, QUIET_WINDOW_S } from "./lasting-rate.ts";
import { type Hindsight, RoleHindsight } from "./role-hindsight.ts";

/**
 * Shares of the requests that may miss the SLA, and of them ITL, with fixed sizes: TTFT has what ITL leaves, for a decode pool misses
 * next to nothing or, one worker smaller, far too much. Where prompts leave more than that, ITL may have it, up to where a load that is two
 * hundredths higher would let miss more than all may.
 */
const GOAL = 0.0115;
const ITL_GOAL = 0.003;
const MOST_ITL_GOAL = 0.006;
/** Over so many seconds a jump still shows. */
const LONGER_WINDOW_S = 90;
const FORECAST_POINTS = 5;
/** Share of its period after which a seasonal forecast has settled, and after which it has met all that its load does. */
const SETTLED_PERIODS = 0.2;
const ROUND_PERIODS = 1;

interface Followed {
  observation: Observation;
  arrivals: Arrivals;
  needUp: number;
  needDown: number;
  load: Load;
}

interface Rates {
  atMs: number;
  recentRate: number;
  longerRate: number;
  lastingRate: number;
  forecastRate: number;
}

/** What history would have wanted, for all roles of the default strategy. */
export class HindsightWatch {
  readonly #context: PlannerContext;
  readonly #surface: Surface;
  readonly #shapes: RequestShapes;
  readonly #bank: ForecastBank;
  readonly #seasons: SeasonWatch;
  readonly #roles: Record<Role, RoleHindsight>;
  #rates: Rates | null = null;

  constructor(
    context: PlannerContext,
    surface: Surface,
    shapes: RequestShapes,
    bank: ForecastBank,
    seasons: SeasonWatch,
    scaleDownDelayMs: number,
  ) {
    this.#context = context;
    this.#surface = surface;
    this.#shapes = shapes;
    this.#bank = bank;
    this.#seasons = seasons;
    this.#roles = {
      prefill: new RoleHindsight(context.startupMs.prefill, scaleDownDelayMs),
      decode: new RoleHindsight(context.startupMs.decode, scaleDownDelayMs),
    };
  }

  /** Forgets how long less was enough for a role: called where data is missing. */
  forgetLower(role: Role): void {
    this.#roles[role].forgetLower();
  }

  /** null while too little is known. */
  update(role: Role, { observation, arrivals, needUp, needDown, load }: Followed): Hindsight | null {
    const ranks = ranksOf(this.#context);
    // What single ranks with batches of their own let miss, the formulas don't know well enough for a size that stands for long.
    if (ranks.prefill > 1 || ranks.decode > 1) return null;
    const rates = this.#ratesAt(observation.nowMs);
    if (!Number.isFinite(rates.recentRate)) return null;
    const seconds = profiledSeconds(role, this.#shapes, this.#surface, this.#context);
    if (seconds === null) return null;
    const { season } = this.#seasons;
    const { mode } = this.#context;
    const byTtft = role === "prefill" || mode === "agg";
    const byItl = role === "decode";
    const { ttftJudged, ttftMet, itlJudged, itlMet } = observation;
    return this.#roles[role].update({
      nowMs: observation.nowMs,
      dtS: arrivals.seconds,
      rate: arrivals.rate,
      ...rates,
      capacity: (corrections) => lastingCapacity(role, this.#shapes, this.#surface, this.#context, corrections),
      profiledSeconds: seconds,
      corrections: { prefill: this.#shapes.prefillCorrection, decode: this.#shapes.decodeCorrection },
      isClumped: this.#shapes.isClumped,
      goal: this.#goal(role),
      active: observation.workers[role].active,
      judged: byTtft ? ttftJudged : itlJudged,
      missed: (byTtft ? ttftJudged - ttftMet : 0) + (byItl ? itlJudged - itlMet : 0),
      needUp,
      needDown,
      load,
      season,
      burstiness: this.#burstiness(season, observation.nowMs / 1000),
    });
  }

  #goal(role: Role): number {
    if (this.#context.mode === "agg") return GOAL;
    const { prefill, decode } = this.#roles;
    if (role === "prefill") return GOAL - Math.min(ITL_GOAL, decode.fixedMissed);
    return Math.max(ITL_GOAL, Math.min(MOST_ITL_GOAL, GOAL - prefill.fixedMissed));
  }

  /** Jumps that came before a period was known say nothing of forecasts that have gone round it since, and met as much. */
  #burstiness(season: Readonly<Season> | null, nowS: number): number {
    const hasGoneRound = season !== null && nowS >= season.sinceS + (SETTLED_PERIODS + ROUND_PERIODS) * season.periodS;
    return hasGoneRound ? this.#bank.remainingBurstiness : this.#bank.burstiness;
  }

  /** The same for all roles of a tick. */
  #ratesAt(nowMs: number): Omit<Rates, "atMs"> {
    if (this.#rates?.atMs !== nowMs) {
      const recentRate = this.#bank.recentRate(LOAD_WINDOW_S);
      const quiet = this.#bank.recentRate(QUIET_WINDOW_S);
      const calm = this.#bank.recentRate(CALM_WINDOW_S);
      this.#rates = {
        atMs: nowMs,
        recentRate,
        longerRate: this.#bank.recentRate(LONGER_WINDOW_S),
        lastingRate: lastingRate({ recent: recentRate, quiet, calm }, this.#shapes.arrivalDispersion),
        forecastRate: this.#highestForecast(),
      };
    }
    const { atMs: _atMs, ...rates } = this.#rates;
    return rates;
  }

  #highestForecast(): number {
    const { horizonS } = this.#bank;
    let highest = 0;
    for (let i = 0; i < FORECAST_POINTS; i++) {
      highest = Math.max(highest, this.#bank.forecast((horizonS * i) / (FORECAST_POINTS - 1)));
    }
    return highest;
  }
}
