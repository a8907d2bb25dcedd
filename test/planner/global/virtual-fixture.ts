import type { FastifyInstance } from "fastify";
import { BearerTokens } from "#common/http";
import {
  GlobalPlannerConnector,
  type GlobalPlannerConnectorOptions,
  type KeyValueStore,
  MemoryStore,
  VirtualEnvironment,
} from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import {
  GlobalPlanner,
  GlobalPlannerMetrics,
  type GlobalPlannerSettings,
  globalPlannerApp,
  virtualPlatform,
} from "#planner/global";
import { listenAt } from "#planner/service";
import { SeverableStore } from "../connectors/stores.ts";

export const SETTINGS: GlobalPlannerSettings = {
  band: { minGpus: null, maxGpus: null },
  intentTtlMs: 360_000,
  managedNamespaces: null,
  noOperation: false,
  isStrict: false,
  defaultGpus: { prefill: 1, decode: 1 },
};

/** A global planner over HTTP whose deployments are environments on a store in memory, with the hands that play them. */
export class VirtualFleet {
  readonly store: KeyValueStore = new MemoryStore();
  readonly cable: SeverableStore;
  readonly settings: GlobalPlannerSettings;
  planner!: GlobalPlanner;
  url = "";
  #app: FastifyInstance | null = null;
  readonly #token: string | null;

  constructor(settings: Partial<GlobalPlannerSettings> = {}, token: string | null = null) {
    this.settings = { ...SETTINGS, ...settings };
    this.cable = new SeverableStore(this.store);
    this.#token = token;
  }

  /** @param port 0: any free one */
  async start(port = 0): Promise<void> {
    const planner = new GlobalPlanner({
      settings: this.settings,
      platform: virtualPlatform({ openStore: () => this.cable }),
      stateFolder: null,
      nowMs: () => performance.now(),
      nowUnixMs: () => Date.now(),
      log: { info: () => {}, warn: () => {} },
    });
    await planner.start();
    const tokens = new BearerTokens(this.#token === null ? [] : [this.#token]);
    this.#app = globalPlannerApp({ planner, metrics: new GlobalPlannerMetrics(() => planner), tokens, names: [] });
    this.planner = planner;
    this.url = await listenAt(this.#app, "127.0.0.1", port);
  }

  async stop(): Promise<void> {
    await this.planner.stop();
    await this.#app?.close();
    this.#app = null;
  }

  environment(namespace: string): VirtualEnvironment {
    return new VirtualEnvironment(this.store, namespace);
  }

  /** A planner's connector, not opened. */
  connect(
    namespace: string,
    roles: readonly Role[],
    more: Partial<GlobalPlannerConnectorOptions> = {},
  ): GlobalPlannerConnector {
    return new GlobalPlannerConnector({
      url: this.url,
      token: this.#token,
      callerNamespace: namespace,
      graphDeploymentName: namespace,
      kubernetesNamespace: "default",
      roles,
      deadlineMs: 300,
      ...more,
    });
  }

  /** Replicas that stand in the store. */
  async asked(namespace: string, roles: readonly Role[]): Promise<Partial<Targets>> {
    const { values } = await this.store.read(`v1/${namespace}/`);
    return Object.fromEntries(
      roles.map((role) => [role, Number(values.get(`v1/${namespace}/planner/num_${role}_workers`)!.value)]),
    );
  }

  /** The environment carries out what was decided last. */
  async settle(namespace: string): Promise<void> {
    const environment = this.environment(namespace);
    const decision = await environment.get();
    if (decision !== null) await environment.complete(decision);
  }

  async editByHand(namespace: string, targets: Partial<Targets>): Promise<void> {
    const write = Object.entries(targets).map(([role, count]) => [
      `v1/${namespace}/planner/num_${role}_workers`,
      String(count),
    ]);
    await this.store.commit({ write: Object.fromEntries(write) });
  }
}
