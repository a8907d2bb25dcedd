import { AdvisoryConnector, FileStore, MemoryStore } from "#planner/connectors";
import { connectorConformance } from "./conformance.ts";
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

connectorConformance("virtual over a file store", async () => {
  const folder = temporaryFolder();
  return virtualFixture(ROLES, () => new FileStore(folder.path), {
    close: async () => folder.remove(),
  });
});

connectorConformance("virtual of an aggregated deployment", async () => {
  const folder = temporaryFolder();
  return virtualFixture(["decode"], () => new FileStore(folder.path), { close: async () => folder.remove() });
});

connectorConformance("virtual over a store that falls silent", async () => {
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
});
