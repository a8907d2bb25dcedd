import { UserError } from "#common";
import type { PlannerServiceConfig } from "#planner/config";
import { AdvisoryConnector, type Connector, FileStore, VirtualConnector } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { Fleet } from "#planner/sources";

/** What a connector is told of the deployment by others. */
export interface ConnectorFacts {
  /** Workers that serve, where the platform counts none. */
  fleet: Fleet;
  /** GPUs of a worker, where the platform does not say. */
  gpusPerReplica: Targets;
}

/** What the configured environment is scaled by. @throws UserError for an environment that can't be scaled */
export function connectorOf(config: PlannerServiceConfig, { fleet, gpusPerReplica }: ConnectorFacts): Connector {
  const roles = rolesOf(config);
  const { connector: settings, environment } = config;
  const discovery = async () => {
    const seen = await fleet.read();
    return seen === null ? null : { prefill: seen.counts.prefill.active, decode: seen.counts.decode.active };
  };
  if (environment === "virtual") {
    const { virtualStore } = settings;
    if (virtualStore.kind !== "file") throw unavailable("virtual_store", virtualStore.kind, "file:FOLDER");
    return new VirtualConnector({
      namespace: config.namespace,
      store: new FileStore(virtualStore.folder),
      roles,
      discovery,
      gpusPerReplica,
      maxWaitMs: settings.maxWaitMs,
      ...(config.modelName === null ? {} : { model: config.modelName }),
    });
  }
  if (environment === "none") return new AdvisoryConnector({ roles, discovery, gpusPerReplica });
  throw unavailable("environment", environment, "virtual or none");
}

function rolesOf({ mode }: PlannerServiceConfig): readonly Role[] {
  if (mode === "disagg") return ["prefill", "decode"];
  return [mode === "prefill" ? "prefill" : "decode"];
}

function unavailable(where: string, found: string, expected: string): UserError {
  return new UserError({
    code: "PLANNER_ENVIRONMENT_UNAVAILABLE",
    where,
    message: `found ${found}, which this planner can't scale yet, expected ${expected}`,
    hint: "--environment virtual --virtual-store file:./planner-state",
  });
}
