import { ForecastBank } from "#planner/predictors";
import type { Surface } from "#profiles";
import { withinBudget } from "./budget.ts";
import { describeDecision, type RolePlan } from "./default-report.ts";
import { AsymmetricHysteresis } from "./hysteresis.ts";
import { PressureIntegrators, type SafetyMargins } from "./pressure.ts";
import { type Degradation, RequestShapes } from "./request-shapes.ts";
import type { Decision, Observation, Planner, PlannerContext, Role, Targets } from "./types.ts";
import { type WorkerNeeds, workerNeeds } from "./worker-needs.ts";

export interface DefaultStrategyOptions {
  intervalMs: number;
  /** GPUs over all roles, draining workers included; Infinity: no limit. */
  maxGpus: number;
  minWorkers: Targets;
  /** How long fewer workers must have been enough before some go, ms. */
  scaleDownDelayMs: number;
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
  readonly #pressure = new PressureIntegrators();
  readonly #hysteresis: Record<Role, AsymmetricHysteresis>;
  #minWorkers: Targets;
  #trafficSeen = false;
  #tickCount = 0;

  constructor(options: DefaultStrategyOptions, context: PlannerContext, surface: Surface) {
    this.intervalMs = options.intervalMs;
    this.#options = options;
    this.#minWorkers = options.minWorkers;
    this.#context = context;
    this.#surface = surface;
    this.#roles = context.mode === "agg" ? ["decode"] : ["prefill", "decode"];
    this.#tickS = options.intervalMs / 1000;
    const startupMs = Math.max(...this.#roles.map((role) => context.startupMs[role]));
    this.#bank = new ForecastBank({ horizonS: startupMs / 1000 + this.#tickS, tickS: this.#tickS });
    this.#shapes = new RequestShapes(surface, context.mode);
    this.#hysteresis = {
      prefill: new AsymmetricHysteresis(options.scaleDownDelayMs),
      decode: new AsymmetricHysteresis(options.scaleDownDelayMs),
    };
  }

  setMinimum(minimum: Targets): void {
    this.#minWorkers = { ...minimum };
  }

  tick(observation: Observation): Decision {
    const tick = this.#tickCount++;
    const dtS = observation.windowMs > 0 ? observation.windowMs / 1000 : this.#tickS;
    const nowS = observation.nowMs / 1000;
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
    this.#trafficSeen ||= requests > 0;
    if (!this.#trafficSeen) {
      return this.#stay(
        tick,
        observation,
        0,
        "no-traffic-yet",
        "no request was ever seen: the deployment stays as it was started",
      );
    }
    missing.push(...this.#shapes.update(observation, rate, dtS));
    this.#bank.observe(nowS, dtS, rate);
    if (!this.#shapes.hasIsl) {
      return this.#stay(
        tick,
        observation,
        rate,
        "no-lengths-yet",
        "no input length is known yet: capacity cannot be said",
      );
    }
    return this.#plan(tick, observation, rate, dtS, missing);
  }

  #plan(tick: number, observation: Observation, rate: number, dtS: number, missing: Degradation[]): Decision {
    const needs = workerNeeds(this.#shapes, this.#surface, this.#context, this.#minWorkers, this.#bank.forecast(0));
    this.#feelPressure(observation, needs, rate, dtS);
    const margins = this.#pressure.margins();
    const reserve = this.#bank.reserve(margins.errorQuantile);
    const mayScaleDown = observation.startedRequests !== null;
    const plans = this.#roles.map((role) => this.#planRole(role, observation, needs, margins, reserve, mayScaleDown));
    const wanted = { prefill: 0, decode: 0 };
    for (const plan of plans) wanted[plan.role] = plan.step.target;
    // Without arrival counts no role gives workers up for another either.
    const minimum = { ...this.#minWorkers };
    if (!mayScaleDown) for (const { role, current } of plans) minimum[role] = Math.max(minimum[role], current);
    const { targets, clamps } = withinBudget({
      wanted,
      minimum,
      workers: observation.workers,
      gpusPerWorker: this.#context.gpusPerWorker,
      maxGpus: this.#options.maxGpus,
      roles: this.#roles,
    });
    return describeDecision({
      tick,
      observation,
      rate,
      bank: this.#bank,
      shapes: this.#shapes,
      needs,
      margins,
      levels: this.#pressure.levels,
      reserve,
      plans,
      targets,
      clamps,
      missing,
    });
  }

  #planRole(
    role: Role,
    observation: Observation,
    needs: WorkerNeeds,
    margins: SafetyMargins,
    reserve: number,
    mayScaleDown: boolean,
  ): RolePlan {
    const { active, starting } = observation.workers[role];
    const current = active + starting;
    const startupS = this.#context.startupMs[role] / 1000;
    const horizonS = startupS + this.#tickS;
    const upRate = Math.max(this.#bank.upper(startupS, reserve), this.#bank.upper(horizonS, reserve));
    let peak = 0;
    for (let i = 0; i < DOWN_POINTS; i++) {
      peak = Math.max(peak, this.#bank.upper((horizonS * i) / (DOWN_POINTS - 1), reserve));
    }
    const later = Math.min(peak, this.#bank.upper(Math.max(horizonS, SETTLING_S), reserve));
    const downRate = Math.max(peak, later + levelNoise(later));
    const needUp = needs.workers(role, upRate, margins);
    const needDown = needs.workers(role, downRate, margins);
    const known = needUp !== null && needDown !== null;
    if (!known || !mayScaleDown) this.#hysteresis[role].reset();
    const step = known
      ? this.#hysteresis[role].step(
          observation.nowMs,
          current,
          needUp,
          mayScaleDown ? needDown : Math.max(needDown, current),
        )
      : { target: Math.max(current, this.#minWorkers[role]), code: "hold" as const, lowerForMs: 0 };
    return { role, current, upRate, downRate, needUp, needDown, step };
  }

  /** Judges this tick's completions: were they missed for want of workers, or with workers enough? */
  #feelPressure(observation: Observation, needs: WorkerNeeds, rate: number, dtS: number): void {
    const margins = this.#pressure.margins();
    const present = this.#bank.recentRate(PRESENT_WINDOW_S);
    const isShort = (role: Role) => {
      const need = needs.workers(role, present, margins);
      return need !== null && observation.workers[role].active < need;
    };
    const decodeShort = isShort("decode");
    this.#pressure.update({
      dtS,
      weight: rate / Math.max(this.#shapes.usualRate(), Number.MIN_VALUE),
      ttftMissShare: missShare(observation.ttftJudged, observation.ttftMet),
      itlMissShare: missShare(observation.itlJudged, observation.itlMet),
      prefillShort: this.#context.mode === "agg" ? decodeShort : isShort("prefill"),
      decodeShort,
    });
  }

  #stay(tick: number, observation: Observation, rate: number | null, code: string, text: string): Decision {
    for (const role of this.#roles) this.#hysteresis[role].reset();
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

/** Deviations of a Poisson rate counted over the window that the quicker level models average. */
function levelNoise(rate: number): number {
  return LEVEL_DEVIATIONS * Math.sqrt(rate / LEVEL_WINDOW_S);
}

function missShare(judged: number, met: number): number | null {
  return judged > 0 ? Math.max(0, (judged - met) / judged) : null;
}
