import {
  type Decision,
  type Observation,
  type Planner,
  type PluginCode,
  type Reason,
  type ResourceLimit,
  type Role,
  resourceLimits,
  rolesOf,
  type Targets,
} from "#planner/core";
import { explain, failuresOf, pluginReason } from "./explain.ts";
import { withinLimits } from "./limits.ts";
import { mergeOpinions, type Opinion } from "./merge.ts";
import { type Hearing, type PluginSchedule, PluginSeat } from "./seat.ts";
import { TrafficHistory } from "./traffic.ts";
import {
  type ExecuteAction,
  type Plugin,
  type PluginAudit,
  type PluginEvaluation,
  type PluginForecast,
  type PluginRequest,
  type PluginStage,
  PROTOCOL_VERSION,
} from "./types.ts";

/** Priority of the strategy among those that propose, and among those that predict (Dynamo's built-in plugins). */
const STRATEGY_PROPOSES = 10;
const STRATEGY_PREDICTS = 0;

export interface PluggedPlannerOptions {
  deployment: PluginRequest["deployment"];
  /** What holds against plugins, too; absent: the deployment's `maxGpus`. */
  limits?: readonly ResourceLimit[];
  /** Ms of the planner's clock at the start. */
  registeredMs: number;
  /** For one answer, real ms. */
  requestTimeoutMs: number;
  /** For all plugins together at a tick, real ms; after it nothing is scaled. */
  tickMaxDurationMs: number;
  onAudit?: (audit: PluginAudit, planner: PluggedPlanner, decision: Decision) => void;
  /** For tests. */
  monotonicMs?: () => number;
  timeoutSignal?: (ms: number) => AbortSignal;
}

/**
 * A strategy with plugins round it: predict → the strategy → propose → reconcile → constrain. Without an opinion of theirs a decision
 * remains as the strategy made it; minimum and GPU budget hold against plugins, too.
 */
export class PluggedPlanner {
  readonly strategy: string;
  readonly needsForwardPasses: boolean;
  readonly intervalMs: number;
  readonly seats: readonly PluginSeat[];
  /** Absent where the strategy's minimum can't be changed. */
  readonly setMinimum?: (minimum: Targets) => void;
  readonly #planner: Planner;
  readonly #options: PluggedPlannerOptions;
  readonly #roles: readonly Role[];
  readonly #history: TrafficHistory;
  #minWorkers: Targets;
  #tick = 0;

  constructor(
    planner: Planner,
    plugins: readonly { schedule: PluginSchedule; plugin: Plugin }[],
    options: PluggedPlannerOptions,
  ) {
    const { deployment, registeredMs, requestTimeoutMs } = options;
    this.strategy = planner.strategy;
    // Plugins may ask for them, too.
    this.needsForwardPasses = planner.needsForwardPasses === true || plugins.length > 0;
    this.intervalMs = planner.intervalMs;
    this.#planner = planner;
    this.#options = options;
    this.#minWorkers = deployment.minWorkers;
    if (planner.setMinimum !== undefined) {
      this.setMinimum = (minimum) => {
        this.#minWorkers = { ...minimum };
        planner.setMinimum?.(minimum);
      };
    }
    this.#roles = rolesOf(deployment.mode);
    const { monotonicMs = () => performance.now(), timeoutSignal = AbortSignal.timeout } = options;
    const seatOptions = { registeredMs, requestTimeoutMs, roles: this.#roles, monotonicMs, timeoutSignal };
    // Equal priorities: in the order of the configuration.
    this.seats = plugins
      .map(({ schedule, plugin }) => new PluginSeat(schedule, plugin, seatOptions))
      .sort((a, b) => a.schedule.priority - b.schedule.priority);
    this.#history = new TrafficHistory(Math.max(0, ...plugins.map(({ schedule }) => schedule.observationWindowMs)));
  }

  /** Plugins of this process and connections to others end. */
  async close(): Promise<void> {
    await Promise.all(this.seats.map((seat) => seat.close()));
  }

  async tick(observation: Observation): Promise<Decision> {
    const { onAudit, tickMaxDurationMs, timeoutSignal = AbortSignal.timeout } = this.#options;
    this.#history.add(observation);
    const run: Run = {
      observation,
      tick: this.#tick++,
      signal: timeoutSignal(tickMaxDurationMs),
      evaluations: [],
      forecast: null,
      decision: null,
      standing: standingOf(observation, this.#roles),
    };
    const given = await this.#predict(run, (priority) => priority < STRATEGY_PREDICTS);
    run.decision = this.#planner.tick(given === null ? observation : withForecast(observation, given));
    run.forecast = filled(given ?? {}, run.decision.forecast ?? {});
    if (Object.keys(run.forecast).length === 0) run.forecast = null;
    await this.#predict(run, (priority) => priority >= STRATEGY_PREDICTS);
    const action = await this.#argue(run, run.decision);
    run.decision.reasons.push(...failuresOf(run.evaluations));
    onAudit?.({ action, evaluations: run.evaluations }, this, run.decision);
    return run.decision;
  }

  /** Ascending priority; the first to name a field has it; a final one ends the round. */
  async #predict(run: Run, isIn: (priority: number) => boolean): Promise<PluginForecast | null> {
    for (const seat of this.#seatsOf("predict")) {
      if (run.forecastIsFinal || !isIn(seat.schedule.priority)) continue;
      const { answer } = await this.#hear(seat, run);
      if (answer?.kind !== "override" || !("forecast" in answer)) continue;
      run.forecast = filled(run.forecast ?? {}, answer.forecast);
      run.forecastIsFinal = answer.final === true;
    }
    return run.forecast;
  }

  /** The stages after the strategy; what they make of the decision is written into it. */
  async #argue(run: Run, decision: Decision): Promise<ExecuteAction> {
    const own = decision.targets;
    const notes: Reason[] = [];
    for (const stage of ["propose", "reconcile", "constrain"] as const) {
      const seats = this.#seatsOf(stage);
      if (seats.length === 0 && stage !== "propose") continue;
      const hearings = await Promise.all(seats.map((seat) => this.#hear(seat, run)));
      const opinions: Opinion[] = seats.flatMap(({ schedule }, i) => {
        const { answer } = hearings[i]!;
        return answer === null ? [] : [{ pluginId: schedule.id, priority: schedule.priority, answer }];
      });
      if (stage === "propose" && own !== null) opinions.push(this.#strategyOpinion(own));
      const merged = mergeOpinions(opinions, run.standing, stage !== "constrain");
      if (merged.rejectedBy !== null) {
        const reason = hearings.find(({ evaluation }) => evaluation.pluginId === merged.rejectedBy)?.evaluation.reason;
        reject(decision, "rejected_by_plugin", `plugin ${merged.rejectedBy} rejects${reason ? `: ${reason}` : ""}`);
        return "skip_short_circuit";
      }
      notes.push(
        ...explain(stage, this.#roles, opinions, merged, { ...run.standing, ...(stage === "propose" ? own : null) }),
      );
      run.standing = merged.targets;
    }
    if (run.signal.aborted) {
      reject(decision, "skip_tick_timeout", "plugins took longer than a tick may: nothing changes");
      return "skip_tick_timeout";
    }
    this.#settle(run, decision, notes);
    return decision.targets === null ? "skip_no_targets" : "apply";
  }

  /** Writes what plugins wanted into the decision, within what always holds. */
  #settle(run: Run, decision: Decision, notes: readonly Reason[]): void {
    const before = decision.targets ?? standingTargets(decision, this.#roles);
    const wanted = { ...before, ...run.standing };
    if (this.#roles.every((role) => wanted[role] === before[role])) return;
    const { deployment, limits } = this.#options;
    const { targets, clamps, reasons } = withinLimits(wanted, decision, {
      roles: this.#roles,
      minWorkers: this.#minWorkers,
      limits: limits ?? resourceLimits({ maxGpus: deployment.maxGpus }, deployment.gpusPerWorker),
    });
    for (const role of this.#roles) {
      if (before[role] !== wanted[role]) {
        decision.clamps.push({ name: "plugins", role, from: before[role], to: wanted[role] });
      }
    }
    decision.clamps.push(...clamps);
    decision.targets = targets;
    const held = run.evaluations.filter(({ result }) => result === "held");
    decision.reasons.unshift(
      ...notes,
      ...reasons,
      ...held.map(({ pluginId }) => ({
        code: "held_over",
        role: null,
        text: `plugin ${pluginId} was not asked: what it said last counts on`,
      })),
    );
  }

  #strategyOpinion(targets: Targets): Opinion {
    return {
      pluginId: `builtin_${this.strategy}`,
      priority: STRATEGY_PROPOSES,
      answer: {
        kind: "override",
        targets: this.#roles.map((role) => ({ role, replicas: targets[role], type: "SET" as const })),
      },
    };
  }

  #seatsOf(stage: PluginStage): PluginSeat[] {
    return this.seats.filter(({ schedule }) => schedule.stage === stage);
  }

  async #hear(seat: PluginSeat, run: Run): Promise<Hearing> {
    const isSatisfied = seat.schedule.requires.length === 0 || run.forecast !== null;
    const request = () => this.#request(seat.schedule, run);
    const hearing = await seat.hear(request, run.observation.nowMs, isSatisfied, run.signal);
    run.evaluations.push(hearing.evaluation);
    return hearing;
  }

  #request({ id, stage, needs, observationWindowMs }: PluginSchedule, run: Run): PluginRequest {
    const { observation, decision } = run;
    const wants = (part: PluginSchedule["needs"][number]) => needs.length === 0 || needs.includes(part);
    return {
      protocolVersion: PROTOCOL_VERSION,
      pluginId: id,
      stage,
      tick: run.tick,
      nowMs: observation.nowMs,
      deployment: { ...this.#options.deployment, minWorkers: this.#minWorkers },
      workers: observation.workers,
      targets: run.standing,
      forecast: run.forecast,
      ...(wants("traffic") ? { traffic: this.#history.over(observationWindowMs) } : {}),
      ...(wants("prefill_load") ? { prefillLoad: observation.prefillLoad } : {}),
      ...(wants("decode_load") ? { decodeLoad: observation.decodeLoad } : {}),
      ...(wants("forward_passes") ? { forwardPasses: observation.forwardPasses ?? null } : {}),
      ...(decision === null
        ? {}
        : {
            decision: {
              strategy: decision.strategy,
              targets: decision.targets,
              values: decision.values,
              reasons: decision.reasons,
            },
          }),
    };
  }
}

/** A tick under way. */
interface Run {
  observation: Observation;
  tick: number;
  signal: AbortSignal;
  evaluations: PluginEvaluation[];
  forecast: PluginForecast | null;
  forecastIsFinal?: boolean;
  decision: Decision | null;
  /** Targets before the stage that comes. */
  standing: Partial<Targets>;
}

/** What stands without any decision: workers that are there or on their way. */
function standingOf({ workers }: Pick<Observation, "workers">, roles: readonly Role[]): Partial<Targets> {
  return Object.fromEntries(roles.map((role) => [role, workers[role].active + workers[role].starting]));
}

function standingTargets(decision: Decision, roles: readonly Role[]): Targets {
  return { prefill: 0, decode: 0, ...standingOf(decision, roles) };
}

/** `first`, with what it leaves open from `second`. */
function filled(first: PluginForecast, second: PluginForecast): PluginForecast {
  const known = (forecast: PluginForecast) =>
    Object.fromEntries(Object.entries(forecast).filter(([, value]) => value !== null && value !== undefined));
  return { ...known(second), ...known(first) };
}

function withForecast(observation: Observation, forecast: PluginForecast): Observation {
  const { requestRate = null, isl = null, osl = null, kvHitRate, acceptLength } = forecast;
  return {
    ...observation,
    forecast: { requestRate, isl, osl },
    ...(kvHitRate === null || kvHitRate === undefined ? {} : { kvHitRate }),
    ...(acceptLength === null || acceptLength === undefined ? {} : { acceptLength }),
  };
}

function reject(decision: Decision, code: PluginCode, text: string): void {
  decision.targets = null;
  decision.reasons.unshift(pluginReason(code, null, text));
}
