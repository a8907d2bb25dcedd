import type { Role, Targets } from "#planner/core";
import type { Connector, DeploymentFacts, DeploymentState, RoleState, ScaleOutcome } from "./types.ts";
import type { WorkerDiscovery } from "./virtual/connector.ts";

export interface AdvisoryConnectorOptions {
  roles: readonly Role[];
  /** Who counts the workers that serve: without one, `workers` are taken to be there. */
  discovery?: WorkerDiscovery;
  workers?: Partial<Targets>;
  gpusPerReplica?: Partial<Targets>;
  model?: string;
}

/** Looks and advises: no wish is ever carried out, and none is reported as carried out. */
export class AdvisoryConnector implements Connector {
  readonly kind = "none";
  readonly #options: AdvisoryConnectorOptions;

  constructor(options: AdvisoryConnectorOptions) {
    this.#options = options;
  }

  async open(): Promise<DeploymentFacts> {
    const { model = null, gpusPerReplica = {} } = this.#options;
    return { model, gpusPerReplica };
  }

  async state(): Promise<DeploymentState | null> {
    const { roles, discovery, workers = {}, gpusPerReplica = {}, model = null } = this.#options;
    const seen = discovery === undefined ? workers : await discovery();
    if (seen === null) return null;
    const states: Partial<Record<Role, RoleState>> = {};
    for (const role of roles) {
      const count = seen[role];
      if (count === undefined) return null;
      states[role] = {
        role,
        component: role,
        desired: count,
        ready: count,
        stable: true,
        gpusPerReplica: gpusPerReplica[role] ?? null,
      };
    }
    return { ready: true, notReadyReason: null, roles: states, model };
  }

  async scale(): Promise<ScaleOutcome> {
    const state = await this.state();
    const inForce: Partial<Targets> = {};
    for (const { role, desired } of Object.values(state?.roles ?? {})) inForce[role] = desired;
    return { status: "refused", inForce, message: "advisory: nothing is changed" };
  }

  async close(): Promise<void> {}
}
