import type { ForecastBank } from "#planner/predictors";
import { WHILE_DRAINING } from "./budget.ts";
import type { Hindsight } from "./hindsight/role-hindsight.ts";
import type { Step } from "./hysteresis.ts";
import type { LatencyEstimates } from "./latency-estimates.ts";
import type { PressureLevels, SafetyMargins } from "./pressure.ts";
import type { Degradation, RequestShapes } from "./request-shapes.ts";
import { noteShared, shared } from "./shared-values.ts";
import type { Clamp, Decision, Observation, Reason, Role, Targets } from "./types.ts";
import type { WorkerNeeds } from "./worker-needs.ts";

/** What the default strategy wants for one role, before the budget. */
export interface RolePlan {
  role: Role;
  /** Active + starting. */
  current: number;
  upRate: number;
  downRate: number;
  needUp: number | null;
  needDown: number | null;
  step: Step;
  /** What history says; null: nothing yet. */
  hindsight: Hindsight | null;
}

interface Plan {
  tick: number;
  observation: Observation;
  rate: number;
  /** Forecast by somebody else; null: by the bank. */
  givenRate: number | null;
  bank: ForecastBank;
  shapes: RequestShapes;
  needs: WorkerNeeds;
  margins: SafetyMargins;
  levels: PressureLevels;
  reserve: number;
  /** Time since there was anything to do, ms. */
  idleMs: number;
  estimates: LatencyEstimates;
  roles: readonly Role[];
  /** Workers of each role that must remain. */
  minimum: Targets;
  plans: RolePlan[];
  targets: Targets;
  clamps: Clamp[];
  missing: Degradation[];
}

/** The decision of a tick with everything that led to it. Rates in requests/s. */
export function describeDecision(plan: Plan): Decision {
  const { bank, shapes, observation } = plan;
  return {
    tick: plan.tick,
    atMs: observation.nowMs,
    strategy: "default",
    targets: plan.targets,
    workers: observation.workers,
    observedRate: plan.rate,
    forecast: {
      requestRate: plan.givenRate ?? bank.forecast(bank.horizonS),
      isl: shapes.meanIsl(),
      osl: plan.needs.effectiveOsl,
    },
    values: finite(valuesOf(plan)),
    clamps: plan.clamps,
    reasons: reasonsOf(plan),
  };
}

function valuesOf(plan: Plan): Record<string, number> {
  const { bank, shapes, needs, margins, levels, reserve, plans, idleMs, estimates } = plan;
  const values: Record<string, number> = {
    forecastNowPerS: bank.forecast(0),
    forecastHorizonS: bank.horizonS,
    reservePerS: reserve,
    burstReservePerS: bank.burst.reserve,
    burstCeilingPerS: bank.burst.ceiling,
    errorQuantile: margins.errorQuantile,
    waitShare: margins.waitShare,
    batchDeviations: margins.batchDeviations,
    forecastPressure: levels.forecast,
    queuePressure: levels.queue,
    batchPressure: levels.batch,
    meanIslTokens: shapes.meanIsl(),
    islScv: needs.islScv,
    arrivalDispersion: shapes.arrivalDispersion,
    effectiveOslTokens: needs.effectiveOsl,
    meanContextTokens: needs.meanContext,
    prefillCorrection: shapes.prefillCorrection,
    decodeCorrection: shapes.decodeCorrection,
    ...shared({ prefillServiceMs: needs.prompts.meanS * 1000 }),
    prefillPatienceMs: Math.max(...needs.prompts.patienceS) * 1000,
    prefillBatchedMs: needs.prompts.batchedMeanS * 1000,
    idleS: idleMs / 1000,
    ...estimates,
  };
  if (needs.decode !== null) {
    values.decodeBatch = needs.decode.batch;
    noteShared(values, "decodeWorkerPerS", needs.decode.requestsPerS);
  }
  for (const { role, upRate, downRate, needUp, needDown, current, hindsight } of plans) {
    values[`${role}UpPerS`] = upRate;
    values[`${role}DownPerS`] = downRate;
    values[`${role}Current`] = current;
    if (needUp !== null) values[`${role}NeedUp`] = needUp;
    if (needDown !== null) values[`${role}NeedDown`] = needDown;
    if (hindsight === null) continue;
    values[`${role}FixedWorkers`] = hindsight.fixed;
    values[`${role}FollowedRatio`] = hindsight.followedRatio;
    values[`${role}FollowedLostShare`] = hindsight.followedLost;
    values[`${role}MissBias`] = hindsight.bias;
  }
  for (const { name, weight, periodS } of bank.heaviest()) {
    if (weight >= 0.01) values[`weight.${name}`] = weight;
    if (periodS !== null) values.periodS = periodS;
  }
  return values;
}

function reasonsOf({
  givenRate,
  plans,
  clamps,
  missing,
  needs,
  shapes,
  bank,
  targets,
  minimum,
  roles,
  idleMs,
}: Plan): Reason[] {
  const prefillRole = roles[0]!;
  const reasons = plans.map((plan) => roleReason(plan, bank, idleMs));
  for (const { role, hindsight } of plans) {
    if (hindsight?.holds) reasons.push({ code: "fixed-by-hindsight", role, text: hindsightText(hindsight) });
  }
  if (givenRate !== null) {
    const text = `${givenRate.toFixed(1)} req/s are expected by a plugin, in place of its own ${bank.forecast(bank.horizonS).toFixed(1)}`;
    reasons.push({ code: "forecast-given", role: null, text });
  }
  for (const { name, role, from, to } of clamps) {
    reasons.push(clampReason(name, role, from, to));
  }
  reasons.push(...unmetReasons(roles, targets, minimum));
  if (!needs.ttftFeasible && roles.includes(prefillRole)) {
    reasons.push({
      code: "ttft-infeasible",
      role: prefillRole,
      text: "prompts of this length miss the TTFT even without a queue: sized by utilisation instead",
    });
  }
  if (needs.decode !== null && !needs.decode.feasible && roles.includes("decode")) {
    reasons.push({
      code: "itl-infeasible",
      role: "decode",
      text: "not even a single sequence keeps the ITL: sized by the KV cache instead",
    });
  }
  const { reserve: burst, ceiling } = bank.burst;
  if (burst > 0 && bank.forecast(0) < ceiling) {
    const text = `workers for ${Math.min(bank.forecast(0) + burst, ceiling).toFixed(1)} req/s are held: load has jumped that far unforeseen`;
    reasons.push({ code: "held-for-bursts", role: null, text });
  }
  if (!shapes.isReady && roles.includes("decode")) {
    reasons.push({
      code: "no-output-lengths-yet",
      role: "decode",
      text: `no request has ended yet, so output lengths are unknown: decode stays at ${targets.decode}`,
    });
  }
  for (const { code, text } of missing) reasons.push({ code: `degraded-${code}`, role: null, text });
  return reasons;
}

/** Of roles whose minimum the limits do not allow. */
export function unmetReasons(roles: readonly Role[], targets: Targets, minimum: Targets): Reason[] {
  const unmet = roles.filter((role) => targets[role] < minimum[role]);
  return unmet.map((role) => ({
    code: "minimum-unmet",
    role,
    text: `the minimum of ${minimum[role]} does not fit the limits now: ${targets[role]}`,
  }));
}

/** Why a role gets workers of which nobody can say whether they are needed. */
export function raisedReason(role: Role, current: number, wanted: number, isAsked: boolean): Reason {
  if (isAsked && current === 0) {
    return { code: "wake-up", role, text: `requests wait and there is no worker: ${wanted}` };
  }
  return { code: "minimum", role, text: `${current} workers are fewer than always remain: ${wanted}` };
}

function hindsightText({ fixed, enough, followedRatio, followedLost }: Hindsight): string {
  const compared =
    `following the forecast would have done ${followedRatio.toFixed(2)} × as much per worker as the best fixed size, ` +
    `with ${(100 * followedLost).toFixed(1)} % late: ${fixed} workers are enough`;
  return enough > fixed ? `${compared}, and ${enough - fixed} more while the load is beyond what was seen` : compared;
}

/** What the limits made of a wish. */
function clampReason(name: string, role: Role | null, from: number, to: number): Reason {
  if (name === "minGpus")
    return { code: "min-gpus", role, text: `${to} instead of ${from} workers: ${name} are always used` };
  if (!name.endsWith(WHILE_DRAINING)) {
    return { code: "budget", role, text: `${from} workers would exceed ${name}: ${to}` };
  }
  const limit = name.slice(0, -WHILE_DRAINING.length);
  return {
    code: "budget-draining",
    role,
    text: `${to} instead of ${from} until draining workers free their share of ${limit}`,
  };
}

function roleReason(
  { role, current, step, upRate, downRate, needUp, needDown, hindsight }: RolePlan,
  bank: ForecastBank,
  idleMs: number,
): Reason {
  const rate = (perS: number) => `${perS.toFixed(1)} req/s`;
  if (hindsight?.holds) return { code: step.code, role, text: fixedText(step, current, hindsight.enough) };
  const codeAndText = (): [string, string] => {
    switch (step.code) {
      case "wake-up":
        return [step.code, `requests wait and there is no worker: ${step.target}`];
      case "scale-up":
        if (needUp === null) return [step.code, `${step.target} workers at least, instead of ${current}`];
        return [
          step.code,
          `up to ${rate(upRate)} expected within ${bank.horizonS.toFixed(0)} s: ${needUp} workers instead of ${current}`,
        ];
      case "scale-down":
        if (step.target === 0) return ["scale-to-zero", `nothing to do for ${seconds(idleMs)}: no worker remains`];
        return [
          step.code,
          `at most ${rate(downRate)} expected: ${step.target} of ${current} workers were enough for ${seconds(step.lowerForMs)}`,
        ];
      case "scale-down-waits":
        return [
          step.code,
          `${needDown} of ${current} workers would do for ${seconds(step.lowerForMs)} now: not long enough`,
        ];
      case "hold":
        if (current === 0) return [step.code, `nothing to do for ${seconds(idleMs)}: no worker is needed`];
        return [step.code, `${current} workers fit ${rate(upRate)}`];
    }
  };
  const [code, text] = codeAndText();
  return { code, role, text };
}

/** Of a step that the size kept by hindsight asks for: forecasts have no say in it. */
function fixedText({ code, target, lowerForMs }: Step, current: number, enough: number): string {
  switch (code) {
    case "scale-down":
      return `${target} of ${current} workers were enough for ${seconds(lowerForMs)}, by what has been seen`;
    case "scale-down-waits":
      return `fewer than ${current} workers would do for ${seconds(lowerForMs)} now, by what has been seen: not long enough`;
    case "hold":
      if (current > enough)
        return `${current} workers stay: this load was found to need them, or so many always remain`;
      return `${current} workers are right, by what has been seen`;
    default:
      return `${target} workers instead of ${current}, by what has been seen`;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(0)} s`;
}

function finite(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}
