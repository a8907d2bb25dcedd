import { randomStream } from "#common";
import type { Decision, Role, Targets } from "#planner/core";
import { globalPlannerRefuses, globalPlannerUnreachable } from "../errors.ts";
import { type Pace, realPace } from "../pace.ts";
import { desiredOf, targetEntries, unfitTargets } from "../targets.ts";
import type {
  Connector,
  DeploymentFacts,
  DeploymentState,
  RoleState,
  ScaleOutcome,
  ScaleRequest,
  ScaleStatus,
  TargetDeployment,
} from "../types.ts";
import {
  GlobalPlannerClient,
  type GlobalPlannerClientOptions,
  GlobalPlannerSilent,
  saidBy,
  understood,
} from "./client.ts";
import {
  DEPLOYMENT_PATH,
  deploymentAnswerSchema,
  type PredictedLoad,
  SCALE_PATH,
  scaleAnswerSchema,
  type WireDeploymentAnswer,
  type WireScaleAnswer,
} from "./protocol.ts";

export interface GlobalPlannerConnectorOptions
  extends TargetDeployment,
    Pick<GlobalPlannerClientOptions, "url" | "token" | "tokenFile" | "timeoutMs" | "deadlineMs" | "pace"> {
  /** Dynamo namespace of this planner. */
  callerNamespace: string;
  graphDeploymentName: string;
  kubernetesNamespace: string;
  /** Seconds of load that a forecast is told of at a time; Dynamo's planners tell of a throughput interval. Default 1. */
  loadIntervalS?: number;
  /**
   * Who sees the deployment itself: its state is asked there, and wishes alone go to the global planner. Without it, the global planner's
   * sight is taken.
   */
  sight?: Connector;
  /** Uniform in [0, 1): jitter. Default: a stream seeded with the namespace. */
  random?: () => number;
}

/** A state that comes late is worth nothing: a tick waits for it. */
const STATE_DEADLINE_MS = 3_000;
const SETTLED_POLL_MS = 5_000;
/** How the global planner says that its platform gives no answer now. */
const NOT_NOW = 424;

/**
 * Asks a global planner to scale, which grants what fits the GPU budget of all its deployments. What it denies it remembers and may carry out later,
 * when others give GPUs back; a wish that this planner no longer has is therefore taken back.
 */
export class GlobalPlannerConnector implements Connector {
  readonly kind = "global-planner";
  readonly #options: GlobalPlannerConnectorOptions;
  readonly #client: GlobalPlannerClient;
  readonly #pace: Pace;
  /** Wishes that were not granted, by role: the global planner may still have them in mind. */
  #outstanding: Partial<Targets> = {};
  /** Whether the outstanding wishes were repeated since the state was last looked at. */
  #isRepeated = true;

  constructor(options: GlobalPlannerConnectorOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
    this.#client = new GlobalPlannerClient({
      ...options,
      random: options.random ?? randomStream(options.callerNamespace, "global planner retries").next,
    });
  }

  async open(signal?: AbortSignal): Promise<DeploymentFacts> {
    const facts = await this.#options.sight?.open(signal);
    try {
      const { status, body } = await this.#client.ask(this.#deploymentPath(), signal === undefined ? {} : { signal });
      // It can't see the deployment now: that may come.
      if (status === NOT_NOW) return facts ?? { model: null, gpusPerReplica: {} };
      if (status !== 200) throw globalPlannerRefuses(this.#client.url, status, saidBy(body) ?? `status ${status}`);
      return facts ?? factsOf(understood(deploymentAnswerSchema, { status, body }));
    } catch (error) {
      if (error instanceof GlobalPlannerSilent) throw globalPlannerUnreachable(this.#client.url, error);
      throw error;
    }
  }

  async state(): Promise<DeploymentState | null> {
    const { sight } = this.#options;
    const state = sight === undefined ? await this.#counted(await this.#stateByGlobalPlanner()) : await sight.state();
    if (state !== null) await this.#takeBack(state);
    return state;
  }

  async scale({ targets, reason, forecast = null, signal }: ScaleRequest): Promise<ScaleOutcome> {
    const refusal = unfitTargets(targets, this.#options.roles);
    if (refusal !== null) return this.#refused(refusal);
    const wished = targetEntries(targets);
    if (wished.length === 0) return this.#nothingWished();
    this.#isRepeated = true;
    try {
      const answer = await this.#ask(targets, reason, forecast, signal === undefined ? {} : { signal });
      const status = answer.outcome ?? statusOf(answer);
      const isOpen = status !== "applied" && status !== "unchanged";
      for (const [role, count] of wished) {
        if (isOpen) this.#outstanding[role] = count;
        else delete this.#outstanding[role];
      }
      return { status, inForce: answer.current_replicas, message: answer.message };
    } catch (error) {
      if (!(error instanceof GlobalPlannerSilent)) throw error;
      // It may have heard it nevertheless.
      Object.assign(this.#outstanding, targets);
      const state = await this.#stateByGlobalPlanner();
      return { status: "failed", inForce: desiredOf(state), message: error.message };
    }
  }

  async settled(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { sight } = this.#options;
    if (sight?.settled !== undefined) return sight.settled(timeoutMs, signal);
    const endMs = this.#pace.nowMs() + timeoutMs;
    for (;;) {
      const state = await this.#stateByGlobalPlanner();
      if (state?.ready && Object.values(state.roles).every(({ stable }) => stable)) return true;
      const leftMs = endMs - this.#pace.nowMs();
      if (leftMs <= 0 || signal?.aborted) return false;
      await this.#pace.sleep(Math.min(SETTLED_POLL_MS, leftMs), signal);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#options.sight?.close();
  }

  async #stateByGlobalPlanner(): Promise<DeploymentState | null> {
    try {
      const answer = await this.#client.ask(this.#deploymentPath(), { deadlineMs: STATE_DEADLINE_MS });
      if (answer.status !== 200) return null;
      return stateOf(understood(deploymentAnswerSchema, answer), this.#options.roles);
    } catch (error) {
      if (error instanceof GlobalPlannerSilent) return null;
      throw error;
    }
  }

  /** With the workers that were counted here. Null where they can't be counted. */
  async #counted(state: DeploymentState | null): Promise<DeploymentState | null> {
    const { discovery } = this.#options;
    if (state === null || discovery === undefined) return state;
    const counts = await discovery();
    const roles: Partial<Record<Role, RoleState>> = {};
    for (const known of Object.values(state.roles)) {
      const ready = counts?.[known.role];
      if (ready === undefined) return null;
      roles[known.role] = { ...known, ready, stable: known.stable && ready === known.desired };
    }
    return { ...state, roles };
  }

  /** Wishes that were not repeated since the last look are no longer wished: the counts in force are, then. */
  async #takeBack(state: DeploymentState): Promise<void> {
    if (this.#isRepeated) {
      this.#isRepeated = false;
      return;
    }
    const back: Partial<Targets> = {};
    for (const [role] of targetEntries(this.#outstanding)) {
      const desired = state.roles[role]?.desired;
      if (desired !== undefined) back[role] = desired;
    }
    if (targetEntries(back).length === 0) return;
    try {
      await this.#ask(back, "an earlier wish is taken back", null, { deadlineMs: STATE_DEADLINE_MS });
      this.#outstanding = {};
    } catch (error) {
      // Tried again at the next look.
      if (!(error instanceof GlobalPlannerSilent)) throw error;
    }
  }

  async #ask(
    targets: Partial<Targets>,
    reason: string,
    forecast: Decision["forecast"],
    limits: { deadlineMs?: number; signal?: AbortSignal },
  ): Promise<WireScaleAnswer> {
    const { gpusPerReplica = {}, loadIntervalS = 1 } = this.#options;
    const answer = await this.#client.ask(SCALE_PATH, {
      ...limits,
      body: {
        ...this.#address(),
        target_replicas: targetEntries(targets).map(([role, count]) => ({
          sub_component_type: role,
          desired_replicas: count,
          gpus_per_replica: gpusPerReplica[role] ?? null,
        })),
        blocking: false,
        timestamp: Date.now() / 1000,
        predicted_load: forecast === null ? null : predictedLoad(forecast, loadIntervalS),
        reason: reason.slice(0, 2000),
      },
    });
    const read = scaleAnswerSchema.safeParse(answer.body);
    if (read.success) return read.data;
    if (answer.status === 200) return understood(scaleAnswerSchema, answer);
    const said = `the global planner answers ${answer.status}: ${saidBy(answer.body) ?? "nothing"}`;
    return { status: "error", message: said, current_replicas: {}, outcome: "refused" };
  }

  #address() {
    const { callerNamespace, graphDeploymentName, kubernetesNamespace } = this.#options;
    return {
      caller_namespace: callerNamespace,
      graph_deployment_name: graphDeploymentName,
      k8s_namespace: kubernetesNamespace,
    };
  }

  #deploymentPath(): string {
    return `${DEPLOYMENT_PATH}?${new URLSearchParams({ ...this.#address(), roles: this.#options.roles.join(",") })}`;
  }

  async #refused(message: string): Promise<ScaleOutcome> {
    const state = await this.#stateByGlobalPlanner();
    return { status: "refused", inForce: desiredOf(state), message };
  }

  async #nothingWished(): Promise<ScaleOutcome> {
    const state = await this.#stateByGlobalPlanner();
    return { status: "unchanged", inForce: desiredOf(state), message: "these counts are asked for already" };
  }
}

function statusOf({ status }: WireScaleAnswer): ScaleStatus {
  if (status === "success") return "applied";
  return status === "rejected" ? "refused" : "failed";
}

function predictedLoad({ requestRate, isl, osl }: NonNullable<Decision["forecast"]>, intervalS: number): PredictedLoad {
  return { num_requests: requestRate * intervalS, isl, osl, interval_seconds: intervalS };
}

/** Null where the global planner does not know all roles. */
function stateOf(answer: WireDeploymentAnswer, roles: readonly Role[]): DeploymentState | null {
  const states: Partial<Record<Role, RoleState>> = {};
  for (const role of roles) {
    const found = answer.roles[role];
    if (found === undefined) return null;
    const { component, desired, ready, stable, gpus_per_replica: gpusPerReplica } = found;
    states[role] = { role, component, desired, ready, stable, gpusPerReplica };
  }
  return { ready: answer.ready, notReadyReason: answer.not_ready_reason, roles: states, model: answer.model };
}

function factsOf({ model, roles }: WireDeploymentAnswer): DeploymentFacts {
  const gpusPerReplica: Partial<Targets> = {};
  for (const [role, { gpus_per_replica: gpus }] of Object.entries(roles)) {
    if (gpus !== null) gpusPerReplica[role as Role] = gpus;
  }
  return { model, gpusPerReplica };
}
