import { type KeyValueStore, VirtualConnector } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { DeploymentAddress, KnownDeployment, Platform } from "../types.ts";

export interface VirtualPlatformOptions {
  /** A new connection to the store, for each who uses it. */
  openStore: () => KeyValueStore;
  /** A decision that stays unanswered for so long no longer holds up the next, ms. */
  maxWaitMs?: number;
}

const KEY = /^v1\/([^/]+)\/planner\/num_(prefill|decode)_workers$/;

/** Deployments of environments of one's own: a deployment is a Dynamo namespace under which counts stand in a store. */
export function virtualPlatform({ openStore, maxWaitMs }: VirtualPlatformOptions): Platform {
  const store = openStore();
  return {
    kind: "virtual",
    idOf: ({ callerNamespace }) => callerNamespace,
    async discover() {
      const counts = await countsUnder(store, "v1/");
      return [...counts].map(([namespace, replicas]) =>
        knownOf({ callerNamespace: namespace, kubernetesNamespace: "default", name: namespace }, replicas),
      );
    },
    async find(address) {
      const prefix = `v1/${address.callerNamespace}/planner/`;
      const replicas = (await countsUnder(store, prefix)).get(address.callerNamespace);
      // Its environment may start later than its planner.
      if (replicas === undefined) throw new Error(`no workers are announced under ${prefix} of ${store.place}`);
      return knownOf(address, replicas);
    },
    async asked({ id }) {
      const replicas = (await countsUnder(store, `v1/${id}/planner/`)).get(id);
      return replicas === undefined ? null : { replicas, gpus: {} };
    },
    connector: ({ address, roles }) =>
      new VirtualConnector({
        namespace: address.callerNamespace,
        store: openStore(),
        roles,
        ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
      }),
    close: () => store.close(),
  };
}

function knownOf(address: DeploymentAddress, replicas: Partial<Targets>): KnownDeployment {
  return { id: address.callerNamespace, address, roles: Object.keys(replicas) as Role[], otherGpus: 0 };
}

/** Workers that are asked for, by namespace. */
async function countsUnder(store: KeyValueStore, prefix: string): Promise<Map<string, Partial<Targets>>> {
  const counts = new Map<string, Partial<Targets>>();
  for (const [key, { value }] of (await store.read(prefix)).values) {
    const [, namespace, role] = KEY.exec(key) ?? [];
    // −1 is how the protocol writes that nothing was said.
    if (namespace === undefined || !/^\d{1,9}$/.test(value.trim())) continue;
    counts.set(namespace, { ...counts.get(namespace), [role as Role]: Number(value) });
  }
  return counts;
}
