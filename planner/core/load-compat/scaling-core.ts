import { known } from "../known-numbers.ts";
import { rolesOf } from "../roles.ts";
import { noteShared } from "../shared-values.ts";
import type { Clamp, ForwardPass, PlannerContext, Role, Targets, WorkerCounts, WorkerLimits } from "../types.ts";
import { easyLoadWish, type LoadThresholds } from "./easy-load.ts";
import type { QueriedEngine } from "./engine-capacity.ts";
import { coverageProblem, type EngineLoad, isScaling, latestPasses } from "./engine-load.ts";
import { boundPair, boundSingle, type GpuBounds, guardedWish } from "./gpu-bounds.ts";
import { capacityValues, type LoopOutcome, mostTelling, noteClamp } from "./loop-outcome.ts";
import { DEFAULT_LIMITS, type EngineLimits, type PassModel } from "./pass-model.ts";
import { slaLoadWish } from "./sla-load.ts";
import { SeenRequests } from "./synthetic-load.ts";
import { type ExpectedTraffic, type ThroughputNeed, throughputNeed } from "./throughput-floor.ts";
import type { LoadReason, OptimizationTarget, PoolWish, ThroughputReason } from "./words.ts";

/** What is known of one role's engines, over all their ranks; null: not known but by what they say themselves. */
export interface EngineFacts {
  gpus: number;
  /** Data-parallel ranks of its attention. */
  ranks: number;
  maxBatchedTokens: number | null;
  maxSequences: number | null;
  maxKvTokens: number | null;
  contextLength: number | null;
  model: PassModel;
}

export interface ScalingOptions {
  mode: PlannerContext["mode"];
  target: OptimizationTarget;
  scaling: { load: boolean; throughput: boolean };
  sla: { ttftMs: number; itlMs: number };
  /** 0..1 */
  scaleDownSensitivity: number;
  thresholds: LoadThresholds;
  bounds: GpuBounds;
  /** Whether a wish beyond the bounds goes through the guard of Dynamo 1.6; else the bounds alone are applied, as in the loops of August 2026. */
  isGuarded: boolean;
  minWorkers: Targets;
  /** Drafts per decode pass of speculative decoding; 0: none. */
  speculativeNextn: number;
  maxFpmSamples: number;
  /** In mode `agg` the one pool is `decode`. */
  engines: Record<Role, EngineFacts>;
}

/**
 * Dynamo's scaling of August 2026 without its clockwork: a loop over throughput that sizes from a forecast, a loop over load that
 * moves by one worker, and, where both run, the first as the floor of the second. GPU bounds have the last word, unless `isGuarded`
 * as Dynamo 1.6 applies them.
 */
export class ScalingCore {
  readonly #options: ScalingOptions;
  readonly #seen: Record<Role, SeenRequests>;
  #minWorkers: Targets;
  /** Never sinks without new traffic, as in the reference. */
  readonly floors: Targets = { prefill: 1, decode: 1 };
  /** The last known share of prompts found in the cache, and tokens per pass and sequence. */
  #kvHitRate: number | null = null;
  #acceptLength: number | null = null;
  /** What engines said last. */
  #said: Partial<Record<Role, WorkerLimits>> = {};

  constructor(options: ScalingOptions) {
    this.#options = options;
    this.#minWorkers = options.minWorkers;
    this.#seen = {
      prefill: new SeenRequests(options.maxFpmSamples),
      decode: new SeenRequests(options.maxFpmSamples),
    };
  }

  get roles(): readonly Role[] {
    return rolesOf(this.#options.mode);
  }

  setMinimum(minimum: Targets): void {
    this.#minWorkers = minimum;
  }

  /**
   * What is not known, or is no finite number, leaves the last value in force.
   * @param kvHitRate share of prompt tokens found in the cache, 0..1 @param acceptLength tokens per decode pass and sequence
   */
  observeRuntime(kvHitRate: number | null | undefined, acceptLength: number | null | undefined): void {
    this.#kvHitRate = known(kvHitRate) ?? this.#kvHitRate;
    this.#acceptLength = known(acceptLength) ?? this.#acceptLength;
  }

  /** What engines say of themselves counts where nobody else has said it; who is silent now has said it before. */
  observeEngines(said: Partial<Record<Role, WorkerLimits>>): void {
    this.#said = { ...this.#said, ...said };
  }

  /** Learns what requests look like from one pass per rank. */
  observePasses(role: Role, passes: readonly ForwardPass[]): void {
    for (const pass of passes) this.#seen[role].add(pass);
  }

  // ── throughput ──────────────────────────────────────────────────────────────────────────────────────────────────

  advanceThroughput(traffic: ExpectedTraffic): LoopOutcome<ThroughputReason> {
    this.observeRuntime(traffic.kvHitRate, null);
    const needs = new Map<Role, ThroughputNeed | null>();
    for (const role of this.roles) {
      const acceptLength = this.#boundedAcceptLength();
      const minWorkers = this.#minWorkers[role];
      const options = { sla: this.#options.sla, acceptLength, minWorkers };
      const known = { ...traffic, kvHitRate: this.#kvHitRate };
      needs.set(role, throughputNeed(this.#kind(role), this.#engine(role), known, options));
    }
    const values = capacityValues(needs);
    const outcome: LoopOutcome<ThroughputReason> = {
      targets: null,
      reason: "model_not_ready",
      reasons: {},
      clamps: [],
      values,
    };
    if ([...needs.values()].includes(null)) {
      for (const [role, need] of needs) outcome.reasons[role] = need === null ? "model_not_ready" : "partner_not_ready";
      return outcome;
    }
    const wanted = this.#all((role) => needs.get(role)!.replicas);
    if (this.#options.scaling.load) {
      for (const role of this.roles) this.floors[role] = wanted[role]!;
      return { ...outcome, reason: "set_lower_bound" };
    }
    const targets = this.withinBounds(wanted, outcome.clamps);
    return { ...outcome, targets, reason: "scale" };
  }

  // ── load ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param passes by role; null or none: nothing was heard of it */
  advanceLoad(
    workers: Record<Role, WorkerCounts>,
    passes: Record<Role, readonly ForwardPass[] | null>,
  ): LoopOutcome<LoadReason> {
    const loads: Record<Role, EngineLoad[]> = {
      prefill: latestPasses(passes.prefill ?? []),
      decode: latestPasses(passes.decode ?? []),
    };
    for (const role of this.roles) this.observePasses(role, loads[role].flat());
    const obstacle = this.#obstacle(workers, loads);
    const outcome: LoopOutcome<LoadReason> = {
      targets: null,
      reason: "no_change",
      reasons: {},
      clamps: [],
      values: {},
    };
    if (obstacle !== null) return { ...outcome, reason: obstacle, reasons: this.#perRole(() => obstacle) };
    const wishes = this.#all((role) => this.#wish(role, workers[role].active, loads[role], outcome.values));
    return this.#options.mode === "disagg"
      ? this.#decidePair(workers, { prefill: wishes.prefill!, decode: wishes.decode! }, outcome)
      : this.#decideSingle(workers, wishes[this.roles[0]!]!, outcome);
  }

  #obstacle(workers: Record<Role, WorkerCounts>, loads: Record<Role, EngineLoad[]>): LoadReason | null {
    if (this.roles.every((role) => loads[role].length === 0)) return "no_fpm_data";
    if (this.roles.some((role) => isScaling(workers[role]))) return "scaling_in_progress";
    for (const role of this.roles) {
      // A pair goes on with the role that is seen; the other one has no opinion.
      if (loads[role].length === 0) continue;
      const problem = coverageProblem(loads[role], workers[role]);
      if (problem !== null) return problem;
    }
    return null;
  }

  #wish(role: Role, workers: number, engines: EngineLoad[], values: Record<string, number>): PoolWish {
    const { target, thresholds, sla, scaleDownSensitivity } = this.#options;
    const facts = this.#facts(role);
    const kind = this.#kind(role);
    const minWorkers = this.#minWorkers[role];
    if (engines.length === 0) return { replicas: null, reason: "no_change" };
    if (target !== "sla") {
      const { contextLength } = facts;
      const kvTokensPerRank = facts.maxKvTokens === null ? null : facts.maxKvTokens / facts.ranks;
      const wish = easyLoadWish({
        target,
        kind,
        engines,
        workers,
        minWorkers,
        thresholds,
        contextLength,
        kvTokensPerRank,
      });
      if (wish.loads.length > 0) {
        values[`${role}HighestLoad`] = Math.max(...wish.loads);
        values[`${role}LowestLoad`] = Math.min(...wish.loads);
      }
      return wish;
    }
    const wish = slaLoadWish({
      kind,
      engine: this.#engine(role),
      knowsKvTokens: facts.maxKvTokens !== null,
      engines,
      workers,
      minWorkers,
      seen: this.#seen[role],
      sla,
      sensitivity: scaleDownSensitivity,
      kvHitRate: this.#kvHitRate,
      acceptLength: this.#boundedAcceptLength(),
    });
    if (wish.estimatedTtftMs !== null) noteShared(values, "estimatedTtftMs", wish.estimatedTtftMs);
    if (wish.estimatedItlMs !== null) noteShared(values, "estimatedItlMs", wish.estimatedItlMs);
    return wish;
  }

  #decideSingle(
    workers: Record<Role, WorkerCounts>,
    wish: PoolWish,
    outcome: LoopOutcome<LoadReason>,
  ): LoopOutcome<LoadReason> {
    const role = this.roles[0]!;
    const current = workers[role].active;
    const isRefusal = wish.reason === "scale_down_refused_consolidation";
    const isAggregated = this.#options.mode === "agg";
    // An aggregated pool that stays as it is still has to be within its bounds; the others are left alone.
    if (this.#options.isGuarded && wish.replicas === null && isAggregated && wish.reason === "no_change") {
      const least = Math.max(current, this.#minWorkers[role]);
      noteClamp(outcome.clamps, "minWorkers", role, current, least);
      const targets = this.withinBounds({ [role]: least }, outcome.clamps);
      return { ...outcome, targets: targets[role] === current ? null : targets, reason: wish.reason };
    }
    if (wish.replicas === null || (isRefusal && !isAggregated)) return { ...outcome, reason: wish.reason };
    const { targets, reasons, verdict } = this.#limited({ [role]: wish.replicas }, workers, outcome.clamps);
    const reason = verdict ?? reasons[role]!;
    if (!isAggregated || targets[role] !== current) return { ...outcome, targets, reason };
    return { ...outcome, reason: isRefusal ? wish.reason : reason };
  }

  #decidePair(
    workers: Record<Role, WorkerCounts>,
    wishes: Record<Role, PoolWish>,
    outcome: LoopOutcome<LoadReason>,
  ): LoopOutcome<LoadReason> {
    const wanted = this.#all((role) => wishes[role].replicas ?? workers[role].active);
    const { targets, reasons, verdict } = this.#limited(wanted, workers, outcome.clamps);
    if (this.roles.some((role) => targets[role] !== workers[role].active)) {
      return { ...outcome, targets, reason: verdict ?? mostTelling(Object.values(reasons)), reasons };
    }
    const refused = this.roles
      .map((role) => wishes[role].reason)
      .find((reason) => reason === "scale_down_refused_consolidation");
    const reason = refused ?? verdict ?? mostTelling(Object.values(reasons));
    return { ...outcome, reason, reasons: refused === undefined ? reasons : this.#perRole(() => refused) };
  }

  /** Floors and bounds over what was wanted, and what that makes of each role. */
  #limited(wanted: Partial<Targets>, workers: Record<Role, WorkerCounts>, clamps: Clamp[]) {
    const floored = this.#floored(wanted, clamps);
    const standing = this.#all((role) => workers[role].active);
    const isBelowMinimum = this.roles.some((role) => standing[role]! < this.#minWorkers[role]);
    const gpus = (replicas: Partial<Targets>) =>
      this.roles.reduce((sum, role) => sum + replicas[role]! * this.#options.engines[role].gpus, 0);
    const { isGuarded, bounds } = this.#options;
    // The tolerance at the lower bound is for what stands: nobody goes below it.
    const within = (replicas: Partial<Targets>) =>
      isGuarded && gpus(replicas) < gpus(standing)
        ? this.#bounded(replicas, { ...bounds, maxGpus: null })
        : this.#bounded(replicas, bounds);
    const { targets, verdict } = isGuarded
      ? guardedWish(standing, floored, within, this.#options.mode === "disagg" && isBelowMinimum)
      : { targets: within(floored), verdict: null };
    for (const role of this.roles) noteClamp(clamps, "gpuBounds", role, floored[role]!, targets[role]!);
    const reasons = this.#all((role): LoadReason => {
      const current = workers[role].active;
      if (targets[role]! > current) return "scale_up";
      if (targets[role]! < current) return "scale_down";
      const isCapped = wanted[role]! < current && this.#options.scaling.throughput && this.floors[role] >= current;
      return isCapped ? "scale_down_capped_by_throughput" : "no_change";
    });
    const words = { reconciled: "gpu_budget_reconcile", held: "gpu_budget_guard_hold" } as const;
    return { targets, reasons, verdict: verdict && words[verdict] };
  }

  // ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Not below the throughput floor, nor below the minimum. */
  #floored(wanted: Partial<Targets>, clamps: Clamp[]): Partial<Targets> {
    return this.#all((role) => {
      const floor = this.#options.scaling.throughput ? this.floors[role] : 0;
      const throughput = Math.max(wanted[role]!, floor);
      noteClamp(clamps, "throughputFloor", role, wanted[role]!, throughput);
      const least = Math.max(throughput, this.#minWorkers[role]);
      noteClamp(clamps, "minWorkers", role, throughput, least);
      return least;
    });
  }

  /** GPUs that the minimum alone takes. */
  get minimumGpus(): number {
    return this.roles.reduce((sum, role) => sum + this.#minWorkers[role] * this.#options.engines[role].gpus, 0);
  }

  /** Within the GPU bounds; nothing of any role where not even the minimum fits, as in the reference. */
  withinBounds(wanted: Partial<Targets>, clamps: Clamp[]): Partial<Targets> {
    const bounded = this.#bounded(wanted, this.#options.bounds);
    for (const role of this.roles) noteClamp(clamps, "gpuBounds", role, wanted[role]!, bounded[role]!);
    return bounded;
  }

  #bounded(wanted: Partial<Targets>, bounds: GpuBounds): Partial<Targets> {
    const { mode, engines } = this.#options;
    if (mode === "disagg") {
      const gpus = { prefill: engines.prefill.gpus, decode: engines.decode.gpus };
      return boundPair({ prefill: wanted.prefill!, decode: wanted.decode! }, gpus, bounds, this.#minWorkers);
    }
    const role = this.roles[0]!;
    return { [role]: boundSingle(wanted[role]!, engines[role].gpus, bounds, this.#minWorkers[role]) };
  }

  // ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #kind(role: Role): Role | "agg" {
    return this.#options.mode === "agg" ? "agg" : role;
  }

  #facts(role: Role): EngineFacts {
    const facts = this.#options.engines[role];
    const said = this.#said[role];
    if (said === undefined) return facts;
    return {
      ...facts,
      maxBatchedTokens: facts.maxBatchedTokens ?? said.maxBatchedTokens,
      maxSequences: facts.maxSequences ?? said.maxSequences,
      maxKvTokens: facts.maxKvTokens ?? said.maxKvTokens,
      contextLength: facts.contextLength ?? said.contextLength,
    };
  }

  #engine(role: Role): QueriedEngine {
    const { model, ranks, maxBatchedTokens, maxSequences, maxKvTokens } = this.#facts(role);
    const limits: EngineLimits = {
      maxBatchedTokens: maxBatchedTokens ?? DEFAULT_LIMITS.maxBatchedTokens,
      maxSequences: maxSequences ?? DEFAULT_LIMITS.maxSequences,
      maxKvTokens: maxKvTokens ?? DEFAULT_LIMITS.maxKvTokens,
    };
    return { model, ranks, limits };
  }

  /** Speculative decoding can't accept more than all its drafts and one. */
  #boundedAcceptLength(): number {
    return Math.min(this.#options.speculativeNextn + 1, Math.max(1, this.#acceptLength ?? 1));
  }

  #all<Value>(of: (role: Role) => Value): Partial<Record<Role, Value>> {
    return Object.fromEntries(this.roles.map((role) => [role, of(role)]));
  }

  #perRole(of: (role: Role) => LoadReason): Partial<Record<Role, LoadReason>> {
    return this.#options.mode === "disagg" ? this.#all(of) : {};
  }
}
