import { hostname } from "node:os";
import { randomStream } from "#common";
import type { Role, Targets } from "#planner/core";
import { type Pace, realPace } from "../pace.ts";
import type { Backend } from "../roles.ts";
import { unfitTargets } from "../targets.ts";
import type { Connector, DeploymentFacts, DeploymentState, ScaleOutcome, ScaleRequest } from "../types.ts";
import { Change, type Changed } from "./change.ts";
import { type CallOptions, type ClusterOptions, FIELD_MANAGER, KubernetesClient } from "./client.ts";
import { DeploymentsPlatform } from "./deployments-platform.ts";
import { apiUnreachable, deploymentUnfit, forbidden } from "./errors.ts";
import { type EventSubject, type EventText, ObjectEvents } from "./events.ts";
import { ApiFailure, ApiUnavailable } from "./failure.ts";
import { GraphPlatform } from "./graph-platform.ts";
import { describeRight, lackingRights } from "./rights.ts";
import { desiredOf, factsOf, type KubernetesPlatform, type View } from "./view.ts";

export interface KubernetesConnectorOptions {
  /** Name of the DynamoGraphDeployment, or what Deployments are labelled with. */
  graphDeploymentName: string;
  /** What is scaled: components of the DynamoGraphDeployment, or Deployments. Default: graph. */
  target?: "graph" | "deployments";
  /** Labels of the Deployments. Default: Dynamo's label of the deployment's name. */
  selector?: string;
  /** Roles to be scaled: `["decode"]` for an aggregated deployment. */
  roles: readonly Role[];
  /** Whose names workers without a type bear. Default: vllm. */
  backend?: Backend;
  /** Known otherwise: the workers need not name it. */
  model?: string;
  /** Nothing will be changed: rights to change are not asked for. */
  readOnly?: boolean;
  /** Leadership is by a Lease in the same namespace: the rights to it are asked for, too. */
  leaderElection?: boolean;
  /** Between looks of `settled` where no watch tells anything, ms. Default 10 000, as in Dynamo. */
  checkMs?: number;
  /** Name of this planner among several; default: host and process. */
  identity?: string;
  cluster?: ClusterOptions;
  pace?: Pace;
  /** Uniform in [0, 1): jitter. Default: a stream seeded with the identity. */
  random?: () => number;
  /** What somebody should know who reads the log. */
  warn?: (text: string) => void;
}

/** Reading a state waits less for an ailing API server than changing replicas does. */
const STATE_RETRY = { deadlineMs: 3_000 };
const CHECK_MS = 10_000;
const WATCH_BACKOFF_MS = 500;

/** An open connection to the cluster. */
interface Opened {
  client: KubernetesClient;
  platform: KubernetesPlatform;
  events: ObjectEvents;
}

/**
 * Scales the workers of a DynamoGraphDeployment: by the scale subresource of their adapters where they have one, else by a narrow patch
 * of the deployment; or Deployments by theirs. Keeps no state but names: what is asked for and what is there stand in the cluster.
 */
export class KubernetesConnector implements Connector {
  readonly kind = "kubernetes";
  readonly #options: KubernetesConnectorOptions;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #identity: string;
  #open: Opened | null = null;

  constructor(options: KubernetesConnectorOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
    this.#identity = options.identity ?? `${hostname()}-${process.pid}`;
    this.#random = options.random ?? randomStream(this.#identity, "kubernetes connector").next;
  }

  async open(signal?: AbortSignal): Promise<DeploymentFacts> {
    const { cluster, readOnly = false, leaderElection = false } = this.#options;
    await this.close();
    const client = await KubernetesClient.open({ pace: this.#pace, random: this.#random, ...cluster });
    const call = signal === undefined ? {} : { signal };
    try {
      const platform = await this.#platform(client, call);
      const lacking = await lackingRights(client, platform.rights({ readOnly, leaderElection }), call);
      if (lacking.length > 0) throw forbidden(platform.place, lacking.map(describeRight));
      const view = await platform.view(this.#question(), call);
      if (view.problems.length > 0) throw deploymentUnfit(platform.place, view.problems);
      const reporter = { controller: FIELD_MANAGER, instance: this.#identity, action: "Scaling" };
      const told = (why: string) => this.#warn(`an event can't be sent: ${why}`);
      this.#open = { client, platform, events: new ObjectEvents(client, reporter, told) };
      return factsOf(view);
    } catch (error) {
      await client.close();
      if (error instanceof ApiUnavailable) throw apiUnreachable(client.server, error);
      if (error instanceof ApiFailure) throw apiUnreachable(client.server, error);
      throw error;
    }
  }

  async state(): Promise<DeploymentState | null> {
    const seen = await this.#look();
    return seen?.state ?? null;
  }

  async scale({ targets, reason, signal }: ScaleRequest): Promise<ScaleOutcome> {
    const { platform, events } = this.#opened();
    const problem = unfitTargets(targets, this.#options.roles);
    if (problem !== null) {
      const state = await this.#look();
      return { status: "refused", inForce: state === null ? {} : state.desired, message: problem };
    }
    const change = new Change(targets, {
      look: () => platform.view(this.#question(), {}),
      pace: this.#pace,
      random: this.#random,
      ...(signal === undefined ? {} : { signal }),
    });
    const changed = await change.carryOut();
    this.#announce(events, changed, reason);
    if (changed.refusal?.status === 403 || changed.refusal?.status === 401) {
      throw forbidden(platform.place, [`scale it: ${changed.message}`], changed.refusal);
    }
    const { status, inForce, message } = changed;
    return { status, inForce, message };
  }

  /**
   * Waits until the deployment is ready and all its workers are as asked for. Watches the deployment; looks anew where the watch
   * breaks or the API has forgotten where it was (410).
   * @returns whether that came within `timeoutMs`
   */
  async settled(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { platform } = this.#opened();
    const { checkMs = CHECK_MS } = this.#options;
    const endMs = this.#pace.nowMs() + timeoutMs;
    for (let failures = 0; ; ) {
      const seen = await this.#look();
      const workers = Object.values(seen?.state?.roles ?? {});
      if (seen?.state?.ready && workers.every(({ stable }) => stable)) return true;
      const leftMs = endMs - this.#pace.nowMs();
      if (leftMs <= 0 || signal?.aborted) return false;
      const ended = new AbortController();
      const waiting = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
      const timer = this.#pace.sleep(Math.min(checkMs, leftMs), waiting).then(() => ended.abort());
      try {
        if (seen === null) throw new ApiUnavailable("no state to watch from");
        await platform.changed(seen.resourceVersion, waiting);
        failures = 0;
      } catch {
        if (!waiting.aborted) {
          const waitMs = Math.min(checkMs, WATCH_BACKOFF_MS * 2 ** failures++) * (0.5 + this.#random());
          await this.#pace.sleep(Math.min(waitMs, leftMs), waiting);
        }
      }
      ended.abort();
      await timer;
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.events.flush();
    await open?.client.close();
  }

  #opened(): Opened {
    if (this.#open === null) throw new Error("the connector is not open");
    return this.#open;
  }

  /** Null: the API server can't be asked now. */
  async #look(): Promise<{
    state: DeploymentState | null;
    desired: Partial<Targets>;
    resourceVersion: string;
  } | null> {
    const { platform } = this.#opened();
    try {
      const call = { retry: STATE_RETRY };
      const view = await platform.view(this.#question(), call);
      if (view.problems.length > 0) throw deploymentUnfit(platform.place, view.problems);
      return { state: await view.state(call), desired: desiredOf(view), resourceVersion: view.resourceVersion };
    } catch (error) {
      if (error instanceof ApiUnavailable) return null;
      if (error instanceof ApiFailure && (error.status === 401 || error.status === 403)) {
        throw forbidden(platform.place, [`read it: ${error.message}`], error);
      }
      if (error instanceof ApiFailure) {
        this.#warn(`the deployment can't be read: ${error.message}`);
        return null;
      }
      throw error;
    }
  }

  async #platform(client: KubernetesClient, call: CallOptions): Promise<KubernetesPlatform> {
    const { graphDeploymentName: name, target = "graph", selector } = this.#options;
    if (target === "graph") return GraphPlatform.open(client, name, call);
    return new DeploymentsPlatform(client, { name, ...(selector === undefined ? {} : { selector }) });
  }

  #question() {
    const { roles, backend, model } = this.#options;
    return {
      roles,
      ...(backend === undefined ? {} : { backend }),
      ...(model === undefined ? {} : { model }),
    };
  }

  #announce(events: ObjectEvents, changed: Changed, reason: string): void {
    const { view, before, status, message } = changed;
    if (view === null) return;
    const touched = view.parts.filter(({ role }) => before[role] !== undefined);
    if (status === "applied" && touched.length > 0) {
      const text: EventText = { type: "Normal", reason: scaledReason(changed), note: `${message}: ${reason}` };
      for (const subject of subjectsOf(touched)) events.tell(subject, text);
    } else if (status === "refused" || status === "failed") {
      const text: EventText = { type: "Warning", reason: "ScalingFailed", note: message };
      for (const subject of subjectsOf(touched.length > 0 ? touched : view.parts)) events.tell(subject, text);
    }
    for (const { name, lacksAdapter, subject } of touched) {
      if (!lacksAdapter) continue;
      const note = `${name} has no scaling adapter: its replicas are set in the deployment itself`;
      this.#warn(note);
      events.tell(subject, { type: "Warning", reason: "ScalingAdapterMissing", note });
    }
  }

  #warn(text: string): void {
    this.#options.warn?.(text);
  }
}

function subjectsOf(parts: View["parts"]): Iterable<EventSubject> {
  return new Set(parts.map(({ subject }) => subject));
}

function scaledReason({ before, inForce }: Changed): string {
  const deltas = (Object.entries(before) as [Role, number][]).map(([role, count]) => (inForce[role] ?? count) - count);
  if (deltas.every((delta) => delta >= 0)) return "ScaledUp";
  return deltas.every((delta) => delta <= 0) ? "ScaledDown" : "Rebalanced";
}
