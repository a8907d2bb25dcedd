import { UserError } from "#common";
import type { Connector, DeploymentState, Leadership, ScaleOutcome, ScaleRequest } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import {
  type DecisionRecord,
  GlobalPlanner,
  type GlobalPlannerSettings,
  type GlobalRequest,
  type Platform,
} from "#planner/global";

/** One deployment of a platform of the test's own, that does what it is asked at once unless told otherwise. */
export class MadeDeployment {
  desired: Partial<Targets>;
  gpus: Partial<Targets>;
  otherGpus = 0;
  isReady = true;
  /** What it does when it is read. */
  reading: "answers" | "half" | "unknown" | "throws" | "hangs" | "gone" = "answers";
  /** What comes of a wish; a status other than applied changes nothing. */
  outcome: Partial<ScaleOutcome> | Error | null = null;
  /** A wish that fails is carried out all the same: its answer was lost. */
  losesAnswers = false;
  /** Held until it resolves. */
  gate: Promise<void> = Promise.resolve();
  readonly requests: ScaleRequest[] = [];
  reads = 0;
  opened = 0;

  constructor(desired: Partial<Targets>, gpus: Partial<Targets> = { prefill: 1, decode: 1 }) {
    this.desired = desired;
    this.gpus = gpus;
  }
}

export class MadePlatform implements Platform {
  readonly kind = "made";
  readonly deployments: Record<string, MadeDeployment>;
  /** Every change in the order in which it was asked for: `a {"decode":2}`. */
  readonly log: string[] = [];
  discovered = 0;
  canDiscover = true;
  closed = 0;

  constructor(deployments: Record<string, MadeDeployment>) {
    this.deployments = deployments;
  }

  idOf = ({ name }: { name: string }) => name;

  async discover() {
    this.discovered++;
    if (!this.canDiscover) throw new Error("connection refused");
    return Object.keys(this.deployments).map((name) => this.#known(name));
  }

  async find({ name }: { name: string }) {
    if (this.deployments[name] === undefined) throw new UserError({ code: "NOT_THERE", message: `found no ${name}` });
    return this.#known(name);
  }

  async asked({ id }: { id: string }) {
    const { desired, reading } = this.deployments[id]!;
    if (reading === "throws") throw new Error("connection refused");
    return reading === "half" ? { replicas: desired, gpus: this.deployments[id]!.gpus } : null;
  }

  connector({ id }: { id: string }): Connector {
    const deployment = this.deployments[id]!;
    const platform = this;
    return {
      kind: "made",
      async open() {
        deployment.opened++;
        return { model: null, gpusPerReplica: deployment.gpus };
      },
      async state() {
        deployment.reads++;
        if (deployment.reading === "throws") throw new Error("connection refused");
        if (deployment.reading === "hangs") return new Promise(() => {});
        if (deployment.reading === "gone") {
          throw new UserError({ code: "PLANNER_KUBERNETES_NO_DEPLOYMENT", message: `found no ${id}` });
        }
        return deployment.reading === "unknown" || deployment.reading === "half" ? null : stateOf(deployment);
      },
      async scale(request) {
        await deployment.gate;
        platform.log.push(`${id} ${JSON.stringify(request.targets)}`);
        deployment.requests.push(request);
        if (deployment.losesAnswers) deployment.desired = { ...deployment.desired, ...request.targets };
        if (deployment.outcome instanceof Error) throw deployment.outcome;
        const made: ScaleOutcome = {
          status: "applied",
          inForce: deployment.desired,
          message: "done",
          ...deployment.outcome,
        };
        if (made.status !== "applied") return made;
        deployment.desired = { ...deployment.desired, ...request.targets };
        return { ...made, inForce: deployment.desired };
      },
      async close() {},
    };
  }

  async close() {
    this.closed++;
  }

  get totalGpus(): number {
    return Object.values(this.deployments).reduce(
      (sum, { desired, gpus, otherGpus }) =>
        sum + (desired.prefill ?? 0) * (gpus.prefill ?? 0) + (desired.decode ?? 0) * (gpus.decode ?? 0) + otherGpus,
      0,
    );
  }

  #known(name: string) {
    const { desired, otherGpus } = this.deployments[name]!;
    const address = { callerNamespace: `ns-${name}`, kubernetesNamespace: "default", name };
    return { id: name, address, roles: Object.keys(desired) as Role[], otherGpus };
  }
}

function stateOf({ desired, gpus, isReady }: MadeDeployment): DeploymentState {
  const roles = (Object.entries(desired) as [Role, number][]).map(([role, count]) => [
    role,
    { role, component: role, desired: count, ready: 1, stable: false, gpusPerReplica: gpus[role] ?? null },
  ]);
  const notReadyReason = isReady ? null : "it is being rolled out";
  return { ready: isReady, notReadyReason, roles: Object.fromEntries(roles), model: null };
}

export const never = new AbortController().signal;

export function wish(name: string, targets: Partial<Targets>, more: Partial<GlobalRequest> = {}): GlobalRequest {
  return {
    address: { callerNamespace: `ns-${name}`, kubernetesNamespace: "default", name },
    targets,
    gpusPerReplica: {},
    blocking: false,
    askedAtMs: null,
    predictedLoad: null,
    reason: null,
    ...more,
  };
}

export interface MadeOptions {
  band?: [number | null, number | null];
  settings?: Partial<GlobalPlannerSettings>;
  stateFolder?: string;
  leadership?: Leadership;
}

export function madeGlobalPlanner(deployments: Record<string, MadeDeployment>, options: MadeOptions = {}) {
  const platform = new MadePlatform(deployments);
  const clock = { ms: 1_000_000 };
  const said: string[] = [];
  const records: DecisionRecord[] = [];
  const [minGpus, maxGpus] = options.band ?? [null, null];
  const planner = new GlobalPlanner({
    settings: {
      band: { minGpus, maxGpus },
      intentTtlMs: 360_000,
      managedNamespaces: null,
      noOperation: false,
      isStrict: false,
      defaultGpus: {},
      ...options.settings,
    },
    platform,
    stateFolder: options.stateFolder ?? null,
    ...(options.leadership === undefined ? {} : { leadership: options.leadership }),
    nowMs: () => clock.ms,
    nowUnixMs: () => 1_700_000_000_000 + clock.ms,
    log: { info: (text) => said.push(text), warn: (text) => said.push(`warning: ${text}`) },
    onDecision: (record) => records.push(record),
  });
  return {
    planner,
    platform,
    clock,
    said,
    records,
    ask: (name: string, targets: Partial<Targets>, more?: Partial<GlobalRequest>) =>
      planner.scale(wish(name, targets, more), never),
  };
}
