import { expect, it } from "vitest";
import { MemoryStore, VirtualConnector, VirtualEnvironment } from "#planner/connectors";

const NAMESPACE = "dynamo";
const ROLES = ["prefill", "decode"] as const;

function connectorTo(store: MemoryStore, more: Partial<ConstructorParameters<typeof VirtualConnector>[0]> = {}) {
  return new VirtualConnector({ namespace: NAMESPACE, store, roles: ROLES, ...more });
}

it("names the counts that nobody has written, and goes on when somebody has", async () => {
  const store = new MemoryStore();
  const connector = connectorTo(store);
  await connector.open();
  await store.commit({ write: { "v1/dynamo/planner/num_prefill_workers": "2" } });
  await expect(connector.state()).rejects.toMatchObject({
    code: "PLANNER_CONNECTOR_NO_COUNTS",
    message: expect.stringContaining("found no v1/dynamo/planner/num_decode_workers"),
  });
  await new VirtualEnvironment(store, NAMESPACE).announce({ prefill: 1, decode: 1 });
  expect((await connector.state())!.roles).toMatchObject({ prefill: { desired: 2 }, decode: { desired: 1 } });
});

it("needs no counts where workers are counted", async () => {
  const connector = connectorTo(new MemoryStore(), { discovery: async () => ({ prefill: 3, decode: 0 }) });
  await connector.open();
  expect((await connector.state())!.roles).toMatchObject({
    prefill: { desired: 3, ready: 3 },
    decode: { desired: 0, ready: 0 },
  });
  expect(await connector.scale({ targets: { decode: 1 }, reason: "load", decision: 0 })).toMatchObject({
    status: "applied",
  });
});

it("writes the decision of a planner that may act, and none of one that may not", async () => {
  const store = new MemoryStore();
  await new VirtualEnvironment(store, NAMESPACE).announce({ prefill: 1, decode: 1 });
  const connector = connectorTo(store);
  const { revision } = await store.read("");
  const request = { targets: { prefill: 2 }, reason: "load", decision: 0 };
  expect(await connector.scale({ ...request, signal: AbortSignal.abort() })).toMatchObject({
    status: "failed",
    inForce: { prefill: 1, decode: 1 },
  });
  expect((await store.read("")).revision).toBe(revision);
  expect(await connector.scale({ ...request, signal: new AbortController().signal })).toMatchObject({
    status: "applied",
  });
});
