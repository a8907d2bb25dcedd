import type { Role, Targets } from "#planner/core";
import { desiredOf } from "./targets.ts";
import type {
  Connector,
  DeploymentFacts,
  DeploymentState,
  RoleState,
  ScaleOutcome,
  TargetDeployment,
} from "./types.ts";

export interface AdvisoryConnectorOptions extends TargetDeployment {
  /** Workers that are taken to be there where nobody counts. */
  workers?: Partial<Targets>;
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
    return { status: "refused", inForce: desiredOf(await this.state()), message: "advisory: nothing is changed" };
  }

  async close(): Promise<void> {}
}
