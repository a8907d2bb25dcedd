import { AdvisoryConnector, FileStore, MemoryStore, openStore } from "#planner/connectors";
import { EtcdServer } from "../../etcd.ts";
import { waitFor } from "../../integration/processes.ts";
import { describeWithEtcd } from "../../tools.ts";
import { connectorConformance } from "./conformance.ts";
import { HttpStoreServer } from "./http-store-server.ts";
import { localFixture } from "./local-fixture.ts";
import { SeverableStore, targetsOf, temporaryFolder } from "./stores.ts";
import { virtualFixture } from "./virtual-fixture.ts";

const ROLES = ["prefill", "decode"] as const;

connectorConformance(
  "none",
  async () => ({
    roles: ROLES,
    connect: () => new AdvisoryConnector({ roles: ROLES, workers: targetsOf(ROLES, 1) }),
    asked: async () => targetsOf(ROLES, 1),
    settle: async () => {},
    close: async () => {},
  }),
  { looksOnly: true },
);

connectorConformance(
  "virtual over a file store",
  async () => {
    const folder = temporaryFolder();
    return virtualFixture(ROLES, () => new FileStore(folder.path), {
      close: async () => folder.remove(),
    });
  },
  { lacks: ["readiness", "outages"] },
);

connectorConformance(
  "virtual of an aggregated deployment",
  async () => {
    const folder = temporaryFolder();
    return virtualFixture(["decode"], () => new FileStore(folder.path), { close: async () => folder.remove() });
  },
  { lacks: ["readiness", "outages"] },
);

connectorConformance(
  "virtual over a store that falls silent",
  async () => {
    const store = new MemoryStore();
    const cable = new SeverableStore(store);
    let opened = 0;
    return virtualFixture(ROLES, () => (opened++ === 0 ? store : cable), {
      outage: {
        begin: async () => {
          cable.severed = true;
        },
        end: async () => {
          cable.severed = false;
        },
      },
      close: async () => {},
    });
  },
  { lacks: ["readiness"] },
);

connectorConformance(
  "virtual over an HTTP store",
  async () => {
    const folder = temporaryFolder();
    const server = await HttpStoreServer.start(new FileStore(folder.path));
    return virtualFixture(ROLES, () => openStore({ kind: "http", url: server.url }), {
      outage: { begin: () => server.stop(), end: () => server.run() },
      close: async () => {
        await server.stop();
        folder.remove();
      },
    });
  },
  { lacks: ["readiness"] },
);

connectorConformance("local", () => localFixture({ prefill: "VllmPrefillWorker", decode: "VllmDecodeWorker" }));

connectorConformance("local of an aggregated deployment", () => localFixture({ decode: "worker" }));

await describeWithEtcd("a real etcd", (etcd) => {
  connectorConformance(
    "virtual over etcd",
    async () => {
      const server = await EtcdServer.start(etcd);
      const open = () => openStore({ kind: "etcd", endpoints: [server.url] });
      return virtualFixture(ROLES, open, {
        outage: {
          begin: () => server.kill(),
          async end() {
            await server.run();
            const store = open();
            await waitFor("etcd to answer", () =>
              store.read("").then(
                () => true,
                () => false,
              ),
            );
            await store.close();
          },
        },
        close: () => server.stop(),
      });
    },
    { lacks: ["readiness"] },
  );
});
