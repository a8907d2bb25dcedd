import { ForecastBank } from "#planner/predictors";
import type { Surface } from "#profiles";
import { BacklogWatch, isQueueLong } from "./backlog.ts";
import { raisedToFloor, withinBudget } from "./budget.ts";
import { describeDecision, type RolePlan, raisedReason, unmetReasons } from "./default-report.ts";
import { HindsightWatch } from "./hindsight/hindsight-watch.ts";
import { AsymmetricHysteresis, LateStep, type Step } from "./hysteresis.ts";
import { IdleWatch } from "./idle.ts";
import type { Load, WorkerCount } from "./known-need.ts";
import { givenRate, knownNumbers } from "./known-numbers.ts";
import { latencyEstimates } from "./latency-estimates.ts";
import type { ResourceLimit } from "./limits.ts";
import type { Arrivals } from "./load-watch.ts";
import { PressureIntegrators, type SafetyMargins } from "./pressure.ts";
import { type Degradation, RequestShapes } from "./request-shapes.ts";
import { rolesOf } from "./roles.ts";
import { SeasonWatch } from "./season-watch.ts";
import type { Decision, Observation, Planner, PlannerContext, Role, Targets } from "./types.ts";
import { type WorkerNeeds, workerNeeds } from "./worker-needs.ts";

export interface DefaultStrategyOptions {
  intervalMs: number;
  /** What all workers together may use, draining ones included. */
  limits: readonly ResourceLimit[];
  /** GPUs that are always used, as far as the limits allow; 0: none. */
  minGpus: number;
  /** Workers that always remain; a role with 0 goes there once nothing has come for `scaleToZeroDelayMs`. */
  minWorkers: Targets;
  /** How long fewer workers must have been enough before some go, ms. */
  scaleDownDelayMs: number;
  /** How long a deployment must have had nothing to do before its last workers go, ms. */
  scaleToZeroDelayMs: number;
}

/** Rate at which workers are counted as short, s. */
const PRESENT_WINDOW_S = 15;
const DOWN_POINTS = 5;
/**
 * Fewer workers must hold the peak of the upper forecast up to the horizon, and what lies this far ahead with the noise of its
 * level added, s: falling load need not wait for that, flat load must, or it would go up and down at every fluctuation.
 */
const SETTLING_S = 30;
const LEVEL_DEVIATIONS = 4;
const LEVEL_WINDOW_S = 50;
/** Time after workers are ready until what had waited for them has gone, s. */
const BACKLOG_S = 60;
/** Forecasts of a period smear its edges by as much at least, s. */
const EDGE_S = 5;
/** Fewer requests than this expected until a worker would be ready are none. */
const A_REQUEST = 0.5;

/**
 * Forecasts arrivals over the start-up time of a worker, asks queueing formulas how many workers keep TTFT and ITL at the
 * upper forecast, scales up at once and down after a short delay, and learns from SLA misses how careful to be.
 */
export function defaultStrategy(options: DefaultStrategyOptions, context: PlannerContext, surface: Surface): Planner {
  return new DefaultStrategy(options, context, surface);
}

class DefaultStrategy implements Planner {
  readonly strategy = "default";
  readonly intervalMs: number;
  readonly #options: DefaultStrategyOptions;
  readonly #context: PlannerContext;
  readonly #surface: Surface;
  readonly #roles: readonly Role[];
  readonly #tickS: number;
  readonly #bank: ForecastBank;
  readonly #shapes: RequestShapes;
  readonly #seasons = new SeasonWatch();
  readonly #pressure = new PressureIntegrators();
  readonly #hysteresis: Record<Role, AsymmetricHysteresis>;
  readonly #fixedStep: Record<Role, LateStep>;
  readonly #hindsight: HindsightWatch;
  /** Whether history chose the size that stands. */
  readonly #isFixed: Record<Role, boolean> = { prefill: false, decode: false };
  readonly #idle = new IdleWatch();
  readonly #backlog = new BacklogWatch();
  #minWorkers: Targets;
  #trafficSeen = false;
  #tickCount = 0;

  constructor(options: DefaultStrategyOptions, context: PlannerContext, surface: Surface) {
    this.intervalMs = options.intervalMs;
    this.#options = options;
    this.#minWorkers = options.minWorkers;
    this.#context = context;
    this.#surface = surface;
    this.#roles = rolesOf(context.mode);
    this.#tickS = options.intervalMs / 1000;
    const startupMs = Math.max(...this.#roles.map((role) => context.startupMs[role]));
    this.#bank = new ForecastBank({ horizonS: startupMs / 1000 + this.#tickS, tickS: this.#tickS });
    this.#shapes = new RequestShapes(surface, context);
    this.#hysteresis = {
      prefill: new AsymmetricHysteresis(options.scaleDownDelayMs),
      decode: new AsymmetricHysteresis(options.scaleDownDelayMs),
    };
    this.#fixedStep = {
      prefill: new LateStep(options.scaleDownDelayMs),
      decode: new LateStep(options.scaleDownDelayMs),
    };
    this.#hindsight = new HindsightWatch(
      context,
      surface,
      this.#shapes,
      this.#bank,
      this.#seasons,
      options.scaleDownDelayMs,
    );
  }

  setMinimum(minimum: Targets): void {
    this.#minWorkers = { ...minimum };
  }

  tick(given: Observation): Decision {
    const observation = knownNumbers(given);
    const tick = this.#tickCount++;
    const dtS = observation.windowMs > 0 ? observation.windowMs / 1000 : this.#tickS;
    const nowS = observation.nowMs / 1000;
    this.#idle.update(observation, this.#roles);
    const missing: Degradation[] = [];
    const offered = observation.startedRequests;
    const requests = offered ?? observation.completedRequests;
    if (requests === null || !Number.isFinite(requests)) {
      if (this.#trafficSeen) this.#bank.observe(nowS, dtS, null);
      return this.#stay(tick, observation, null, "no-data", "no request counts: nothing is known, so nothing changes");
    }
    const rate = requests / dtS;
    if (offered === null) {
      missing.push({
        code: "rate-from-completions",
        text: "arrivals are not reported: completions stand in for them, and nothing is scaled down on their word",
      });
    }
    if (!this.#trafficSeen && requests > 0) {
      this.#trafficSeen = true;
      this.#warmUp(nowS - dtS);
    }
    if (!this.#trafficSeen) {
      const text = "no request was ever seen: the deployment stays as it was started";
      const stay = this.#stay(tick, observation, 0, "no-traffic-yet", text);
      return this.#raised(stay, observation);
    }
    const wasClumped = this.#shapes.isClumped;
    missing.push(...this.#shapes.update(observation, rate, dtS));
    if (this.#shapes.isClumped && !wasClumped) this.#pressure.forgetQueues();
    this.#bank.dispersion = this.#shapes.arrivalDispersion;
    this.#bank.observe(nowS, dtS, rate);
    this.#seasons.update(nowS, this.#bank.seasonalShare, this.#bank.periodS);
    if (!this.#shapes.hasIsl) return this.#wake(tick, observation, rate);
    return this.#plan(tick, observation, rate, dtS, missing);
  }

  /** Learns from before, as if it had ended when the window of the first request began: idle time in between says nothing. */
  #warmUp(untilS: number): void {
    const history = [...(this.#context.history?.(this.#tickS) ?? [])];
    const rates = history.map(({ requests }) => requests / this.#tickS);
    this.#bank.warmUp(untilS, this.#tickS, rates);
    history.forEach((values, i) => {
      this.#shapes.remember((untilS - (history.length - 1 - i) * this.#tickS) * 1000, this.#tickS, values);
    });
  }

  #plan(tick: number, observation: Observation, rate: number, dtS: number, missing: Degradation[]): Decision {
    const floor = this.#floor(observation);
    const rateNow = this.#backlog.isDecoded(observation.nowMs / 1000) ? null : this.#bank.forecast(0);
    const needs = workerNeeds(this.#shapes, this.#surface, this.#context, floor, rateNow);
    this.#feelPressure(observation, needs, rate, dtS);
    const margins = this.#pressure.margins();
    const reserve = this.#bank.reserve(margins.errorQuantile);
    const mayScaleDown = observation.startedRequests !== null;
    const arrivals = { rate, seconds: dtS };
    const plans = this.#roles.map((role) =>
      this.#planRole(role, observation, arrivals, needs, margins, reserve, mayScaleDown, floor[role]),
    );
    const wanted = { prefill: 0, decode: 0 };
    for (const plan of plans) wanted[plan.role] = plan.step.target;
    // Without arrival counts no role gives workers up for another either.
    const minimum = { ...floor };
    if (!mayScaleDown) for (const { role, current } of plans) minimum[role] = Math.max(minimum[role], current);
    const { limits, minGpus } = this.#options;
    const request = { wanted, minimum, workers: observation.workers, limits, roles: this.#roles };
    const budgeted = withinBudget(request);
    const { targets, clamps } = raisedToFloor(request, budgeted.targets, minGpus, this.#context.gpusPerWorker);
    return describeDecision({
      tick,
      observation,
      rate,
      givenRate: givenRate(observation),
      bank: this.#bank,
      shapes: this.#shapes,
      needs,
      margins,
      levels: this.#pressure.levels,
      reserve,
      plans,
      idleMs: this.#idle.idleMs(observation.nowMs),
      estimates: latencyEstimates(observation, needs, this.#shapes, this.#surface, this.#context),
      roles: this.#roles,
      minimum: floor,
      targets,
      clamps: [...budgeted.clamps, ...clamps],
      missing,
    });
  }

  #planRole(
    role: Role,
    observation: Observation,
    arrivals: Arrivals,
    needs: WorkerNeeds,
    margins: SafetyMargins,
    reserve: number,
    mayScaleDown: boolean,
    floor: number,
  ): RolePlan {
    const { active, starting } = observation.workers[role];
    const current = active + starting;
    if (floor === 0) return this.#planNone(role, observation.nowMs, current, arrivals);
    const startupS = this.#context.startupMs[role] / 1000;
    const horizonS = startupS + this.#tickS;
    const given = givenRate(observation);
    // Somebody else's forecast takes the place of its own; what is held for errors and bursts remains.
    const upper = (hS: number) =>
      given === null ? this.#bank.upper(hS, reserve) : given + this.#bank.upper(hS, reserve) - this.#bank.forecast(hS);
    const aheadS = this.#seasons.season === null ? 0 : Math.max(EDGE_S, this.#tickS / 2);
    const soon = upper(horizonS + aheadS);
    const upRate = Math.max(upper(startupS), upper(horizonS), soon);
    let peak = soon;
    for (let i = 0; i < DOWN_POINTS; i++) peak = Math.max(peak, upper((horizonS * i) / (DOWN_POINTS - 1)));
    const later = Math.min(peak, upper(Math.max(horizonS, SETTLING_S)));
    const downRate = Math.max(peak, later + levelNoise(later));
    const needUp = needs.workers(role, upRate, margins);
    const needDown = needs.workers(role, downRate, margins);
    const known = needUp !== null && needDown !== null;
    if (!known || !mayScaleDown) this.#forgetLower(role);
    const count = { margins, workers: (of: number, by: SafetyMargins) => needs.workers(role, of, by) };
    const load = this.#load(upRate, arrivals, count, given);
    // Sizes that history would have wanted are held against its own forecasts.
    if (given !== null) this.#hindsight.forgetLower(role);
    const hindsight =
      known && mayScaleDown && given === null
        ? this.#hindsight.update(role, { observation, arrivals, needUp, needDown, load })
        : null;
    this.#isFixed[role] = hindsight?.holds ?? false;
    if (hindsight?.holds) {
      const byHistory = { ...load, count: null };
      const stood = this.#hysteresis[role].stillNeeded(observation.nowMs, hindsight.enough, byHistory);
      // Where load jumps, what a jump was found to need is no memory to keep.
      const isMemory = hindsight.burstiness === 0 && !this.#shapes.isClumped;
      const target = Math.max(floor, isMemory ? stood : hindsight.enough);
      const step = this.#fixedStep[role].step(observation.nowMs, current, target);
      this.#hysteresis[role].changed(observation.nowMs, current, step.target, load);
      return { role, current, upRate, downRate, needUp, needDown, step, hindsight };
    }
    this.#fixedStep[role].reset();
    const step = known
      ? this.#hysteresis[role].step(
          observation.nowMs,
          current,
          needUp,
          mayScaleDown ? needDown : Math.max(needDown, current),
          load,
        )
      : raisedTo(floor, current);
    return { role, current, upRate, downRate, needUp, needDown, step, hindsight };
  }

  /** Nothing is asked of the role, and it may go to zero: what forecasts hold in reserve does not keep it. */
  #planNone(role: Role, nowMs: number, current: number, arrivals: Arrivals): RolePlan {
    this.#isFixed[role] = false;
    this.#fixedStep[role].reset();
    this.#hindsight.forgetLower(role);
    const step = this.#hysteresis[role].step(nowMs, current, 0, 0, this.#load(0, arrivals, null));
    return { role, current, upRate: 0, downRate: 0, needUp: 0, needDown: 0, step, hindsight: null };
  }

  #load(upperRate: number, arrivals: Arrivals, count: WorkerCount | null, given: number | null = null): Load {
    return {
      upperRate,
      forecast: given ?? this.#bank.forecast(this.#bank.horizonS),
      arrivals,
      seasonalShare: this.#bank.seasonalShare,
      count,
    };
  }

  /** The fewest workers of each role now: its minimum, but one where there is anything to do or a request is expected. */
  #floor(observation: Observation): Targets {
    const idleMs = this.#idle.idleMs(observation.nowMs);
    const idle = idleMs >= this.#options.scaleToZeroDelayMs && !this.#expectsRequest(givenRate(observation));
    const least = idle ? 0 : 1;
    const floor = { prefill: 0, decode: 0 };
    for (const role of this.#roles) floor[role] = Math.max(this.#minWorkers[role], least);
    return floor;
  }

  #expectsRequest(given: number | null): boolean {
    const { horizonS } = this.#bank;
    if (given !== null) return given * horizonS >= A_REQUEST;
    for (let i = 0; i < DOWN_POINTS; i++) {
      if (this.#bank.forecast((horizonS * i) / (DOWN_POINTS - 1)) * horizonS >= A_REQUEST) return true;
    }
    return false;
  }

  /** No capacity can be said without lengths. */
  #wake(tick: number, observation: Observation, rate: number): Decision {
    const stay = this.#stay(
      tick,
      observation,
      rate,
      "no-lengths-yet",
      "no input length is known yet: capacity cannot be said",
    );
    return this.#raised(stay, observation);
  }

  /**
   * A decision to stay where nobody can say what is needed; but roles that have fewer workers than their minimum, or none where requests come,
   * get them as far as the limits allow.
   */
  #raised(stay: Decision, { workers }: Observation): Decision {
    const isAsked = (stay.observedRate ?? 0) > 0;
    const standing = { prefill: 0, decode: 0 };
    const minimum = { prefill: 0, decode: 0 };
    for (const role of this.#roles) {
      standing[role] = workers[role].active + workers[role].starting;
      minimum[role] = Math.max(this.#minWorkers[role], isAsked ? 1 : 0);
    }
    const short = this.#roles.filter((role) => standing[role] < minimum[role]);
    if (short.length === 0) return stay;
    const wanted = { ...standing };
    for (const role of short) wanted[role] = minimum[role];
    const request = { wanted, minimum, workers, limits: this.#options.limits, roles: this.#roles };
    const { targets, clamps } = withinBudget(request);
    const reasons = [
      ...stay.reasons,
      ...short.map((role) => raisedReason(role, standing[role], wanted[role], isAsked)),
    ];
    return { ...stay, targets, clamps, reasons: [...reasons, ...unmetReasons(this.#roles, targets, minimum)] };
  }

  /** Judges this tick's completions: were they missed for want of workers, or with workers enough? */
  #feelPressure(observation: Observation, needs: WorkerNeeds, rate: number, dtS: number): void {
    const { mode } = this.#context;
    const margins = this.#pressure.margins();
    const present = this.#bank.recentRate(PRESENT_WINDOW_S);
    const isShort = (role: Role) => {
      const need = needs.workers(role, present, margins);
      return need !== null && observation.workers[role].active < need;
    };
    const prefillRole = mode === "agg" ? "decode" : "prefill";
    const nowS = observation.nowMs / 1000;
    const lateShare = missShare(observation.ttftJudged, observation.ttftMet);
    const prefillShort = isShort(prefillRole);
    const isLong = isQueueLong(observation, needs, this.#shapes, this.#context);
    const isBacklog = this.#backlog.update(nowS, prefillShort, lateShare, isLong);
    const { season } = this.#seasons;
    // Before workers that it called for can have shown what they do, nothing is a period's fault.
    const isEarly = season !== null && nowS < season.sinceS + this.#bank.horizonS + BACKLOG_S;
    const isJudged = (role: Role) => !isEarly && !this.#isFixed[role];
    this.#pressure.update({
      dtS,
      weight: rate / Math.max(this.#shapes.usualRate(), Number.MIN_VALUE),
      // What the other planner's role makes late says nothing of this one, nor what a size does that history chose.
      ttftMissShare: mode !== "decode" && isJudged(prefillRole) ? lateShare : null,
      itlMissShare:
        mode !== "prefill" && isJudged("decode") ? missShare(observation.itlJudged, observation.itlMet) : null,
      prefillShort: prefillShort || isBacklog,
      decodeShort: isShort("decode") || this.#backlog.isDecoded(nowS),
      periodS: season?.periodS ?? null,
    });
  }

  /** How long less was enough for a role: the absence of data proves nothing. */
  #forgetLower(role: Role): void {
    this.#hysteresis[role].reset();
    this.#fixedStep[role].reset();
    this.#hindsight.forgetLower(role);
  }

  #stay(tick: number, observation: Observation, rate: number | null, code: string, text: string): Decision {
    for (const role of this.#roles) this.#forgetLower(role);
    return {
      tick,
      atMs: observation.nowMs,
      strategy: this.strategy,
      targets: null,
      workers: observation.workers,
      observedRate: rate,
      forecast: null,
      values: {},
      clamps: [],
      reasons: [{ code, role: null, text }],
    };
  }
}

/** What is done where nobody can say what is needed: nothing, but that the fewest are there. */
function raisedTo(floor: number, current: number): Step {
  const code = current >= floor ? "hold" : current === 0 ? "wake-up" : "scale-up";
  return { target: Math.max(current, floor), code, lowerForMs: 0 };
}

/** Deviations of a Poisson rate counted over the window that the quicker level models average. */
function levelNoise(rate: number): number {
  return LEVEL_DEVIATIONS * Math.sqrt(rate / LEVEL_WINDOW_S);
}

function missShare(judged: number, met: number): number | null {
  return judged > 0 ? Math.max(0, (judged - met) / judged) : null;
}
