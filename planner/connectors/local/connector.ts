import { randomStream } from "#common";
import type { Role } from "#planner/core";
import { type Pace, realPace } from "../pace.ts";
import type { Backend } from "../roles.ts";
import { unfitTargets } from "../targets.ts";
import type { Connector, DeploymentFacts, DeploymentState, ScaleOutcome, ScaleRequest } from "../types.ts";
import {
  type ControlCallOptions,
  ControlClient,
  type ControlClientOptions,
  ControlFailure,
  ControlUnavailable,
} from "./client.ts";
import { controlRefuses, controlUnreachable, localDeploymentMissing, localDeploymentUnfit } from "./errors.ts";
import { type DeploymentKey, NOT_READY, STALE_VERSION } from "./protocol.ts";
import { askedFor, type LocalView, localFactsOf, localStateOf, localViewOf, notReadyReason } from "./view.ts";

export interface LocalConnectorOptions {
  control: Omit<ControlClientOptions, "pace" | "random">;
  deployment: DeploymentKey;
  /** Roles to be scaled: `["decode"]` for an aggregated deployment. */
  roles: readonly Role[];
  /** Whose names workers without a type bear. Default: vllm. */
  backend?: Backend;
  /** Known otherwise. */
  model?: string;
  pace?: Pace;
  /** Uniform in [0, 1): jitter. Default: a stream seeded with the address. */
  random?: () => number;
}

/** A state that comes late is worth nothing: a tick waits for it. */
const STATE = { deadlineMs: 3_000 };
/** Attempts against somebody else who changes the deployment at the same time. */
const ATTEMPTS = 6;
const CONFLICT_WAIT_MS = 50;
/** One wait of `settled`. */
const WATCH_MS = 10_000;
const BACKOFF_MS = 250;
const ENDED = "this planner may act no longer";

/** Scales a deployment that `understudy up` runs on this machine. Keeps no state: what is asked for and what is there the runner knows. */
export class LocalConnector implements Connector {
  readonly kind = "local";
  readonly #options: LocalConnectorOptions;
  readonly #client: ControlClient;
  readonly #pace: Pace;
  readonly #random: () => number;

  constructor(options: LocalConnectorOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
    this.#random = options.random ?? randomStream(options.control.url, "local connector").next;
    this.#client = new ControlClient({ ...options.control, pace: this.#pace, random: this.#random });
  }

  async open(signal?: AbortSignal): Promise<DeploymentFacts> {
    try {
      const view = await this.#view(signal === undefined ? {} : { signal });
      if (view.problems.length > 0) throw localDeploymentUnfit(this.#options.deployment, view.problems);
      return localFactsOf(view);
    } catch (error) {
      if (error instanceof ControlUnavailable) throw controlUnreachable(this.#client.url, error);
      if (error instanceof ControlFailure) throw controlRefuses(this.#client.url, error);
      throw error;
    }
  }

  async state(): Promise<DeploymentState | null> {
    const view = await this.#look();
    return view === null ? null : localStateOf(view);
  }

  async scale({ targets, reason, signal }: ScaleRequest): Promise<ScaleOutcome> {
    const refusal = unfitTargets(targets, this.#options.roles);
    if (refusal !== null) return outcome("refused", await this.#look(STATE), refusal);
    const change = { targets, reason: reason.slice(0, 2000), call: signal === undefined ? {} : { signal } };
    let seen: LocalView | null = null;
    let isAttempted = false;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        seen = await this.#view(change.call);
        const done = await this.#attempt(change, seen, isAttempted);
        if (done !== null) return done;
        isAttempted = true;
        const waitMs = CONFLICT_WAIT_MS * 2 ** attempt * (0.5 + this.#random());
        await this.#pace.sleep(waitMs, signal);
      }
      return outcome("failed", await this.#look(), "somebody else keeps changing the deployment at the same time");
    } catch (error) {
      if (error instanceof ControlUnavailable) {
        // An answer may have been lost whose change was taken over.
        const last = (await this.#look({ deadlineMs: 0 })) ?? seen;
        return outcome("failed", last, signal?.aborted ? ENDED : error.message);
      }
      if (!(error instanceof ControlFailure)) throw error;
      if (error.status === 401 || error.status === 403) throw controlRefuses(this.#client.url, error);
      return outcome("refused", seen, `the control API refuses: ${error.message}`);
    }
  }

  /**
   * Waits until the deployment is ready and all its workers are as asked for.
   * @returns whether that came within `timeoutMs`
   */
  async settled(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const endMs = this.#pace.nowMs() + timeoutMs;
    for (let failures = 0; ; ) {
      const view = await this.#look();
      if (view !== null && isSettled(view)) return true;
      const leftMs = endMs - this.#pace.nowMs();
      if (leftMs <= 0 || signal?.aborted) return false;
      try {
        if (view === null) throw new ControlUnavailable("no state to wait from");
        const { resourceVersion } = view.deployment;
        const call = signal === undefined ? {} : { signal };
        await this.#client.changed(this.#options.deployment, resourceVersion, Math.min(WATCH_MS, leftMs), call);
        failures = 0;
      } catch {
        const waitMs = Math.min(WATCH_MS, BACKOFF_MS * 2 ** failures++) * (0.5 + this.#random());
        await this.#pace.sleep(Math.min(waitMs, leftMs), signal);
      }
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Null: the deployment has changed since it was seen. */
  async #attempt(
    { targets, reason, call }: Pick<ScaleRequest, "targets" | "reason"> & { call: ControlCallOptions },
    view: LocalView,
    isAttempted: boolean,
  ): Promise<ScaleOutcome | null> {
    const { deployment, parts, problems } = view;
    if (call.signal?.aborted) return outcome("failed", view, ENDED);
    if (problems.length > 0) return outcome("refused", view, problems.join("; "));
    const wanted = parts.filter(({ role, component }) => (targets[role] ?? component.replicas) !== component.replicas);
    if (wanted.length === 0) {
      // After an answer that was lost, the counts are ours.
      const [status, message] = isAttempted
        ? (["applied", "these counts are asked for"] as const)
        : (["unchanged", "these counts are asked for already"] as const);
      return outcome(status, view, message);
    }
    const reasonNotReady = notReadyReason(deployment);
    if (reasonNotReady !== null) return outcome("not-ready", view, reasonNotReady);
    const replicas = Object.fromEntries(wanted.map(({ role, component }) => [component.name, targets[role]!]));
    const said = wanted.map(({ role, component }) => `${role} ${component.replicas} → ${targets[role]}`).join(", ");
    const body = { replicas, reason, resourceVersion: deployment.resourceVersion };
    try {
      const after = await this.#client.scale(this.#options.deployment, body, call);
      return outcome("applied", localViewOf(after, this.#question()), said);
    } catch (error) {
      if (!(error instanceof ControlFailure)) throw error;
      if (error.status === 404) throw await this.#missing();
      if (error.code === NOT_READY) return outcome("not-ready", view, error.message);
      if (error.status === 409 || error.code === STALE_VERSION) return null;
      throw error;
    }
  }

  /** Null: the runner can't be asked now. @throws UserError for what the user must mend */
  async #look(call: ControlCallOptions = STATE): Promise<LocalView | null> {
    try {
      const view = await this.#view(call);
      if (view.problems.length > 0) throw localDeploymentUnfit(this.#options.deployment, view.problems);
      return view;
    } catch (error) {
      if (error instanceof ControlUnavailable) return null;
      if (error instanceof ControlFailure) throw controlRefuses(this.#client.url, error);
      throw error;
    }
  }

  async #view(call: ControlCallOptions): Promise<LocalView> {
    const deployment = await this.#client.deployment(this.#options.deployment, call);
    if (deployment === null) throw await this.#missing();
    return localViewOf(deployment, this.#question());
  }

  async #missing(): Promise<Error> {
    const others = await this.#client.deployments(STATE).catch(() => []);
    return localDeploymentMissing(this.#options.deployment, others);
  }

  #question() {
    const { roles, backend, model } = this.#options;
    return {
      roles,
      ...(backend === undefined ? {} : { backend }),
      ...(model === undefined ? {} : { model }),
    };
  }
}

function outcome(status: ScaleOutcome["status"], view: LocalView | null, message: string): ScaleOutcome {
  return { status, inForce: view === null ? {} : askedFor(view), message };
}

function isSettled(view: LocalView): boolean {
  const { ready, roles } = localStateOf(view);
  return ready && Object.values(roles).every(({ stable }) => stable);
}
