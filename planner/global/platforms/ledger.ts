import type { Connector, DeploymentState } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { KnownDeployment, Platform } from "../types.ts";

/**
 * No platform at all: what was granted counts as carried out, from 0 workers on, for as long as the process lives. To see what a budget comes to without
 * a cluster.
 */
export function ledgerPlatform(): Platform {
  const counts = new Map<string, Partial<Targets>>();
  return {
    kind: "none",
    idOf: ({ callerNamespace }) => callerNamespace,
    discover: async () => [],
    find: async (address, roles) => ({ id: address.callerNamespace, address, roles, otherGpus: 0 }),
    asked: async ({ id }) => ({ replicas: counts.get(id) ?? {}, gpus: {} }),
    connector: (deployment) => ledgerConnector(deployment, counts),
    async close() {},
  };
}

function ledgerConnector({ id, roles }: KnownDeployment, counts: Map<string, Partial<Targets>>): Connector {
  const current = (): Partial<Targets> => Object.fromEntries(roles.map((role) => [role, counts.get(id)?.[role] ?? 0]));
  return {
    kind: "none",
    open: async () => ({ model: null, gpusPerReplica: {} }),
    async state(): Promise<DeploymentState> {
      const states = Object.entries(current()).map(([role, count]) => [
        role,
        { role: role as Role, component: role, desired: count, ready: count, stable: true, gpusPerReplica: null },
      ]);
      return { ready: true, notReadyReason: null, roles: Object.fromEntries(states), model: null };
    },
    async scale({ targets }) {
      const before = current();
      const inForce = { ...before, ...targets };
      counts.set(id, inForce);
      const isChanged = roles.some((role) => before[role] !== inForce[role]);
      return { status: isChanged ? "applied" : "unchanged", inForce, message: "noted" };
    },
    settled: async () => true,
    async close() {},
  };
}
