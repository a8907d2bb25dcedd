import { UserError } from "#common";
import { type DeploymentState, desiredOf } from "#planner/connectors";
import {
  decideShared,
  type Intent,
  type Role,
  type SharedDecision,
  type SharedFleet,
  type Targets,
} from "#planner/core";
import { answerOf } from "./answer.ts";
import { carryOut } from "./carry-out.ts";
import type { Deployment, Deployments } from "./deployments.ts";
import { RequestRefused } from "./errors.ts";
import type { DecisionRecord, GlobalAnswer, GlobalPlannerSettings, GlobalRequest, LegOutcome } from "./types.ts";

export interface JudgeOptions {
  settings: GlobalPlannerSettings;
  deployments: Deployments;
  /** Wishes that still count. */
  intents: () => readonly Intent[];
  /** Whether this process still acts. */
  mayAct: () => boolean;
  /** Monotonic, ms. */
  nowMs: () => number;
  warn: (text: string) => void;
}

/** What a judgement fills in. */
export type Judgement = Pick<DecisionRecord, "number" | "decision" | "intents" | "pools" | "legs">;

/** The platform is asked for new deployments so often at most, ms. */
const DISCOVERY_MS = 60_000;

/** Judges one request at a time by what all deployments are asked for, and has it carried out. */
export class Judge {
  readonly #options: JudgeOptions;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  get hasBudget(): boolean {
    const { minGpus, maxGpus } = this.#options.settings.band;
    return minGpus !== null || maxGpus !== null;
  }

  /** GPUs that are asked for by all; null where some are not known. */
  get totalGpus(): number | null {
    try {
      const { pools, otherGpus } = this.#fleet();
      return pools.reduce((sum, { replicas, gpusPerReplica }) => sum + replicas * gpusPerReplica, otherGpus);
    } catch (error) {
      if (error instanceof RequestRefused) return null;
      throw error;
    }
  }

  /** Finds the deployments that there are. @throws Error where the platform can't be asked */
  async discover(): Promise<void> {
    // Also where it fails: a platform that is ill need not be asked at every request.
    this.#discoveredAtMs = this.#options.nowMs();
    await this.#options.deployments.discover();
  }

  /** Somebody else acted until now: nothing that was seen before counts. */
  forget(): void {
    this.#options.deployments.forgetStates();
    this.#discoveredAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Fills the record with what it comes to know. */
  async judge(request: GlobalRequest, deployment: Deployment, record: Judgement): Promise<GlobalAnswer> {
    const { id, address } = deployment.known;
    let decision: SharedDecision;
    let before: Partial<Targets> = {};
    let fleet: SharedFleet;
    try {
      const state = await this.seen(deployment);
      before = desiredOf(state);
      if (!state.ready && changes(request.targets, before)) {
        const message = `${id} takes no changes now: ${state.notReadyReason ?? "not ready"}`;
        return { status: "rejected", outcome: "not-ready", message, currentReplicas: before };
      }
      if (this.hasBudget) await this.#lookAround(id);
      fleet = this.hasBudget ? this.#fleet() : unbudgeted(id, state);
      decision = decideShared({
        request: { deployment: id, targets: request.targets },
        fleet,
        intents: record.intents,
        band: this.#options.settings.band,
        isStrict: this.#options.settings.isStrict,
      });
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      const outcome = error.status === 404 ? "refused" : "failed";
      return { status: "error", outcome, message: error.message, currentReplicas: before };
    }
    record.decision = decision;
    record.pools = Object.fromEntries(fleet.pools.map((pool) => [`${pool.deployment}/${pool.role}`, pool.replicas]));
    if (this.#options.settings.noOperation) return notExecuted(decision, before);
    const why = request.reason ?? `asked by ${request.address.callerNamespace}`;
    record.legs = await carryOut({
      legs: decision.legs,
      fleet,
      band: this.#options.settings.band,
      deployment: (name) => this.#options.deployments.get(name),
      mayAct: this.#options.mayAct,
      reason: `global planner for ${id}: ${why}`,
      decision: record.number,
    });
    for (const leg of record.legs) this.#noteOutcome(leg);
    return answerOf({ name: address.name, id, decision, legs: record.legs, before });
  }

  /** @throws RequestRefused 404 for what must be mended, 424 for what may come by itself */
  async seen(deployment: Deployment): Promise<DeploymentState> {
    const { id } = deployment.known;
    try {
      const state = await this.#options.deployments.read(deployment, true);
      if (state !== null) return state;
    } catch (error) {
      if (error instanceof UserError) throw new RequestRefused(404, error.message);
      throw new RequestRefused(424, `${id} can't be seen: ${(error as Error).message}`);
    }
    throw new RequestRefused(424, `the state of ${id} is not known now`);
  }

  #noteOutcome(leg: LegOutcome): void {
    const deployment = this.#options.deployments.get(leg.deployment);
    if (deployment === undefined) return;
    const { status, targets, inForce, message } = leg;
    const { deployments } = this.#options;
    if (status === "applied") deployments.asked(deployment, { ...targets, ...inForce });
    else if (status === "failed") for (const counts of [targets, inForce]) deployments.mayHaveAsked(deployment, counts);
    else if (Object.keys(inForce).length > 0) deployments.asked(deployment, inForce);
    if (status !== "applied" && status !== "unchanged") this.#options.warn(`${leg.deployment}: ${status}: ${message}`);
  }

  /** Reads whoever may become a partner; others are read now and then. */
  async #lookAround(id: string): Promise<void> {
    const { nowMs, warn } = this.#options;
    if (nowMs() - this.#discoveredAtMs > DISCOVERY_MS) {
      await this.discover().catch((error: Error) => warn(`new deployments can't be looked for: ${error.message}`));
    }
    const partners = new Set<string>();
    for (const { deployment, role, replicas } of this.#options.intents()) {
      const desired = this.#options.deployments.get(deployment)?.state?.roles[role]?.desired;
      if (deployment !== id && desired !== replicas) partners.add(deployment);
    }
    await this.#options.deployments.look(partners);
  }

  /** @throws RequestRefused where something is not known */
  #fleet(): SharedFleet {
    const all = this.#options.deployments.all;
    return {
      pools: all.flatMap((deployment) => this.#options.deployments.pools(deployment)),
      otherGpus: all.reduce((sum, { known }) => sum + known.otherGpus, 0),
    };
  }
}

/** Without a budget nobody else matters, nor what a worker costs. */
function unbudgeted(deployment: string, state: DeploymentState): SharedFleet {
  const pools = Object.values(state.roles).map(({ role, desired, gpusPerReplica }) => ({
    deployment,
    role,
    replicas: desired,
    gpusPerReplica: gpusPerReplica ?? 0,
    takesChanges: state.ready,
  }));
  return { pools, otherGpus: 0 };
}

function notExecuted(decision: SharedDecision, before: Partial<Targets>): GlobalAnswer {
  const verdict = decision.verdict === "denied" ? `it would be rejected: ${decision.message}` : "it would be granted";
  const message = `[no-operation] Scale request received and logged (not executed); ${verdict}`;
  return { status: "success", outcome: "refused", message, currentReplicas: before };
}

function changes(targets: Partial<Targets>, before: Partial<Targets>): boolean {
  return (Object.entries(targets) as [Role, number][]).some(([role, count]) => before[role] !== count);
}
