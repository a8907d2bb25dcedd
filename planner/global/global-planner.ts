import { UserError } from "#common";
import type { DeploymentState, Leadership } from "#planner/connectors";
import { type Intent, IntentCache, type Role } from "#planner/core";
import { type Deployment, Deployments } from "./deployments.ts";
import { badBand, notDiscovered, RequestRefused } from "./errors.ts";
import { Judge } from "./judge.ts";
import { type SavedState, StateFile } from "./state-file.ts";
import type {
  DecisionRecord,
  DeploymentAddress,
  GlobalAnswer,
  GlobalPlannerSettings,
  GlobalRequest,
  Platform,
} from "./types.ts";

export interface GlobalPlannerOptions {
  settings: GlobalPlannerSettings;
  platform: Platform;
  /** Which of several global planners acts: two would each grant the whole budget. Absent: this one has no rivals. */
  leadership?: Leadership;
  /** Folder of what must outlive the process; null: it is lost with it. */
  stateFolder: string | null;
  /** Monotonic, ms. */
  nowMs: () => number;
  nowUnixMs: () => number;
  log: { info(text: string): void; warn(text: string): void };
  onDecision?: (record: DecisionRecord) => void;
}

/** Decisions that are remembered. */
const KEEP = 100;
/** Requests that may wait for their turn. */
const MOST_WAITING = 256;
/** A request that blocks waits so long for its workers, ms. */
const BLOCKING_MS = 60_000;

/**
 * One process for several deployments under one GPU budget: planners ask it to scale, one request is judged after the other, and what is granted
 * is carried out before the next is looked at.
 */
export class GlobalPlanner {
  readonly settings: GlobalPlannerSettings;
  readonly deployments: Deployments;
  readonly #options: GlobalPlannerOptions;
  readonly #intents: IntentCache;
  readonly #judge: Judge;
  readonly #stateFile: StateFile | null;
  readonly #decisions: DecisionRecord[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #number = 0;
  #isStopping = false;

  /** @throws UserError for a floor above the ceiling, and for a state that is none */
  constructor(options: GlobalPlannerOptions) {
    const { settings, platform, stateFolder, nowMs, log } = options;
    const { minGpus, maxGpus } = settings.band;
    if (minGpus !== null && maxGpus !== null && minGpus > maxGpus) throw badBand(minGpus, maxGpus);
    this.settings = settings;
    this.#options = options;
    this.#intents = new IntentCache(settings.intentTtlMs);
    const { managedNamespaces, defaultGpus } = settings;
    this.deployments = new Deployments({
      platform,
      managedNamespaces,
      defaultGpus,
      nowMs,
      warn: (text) => log.warn(text),
    });
    this.#judge = new Judge({
      settings,
      deployments: this.deployments,
      intents: () => this.freshIntents,
      mayAct: () => this.isLeader,
      nowMs,
      warn: (text) => log.warn(text),
    });
    this.#stateFile = stateFolder === null ? null : new StateFile(stateFolder, () => this.#saved(), log.warn);
  }

  /** The newest last. */
  get decisions(): readonly DecisionRecord[] {
    return this.#decisions;
  }

  /** Wishes that still count. */
  get freshIntents(): readonly Intent[] {
    return this.#intents.fresh(this.#options.nowUnixMs());
  }

  get waiting(): number {
    return this.#waiting;
  }

  get kind(): string {
    return this.#options.platform.kind;
  }

  get hasBudget(): boolean {
    return this.#judge.hasBudget;
  }

  /** GPUs that are asked for by all; null where some are not known. */
  get totalGpus(): number | null {
    return this.#judge.totalGpus;
  }

  /**
   * Takes up what is known of before, and finds the deployments that there are.
   * @throws UserError where a budget is to be kept and they can't be found
   */
  async start(): Promise<void> {
    this.#restore();
    await this.#findAll();
    await this.#options.leadership?.start((isLeader) => this.#led(isLeader));
  }

  get isLeader(): boolean {
    return this.#options.leadership?.isLeader ?? true;
  }

  /** What the forerunner has granted stands on the platform, its wishes in the file where both have it. */
  #led(isLeader: boolean): void {
    const { leadership, log } = this.#options;
    if (this.#isStopping) return;
    log.info(isLeader ? "this global planner leads now" : `another one leads (${leadership?.holder ?? "unknown"})`);
    if (!isLeader) return;
    try {
      this.#restore();
    } catch (error) {
      log.warn((error as Error).message);
    }
    this.#judge.forget();
  }

  #restore(): void {
    const saved = this.#stateFile?.load() ?? null;
    if (saved === null) return;
    for (const { gpus, ...known } of saved.deployments) {
      if (this.#isManaged(known.address)) this.deployments.restore(known, gpus);
    }
    for (const intent of saved.intents) this.#intents.restore(intent);
    this.#options.log.info(`taken up: ${saved.deployments.length} deployments, ${this.freshIntents.length} wishes`);
  }

  async #findAll(): Promise<void> {
    const { log } = this.#options;
    if (!this.hasBudget) return;
    await this.#judge.discover().catch((error: Error) => {
      throw error instanceof UserError ? error : notDiscovered(this.kind, error);
    });
    await this.deployments.look(new Set());
    log.info(
      `found ${this.deployments.all.length} deployments: ${this.deployments.all.map(({ known }) => known.id).join(", ") || "none yet"}`,
    );
    const total = this.totalGpus;
    const { minGpus, maxGpus } = this.settings.band;
    if (total !== null && minGpus !== null && total < minGpus) {
      log.warn(`${total} GPUs are asked for, fewer than the floor of ${minGpus}: nothing is added until somebody asks`);
    }
    if (total !== null && maxGpus !== null && total > maxGpus) {
      log.warn(
        `${total} GPUs are asked for, more than the ceiling of ${maxGpus}: nothing is taken away until somebody asks`,
      );
    }
  }

  /**
   * Judges a request and carries out what was granted, one after the other.
   * @param signal aborted where the caller has gone: a request that has not begun is dropped
   * @throws RequestRefused for one that is not judged
   */
  async scale(request: GlobalRequest, signal: AbortSignal): Promise<GlobalAnswer> {
    this.#checkManaged(request.address);
    this.#checkRunning();
    if (this.#waiting >= MOST_WAITING) throw new RequestRefused(429, `${MOST_WAITING} requests wait already`);
    this.#waiting++;
    const answer = await this.#inTurn(async () => {
      this.#waiting--;
      if (signal.aborted) throw new RequestRefused(503, "the caller has gone");
      this.#checkRunning();
      return await this.#handle(request);
    });
    return request.blocking && answer.status === "success" ? await this.#settled(request, answer, signal) : answer;
  }

  /**
   * A deployment as the platform shows it now.
   * @throws RequestRefused where it may not be asked for, is not there, or can't be seen now
   */
  async look(address: DeploymentAddress, roles: readonly Role[]): Promise<DeploymentState> {
    this.#checkManaged(address);
    return await this.#judge.seen(await this.#introduced(address, roles));
  }

  /** Ends after the request under way; those that wait are refused. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#turn;
    // Who stands by knows less than who leads.
    if (this.isLeader) this.#stateFile?.flush();
    await this.#options.leadership?.release();
    await this.deployments.close();
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** A deployment that was not known, or not with these roles, must not appear in the midst of a decision. */
  async #introduced(address: DeploymentAddress, roles: readonly Role[]): Promise<Deployment> {
    const known = this.deployments.get(this.#options.platform.idOf(address));
    if (known !== undefined && roles.every((role) => known.known.roles.includes(role))) return known;
    if (this.#waiting >= MOST_WAITING) throw new RequestRefused(429, `${MOST_WAITING} requests wait already`);
    const deployment = await this.#inTurn(() => this.deployments.meet(address, roles));
    if (this.isLeader) this.#stateFile?.changed();
    return deployment;
  }

  async #handle(request: GlobalRequest): Promise<GlobalAnswer> {
    const { nowMs, nowUnixMs } = this.#options;
    const beganMs = nowMs();
    const readsBefore = this.deployments.reads;
    const roles = Object.keys(request.targets) as Role[];
    const deployment = await this.deployments.meet(request.address, roles);
    const { id } = deployment.known;
    Object.assign(deployment.gpus, request.gpusPerReplica);
    this.#intents.note(id, request.targets, nowUnixMs(), request.predictedLoad);
    this.#stateFile?.changed();
    const record: Omit<DecisionRecord, "answer" | "reads" | "tookMs"> = {
      number: ++this.#number,
      atUnixMs: nowUnixMs(),
      deployment: id,
      request,
      decision: null,
      intents: this.freshIntents,
      pools: {},
      legs: [],
    };
    const answer = await this.#judge.judge(request, deployment, record);
    const reads = this.deployments.reads - readsBefore;
    this.#remember({ ...record, answer, reads, tookMs: nowMs() - beganMs });
    return answer;
  }

  async #settled(request: GlobalRequest, answer: GlobalAnswer, signal: AbortSignal): Promise<GlobalAnswer> {
    const { platform } = this.#options;
    const connector = this.deployments.get(platform.idOf(request.address))?.connector;
    if (connector?.settled === undefined) return answer;
    const isSettled = await connector.settled(BLOCKING_MS, signal).catch(() => false);
    const said = isSettled ? "the workers are there" : `the workers are not there after ${BLOCKING_MS / 1000} s`;
    return { ...answer, message: `${answer.message}; ${said}` };
  }

  #checkRunning(): void {
    if (this.#isStopping) throw new RequestRefused(503, "the global planner is about to end");
    if (this.isLeader) return;
    const holder = this.#options.leadership?.holder ?? "not known yet";
    throw new RequestRefused(503, `another global planner leads (${holder})`);
  }

  #checkManaged(address: DeploymentAddress): void {
    if (this.#isManaged(address)) return;
    throw new RequestRefused(
      403,
      `Namespace ${address.callerNamespace} not authorized: this global planner manages ${this.settings.managedNamespaces!.join(", ")}`,
    );
  }

  #isManaged({ callerNamespace }: DeploymentAddress): boolean {
    return this.settings.managedNamespaces?.includes(callerNamespace) ?? true;
  }

  #remember(record: DecisionRecord): void {
    this.#decisions.push(record);
    if (this.#decisions.length > KEEP) this.#decisions.shift();
    this.#options.onDecision?.(record);
  }

  #saved(): SavedState {
    return {
      intents: this.freshIntents,
      deployments: this.deployments.all.map(({ known, gpus }) => ({ ...known, gpus })),
    };
  }
}
