import { type KeyValueStore, VirtualConnector, VirtualEnvironment } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { ConnectorFixture } from "./conformance-claims.ts";
import { targetsOf } from "./stores.ts";

const NAMESPACE = "vllm-disagg-planner";

/**
 * A deployment behind a store, with a real environment that carries decisions out when told to.
 * @param open a new connection to the store, for each who uses it
 */
export async function virtualFixture(
  roles: readonly Role[],
  open: () => KeyValueStore,
  rest: Pick<ConnectorFixture, "outage" | "close">,
): Promise<ConnectorFixture> {
  const store = open();
  const environment = new VirtualEnvironment(store, NAMESPACE);
  await environment.announce(targetsOf(roles, 1));
  const key = (role: Role) => `v1/${NAMESPACE}/planner/num_${role}_workers`;
  return {
    ...rest,
    roles,
    connect: () => new VirtualConnector({ namespace: NAMESPACE, store: open(), roles }),
    async asked() {
      const { values } = await store.read(`v1/${NAMESPACE}/`);
      const asked: Partial<Targets> = {};
      for (const role of roles) asked[role] = Number(values.get(key(role))!.value);
      return asked;
    },
    async settle() {
      const decision = await environment.get();
      if (decision !== null) await environment.complete(decision);
    },
    async editByHand(targets) {
      const write = Object.entries(targets).map(([role, count]) => [key(role as Role), String(count)]);
      await store.commit({ write: Object.fromEntries(write) });
    },
    async close() {
      await store.close();
      await rest.close();
    },
  };
}
