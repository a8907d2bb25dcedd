import { LoadPredictor, type PredictorConfig } from "#planner/predictors";
import type { Profile, Surface } from "#profiles";
import { isDue } from "../due.ts";
import { ranksOf } from "../roles.ts";
import { noteShared } from "../shared-values.ts";
import type {
  Clamp,
  Decision,
  ForwardPass,
  Observation,
  Planner,
  PlannerContext,
  Reason,
  Role,
  Targets,
} from "../types.ts";
import type { LoadThresholds } from "./easy-load.ts";
import { latestPasses } from "./engine-load.ts";
import { lackingPassesReason, loadReason, powerReason, throughputReason } from "./explain.ts";
import type { GpuBounds } from "./gpu-bounds.ts";
import { latencyModel } from "./latency-model.ts";
import type { LoopOutcome } from "./loop-outcome.ts";
import type { LearningPassModel } from "./pass-model.ts";
import { withinPower } from "./power-limit.ts";
import type { PassRegressionOptions } from "./regression/pass-regression.ts";
import { ScalingCore } from "./scaling-core.ts";
import { TrafficSum } from "./traffic-window.ts";
import type { LoadReason, OptimizationTarget, ThroughputReason } from "./words.ts";

export interface LoadCompatOptions {
  /** Time between ticks, ms; divides the intervals of both loops. */
  intervalMs: number;
  /** Of each loop, ms; null: the loop is off. */
  loadIntervalMs: number | null;
  throughputIntervalMs: number | null;
  target: OptimizationTarget;
  bounds: GpuBounds;
  minWorkers: Targets;
  thresholds: LoadThresholds;
  /** 0..1 */
  scaleDownSensitivity: number;
  speculativeNextn: number;
  regression: PassRegressionOptions;
  predictor: PredictorConfig;
  contextLength: number | null;
  /** Null: no notice is taken of power. */
  power: { limitWatts: number; perReplica: { prefill: number | null; decode: number | null } } | null;
}

/**
 * Dynamo's planner of August 2026: load scaling by one worker at a time from forward passes, throughput scaling from a forecast,
 * or the second as the floor of the first. Its weaknesses are kept: one step per tick, nothing while a worker starts, floors that
 * outlast the traffic they were made for.
 * @param profile measurements that its latency model begins with, with a surface of them; null: it learns from live passes alone
 */
export function loadCompatStrategy(
  options: LoadCompatOptions,
  context: PlannerContext,
  surface: Surface | null,
  profile: Pick<Profile, "prefill" | "decode"> | null,
): Planner {
  return new LoadCompat(options, context, surface, profile);
}

class LoadCompat implements Planner {
  readonly strategy = "load-compat";
  readonly intervalMs: number;
  readonly needsForwardPasses: boolean;
  readonly #options: LoadCompatOptions;
  readonly #core: ScalingCore;
  readonly #models: Record<Role, LearningPassModel>;
  readonly #predictor: LoadPredictor | null;
  readonly #traffic = new TrafficSum();
  #minWorkers: Targets;
  #lastLoadMs: number | null = null;
  #lastThroughputMs: number | null = null;
  #lastReasons: { load: LoadReason | null; throughput: ThroughputReason | null } = { load: null, throughput: null };
  #forecast: Decision["forecast"] = null;
  #tickCount = 0;
  readonly #isAggregated: boolean;
  readonly #ranks: Targets;
  /** Roles of which a benchmark was learnt. */
  readonly #benchmarked = new Set<Role>();

  constructor(
    options: LoadCompatOptions,
    context: PlannerContext,
    surface: Surface | null,
    profile: Pick<Profile, "prefill" | "decode"> | null,
  ) {
    const { intervalMs, throughputIntervalMs, regression } = options;
    this.intervalMs = intervalMs;
    this.needsForwardPasses = options.loadIntervalMs !== null || options.target === "sla";
    this.#options = options;
    this.#isAggregated = context.mode === "agg";
    this.#ranks = ranksOf(context);
    this.#minWorkers = options.minWorkers;
    const model = (role: Role) => latencyModel(role, regression, context, surface, profile);
    this.#models = { prefill: model("prefill"), decode: model("decode") };
    this.#predictor =
      throughputIntervalMs === null
        ? null
        : new LoadPredictor(options.predictor, throughputIntervalMs / 1000, context.predictorTools);
    if (throughputIntervalMs !== null && context.history !== undefined) {
      this.#predictor?.warmUp(context.history(throughputIntervalMs / 1000));
    }
    const kvTokensPerRank = context.kvTokensPerRank ?? surface?.maxKvTokens;
    const engine = (role: Role) => {
      const ranks = this.#ranks[role];
      return {
        gpus: context.gpusPerWorker[role],
        ranks,
        maxBatchedTokens: context.maxBatchedTokens === undefined ? null : context.maxBatchedTokens * ranks,
        maxSequences: role === "prefill" ? null : (context.maxDecodeSequences ?? null),
        maxKvTokens: kvTokensPerRank === undefined ? null : kvTokensPerRank * ranks,
        contextLength: options.contextLength,
        model: this.#models[role],
      };
    };
    this.#core = new ScalingCore({
      mode: context.mode,
      target: options.target,
      scaling: { load: options.loadIntervalMs !== null, throughput: throughputIntervalMs !== null },
      sla: context.sla,
      scaleDownSensitivity: options.scaleDownSensitivity,
      thresholds: options.thresholds,
      bounds: options.bounds,
      isGuarded: true,
      minWorkers: options.minWorkers,
      speculativeNextn: options.speculativeNextn,
      maxFpmSamples: regression.maxSamples,
      engines: { prefill: engine("prefill"), decode: engine("decode") },
    });
  }

  setMinimum(minimum: Targets): void {
    this.#minWorkers = minimum;
    this.#core.setMinimum(minimum);
  }

  tick(observation: Observation): Decision {
    const { nowMs, windowMs, workers } = observation;
    // The first tick comes one interval after the start, however far back its window reaches.
    const startMs = nowMs - Math.min(windowMs, this.intervalMs);
    this.#lastLoadMs ??= startMs;
    this.#lastThroughputMs ??= startMs;
    const decision = this.#begin(observation);
    this.#core.observeRuntime(observation.kvHitRate, observation.acceptLength);
    this.#core.observeEngines(observation.workerLimits ?? {});
    this.#traffic.add(observation);
    this.#learnBenchmarks(observation);
    this.#learn(observation);
    const { loadIntervalMs, throughputIntervalMs } = this.#options;
    let wanted: Partial<Targets> | null = null;
    if (throughputIntervalMs !== null && isDue(nowMs, this.#lastThroughputMs, throughputIntervalMs)) {
      this.#lastThroughputMs = nowMs;
      const outcome = this.#throughput(decision, observation);
      this.#lastReasons.throughput = outcome.reason;
      wanted = outcome.targets;
      this.#explain(decision, outcome, throughputReason);
    }
    if (loadIntervalMs !== null && isDue(nowMs, this.#lastLoadMs, loadIntervalMs)) {
      this.#lastLoadMs = nowMs;
      const passes = observation.forwardPasses ?? { prefill: null, decode: null };
      const outcome = this.#core.advanceLoad(workers, passes);
      this.#lastReasons.load = outcome.reason;
      // What load scaling names counts before what throughput scaling does.
      wanted = outcome.targets === null ? wanted : { ...wanted, ...outcome.targets };
      this.#explain(decision, outcome, loadReason);
    }
    decision.reasons.push(...this.#whatIsNotKnown(decision.reasons));
    decision.forecast = this.#forecast;
    decision.loops = this.#loops();
    for (const role of this.#core.roles) {
      if (loadIntervalMs !== null && throughputIntervalMs !== null)
        noteShared(decision.values, `${role}Floor`, this.#core.floors[role]);
    }
    decision.targets = this.#project(decision, observation, wanted);
    return decision;
  }

  #begin({ nowMs, windowMs, workers, startedRequests, completedRequests }: Observation): Decision {
    const requests = startedRequests ?? completedRequests;
    return {
      tick: this.#tickCount++,
      atMs: nowMs,
      strategy: this.strategy,
      targets: null,
      workers,
      observedRate: requests === null || windowMs <= 0 ? null : (requests / windowMs) * 1000,
      forecast: null,
      values: {},
      clamps: [],
      reasons: [],
    };
  }

  /** As in the reference: what one rank was tried with is not told to an engine whose attention has several. */
  #learnBenchmarks({ benchmarks = {} }: Observation): void {
    if (this.#options.target !== "sla") return;
    for (const role of this.#core.roles) {
      const passes = benchmarks[role];
      if (passes === undefined || this.#benchmarked.has(role) || this.#ranks[role] > 1) continue;
      this.#benchmarked.add(role);
      for (const pass of passes) this.#models[role].learnPasses([pass]);
    }
  }

  /** The latency model is only asked for an SLA. */
  #learn({ forwardPasses }: Observation): void {
    if (this.#options.target !== "sla" || forwardPasses === undefined) return;
    for (const role of this.#core.roles) {
      const passes: readonly ForwardPass[] = forwardPasses[role] ?? [];
      for (const engine of latestPasses(passes)) this.#models[role].learnPasses(engine);
    }
  }

  #throughput(decision: Decision, { forecast }: Observation): LoopOutcome<ThroughputReason> {
    const none = (reason: ThroughputReason): LoopOutcome<ThroughputReason> => ({
      targets: null,
      reason,
      reasons: {},
      clamps: [],
      values: {},
    });
    const traffic = this.#traffic.take();
    if (traffic === null) return none("no_traffic_data");
    this.#predictor!.add(traffic);
    const own = this.#predictor!.predict();
    const expected = {
      requestsPerS: forecast?.requestRate ?? own.requests / traffic.durationS,
      isl: forecast?.isl ?? own.isl,
      osl: forecast?.osl ?? own.osl,
      kvHitRate: null,
    };
    const { requestsPerS, isl, osl } = expected;
    if (![requestsPerS, isl, osl].every((value) => Number.isFinite(value) && value >= 0)) return none("predict_failed");
    this.#forecast = { requestRate: requestsPerS, isl, osl };
    decision.values.trafficWindowS = traffic.durationS;
    return this.#core.advanceThroughput(expected);
  }

  #explain<Word extends string>(
    decision: Decision,
    { reason, reasons, clamps, values }: LoopOutcome<Word>,
    toReason: (word: Word, role: Role | null) => Reason,
  ): void {
    const byRole = Object.entries(reasons) as [Role, Word][];
    decision.reasons.push(toReason(reason, null));
    for (const [role, word] of byRole) decision.reasons.push(toReason(word, role));
    decision.clamps.push(...clamps);
    Object.assign(decision.values, values);
  }

  /** Why a loop towards an SLA could not decide. */
  #whatIsNotKnown(reasons: readonly Reason[]): Reason[] {
    if (this.#options.target !== "sla") return [];
    if (!reasons.some(({ code }) => code === "model-not-ready" || code === "insufficient-data")) return [];
    return this.#core.roles.flatMap((role) => {
      const kind = this.#isAggregated ? "agg" : role;
      return lackingPassesReason(this.#models[role].lackingPasses(), role, kind) ?? [];
    });
  }

  #loops(): NonNullable<Decision["loops"]> {
    const { loadIntervalMs, throughputIntervalMs } = this.#options;
    return {
      load: loadIntervalMs === null ? "disabled" : (this.#lastReasons.load ?? "unset"),
      throughput: throughputIntervalMs === null ? "disabled" : (this.#lastReasons.throughput ?? "unset"),
    };
  }

  /** What is carried out: the minimum where nothing is under way, the power limit, and only what differs from what stands. */
  #project(decision: Decision, { workers }: Observation, wanted: Partial<Targets> | null): Targets | null {
    const roles = this.#core.roles;
    const { maxGpus } = this.#options.bounds;
    if (maxGpus !== null && this.#core.minimumGpus > maxGpus) {
      // The reference would scale to nothing here.
      const text = `the minimum takes ${this.#core.minimumGpus} GPUs, the budget is ${maxGpus}: nothing changes`;
      decision.reasons.push({ code: "minimum-exceeds-budget", role: null, text });
      return null;
    }
    const standing = (role: Role) => workers[role].active + workers[role].starting;
    const targets = { prefill: standing("prefill"), decode: standing("decode") };
    const isScaling = roles.some((role) => workers[role].starting > 0);
    let isRaised = false;
    for (const role of roles) {
      const wish = wanted?.[role] ?? targets[role];
      targets[role] = isScaling ? wish : Math.max(wish, this.#minWorkers[role]);
      if (targets[role] === wish) continue;
      isRaised = true;
      decision.clamps.push({ name: "minWorkers", role, from: wish, to: targets[role] });
    }
    if (isRaised) Object.assign(targets, this.#core.withinBounds(targets, decision.clamps));
    const powered = this.#withinPower(decision.clamps, decision.reasons, roles, targets, standing);
    return roles.every((role) => powered[role] === standing(role)) ? null : powered;
  }

  #withinPower(
    clamps: Clamp[],
    reasons: Reason[],
    roles: readonly Role[],
    targets: Targets,
    standing: (role: Role) => number,
  ): Targets {
    const { power } = this.#options;
    if (power === null) return targets;
    const of = (role: Role, value: number) => (roles.includes(role) ? value : null);
    const { targets: allowed, outcome } = withinPower({
      wanted: { prefill: of("prefill", targets.prefill), decode: of("decode", targets.decode) },
      current: { prefill: of("prefill", standing("prefill")), decode: of("decode", standing("decode")) },
      wattsPerReplica: power.perReplica,
      limitWatts: power.limitWatts,
      minimum: this.#minWorkers,
    });
    if (outcome === null) return targets;
    const limited = { ...targets };
    // Not even the minimums fit: what stands, stays.
    for (const role of roles)
      limited[role] = outcome === "infeasible" ? standing(role) : (allowed[role] ?? targets[role]);
    for (const role of roles) {
      if (limited[role] === targets[role]) continue;
      clamps.push({ name: "powerLimit", role, from: targets[role], to: limited[role] });
    }
    reasons.push(powerReason(outcome));
    return limited;
  }
}
