import { LocalConnector } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { ConnectorFixture } from "./conformance-claims.ts";
import { ControlServer, KEY, madeDeployment } from "./control-server.ts";

/** A deployment behind a control API, whose runner is played. @param names of the components by role; an aggregated one has but a worker */
export async function localFixture(names: Partial<Record<Role, string>>): Promise<ConnectorFixture> {
  const roles = Object.keys(names) as Role[];
  const server = await ControlServer.start(
    madeDeployment([
      { name: "Frontend", role: "frontend" },
      ...roles.map((role) => ({ name: names[role]!, role: roles.length === 1 ? ("worker" as const) : role })),
      { name: "Planner", role: "planner" },
    ]),
  );
  return {
    roles,
    connect: () => {
      const control = { url: server.url, token: server.token, retry: { firstMs: 10, deadlineMs: 500 } };
      return new LocalConnector({ control, deployment: KEY, roles });
    },
    async asked() {
      const asked: Partial<Targets> = {};
      for (const role of roles) {
        asked[role] = server.deployment!.components.find(({ name }) => name === names[role])!.replicas;
      }
      return asked;
    },
    async settle() {
      server.settle();
    },
    async editByHand(targets) {
      server.set((deployment) => ({
        ...deployment,
        generation: deployment.generation + 1,
        components: deployment.components.map((each) => {
          const role = roles.find((candidate) => names[candidate] === each.name);
          return { ...each, replicas: (role && targets[role]) ?? each.replicas };
        }),
      }));
    },
    async setReady(ready) {
      server.setReady(ready);
    },
    outage: { begin: () => server.stop(), end: () => server.run() },
    close: () => server.stop(),
  };
}
