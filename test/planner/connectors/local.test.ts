import { afterEach, describe, expect, it } from "vitest";
import { LocalConnector, type LocalConnectorOptions, type LocalDeployment, LocalWatch } from "#planner/connectors";
import { ControlServer, KEY, type MadeComponent, madeDeployment } from "./control-server.ts";

const PAIR: MadeComponent[] = [
  { name: "Frontend", role: "frontend" },
  { name: "prefill", role: "prefill", gpusPerReplica: 2 },
  { name: "decode", role: "decode", gpusPerReplica: 4 },
];

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serverWith(
  components: readonly MadeComponent[],
  rest: Partial<LocalDeployment> = {},
): Promise<ControlServer> {
  const server = await ControlServer.start(madeDeployment(components, rest));
  closers.push(() => server.stop());
  return server;
}

function connectorTo(server: ControlServer, rest: Partial<LocalConnectorOptions> = {}): LocalConnector {
  const control = { url: server.url, token: server.token, retry: { firstMs: 1, longestMs: 5, deadlineMs: 300 } };
  const connector = new LocalConnector({ control, deployment: KEY, roles: ["prefill", "decode"], ...rest });
  closers.push(() => connector.close());
  return connector;
}

const wish = (prefill: number, decode: number, signal?: AbortSignal) => ({
  targets: { prefill, decode },
  reason: "more load",
  decision: 1,
  ...(signal === undefined ? {} : { signal }),
});

describe("connector local", () => {
  it("learns the model and the GPUs of a worker, and those that it is told go before", async () => {
    const server = await serverWith(PAIR, { model: "llama" });
    const gpusPerReplica = { prefill: 2, decode: 4 };
    expect(await connectorTo(server).open()).toEqual({ model: "llama", gpusPerReplica });
    expect(await connectorTo(server, { model: "mine" }).open()).toEqual({ model: "mine", gpusPerReplica });
  });

  it("finds workers by the names that Dynamo's examples gave them, where they have no part of their own", async () => {
    const server = await serverWith([
      { name: "VllmPrefillWorker", role: "worker" },
      { name: "VllmDecodeWorker", role: "worker" },
    ]);
    const connector = connectorTo(server);
    await connector.open();
    const { roles } = (await connector.state())!;
    expect([roles.prefill!.component, roles.decode!.component]).toEqual(["VllmPrefillWorker", "VllmDecodeWorker"]);
  });

  it("names all that keeps a deployment from being planned for", async () => {
    const server = await serverWith([
      { name: "Frontend", role: "frontend" },
      { name: "one", role: "decode" },
      { name: "two", role: "decode" },
    ]);
    await expect(connectorTo(server).open()).rejects.toMatchObject({
      code: "PLANNER_LOCAL_UNFIT_DEPLOYMENT",
      where: "default/llama",
      message: expect.stringMatching(/no component is the prefill worker.*2 components are decode workers: one, two/),
    });
  });

  it("says which deployments there are where its own is none of them", async () => {
    const server = await serverWith(PAIR);
    const connector = connectorTo(server, { deployment: { namespace: "default", name: "qwen" } });
    const missing = { code: "PLANNER_LOCAL_NO_DEPLOYMENT", message: expect.stringContaining("default/llama") };
    await expect(connector.open()).rejects.toMatchObject(missing);
    await expect(connector.state()).rejects.toMatchObject(missing);
    await expect(connector.scale(wish(2, 2))).rejects.toMatchObject(missing);
  });

  it("tells a runner that is not there from one that does not know it", async () => {
    const server = await serverWith(PAIR);
    const stranger = connectorTo(server, { control: { url: server.url, token: "wrong", retry: { firstMs: 1 } } });
    const refused = { code: "PLANNER_LOCAL_REFUSED", hint: expect.stringContaining("control_token_file") };
    await expect(stranger.open()).rejects.toMatchObject(refused);
    await expect(stranger.state()).rejects.toMatchObject(refused);
    await expect(stranger.scale(wish(2, 2))).rejects.toMatchObject(refused);
    const connector = connectorTo(server);
    await server.stop();
    await expect(connector.open()).rejects.toMatchObject({ code: "PLANNER_LOCAL_UNREACHABLE", exitCode: 1 });
  });

  it("changes all roles in one request, on the version that it has seen", async () => {
    const server = await serverWith(PAIR);
    const { resourceVersion } = server.deployment!;
    expect(await connectorTo(server).scale(wish(2, 3))).toEqual({
      status: "applied",
      inForce: { prefill: 2, decode: 3 },
      message: "prefill 1 → 2, decode 1 → 3",
    });
    expect(server.scaled).toEqual([{ replicas: { prefill: 2, decode: 3 }, reason: "more load", resourceVersion }]);
  });

  it("looks anew where the deployment has changed in between", async () => {
    const server = await serverWith(PAIR);
    server.beforeScale = () => {
      if (server.scaled.length < 3) server.set((deployment) => ({ ...deployment, notes: ["a replica came and went"] }));
    };
    expect((await connectorTo(server).scale(wish(2, 3))).status).toBe("applied");
    expect(server.scaled).toHaveLength(3);
    server.beforeScale = () => server.set((deployment) => deployment);
    server.settle();
    const outcome = await connectorTo(server).scale(wish(5, 5));
    expect(outcome).toMatchObject({ status: "failed", inForce: { prefill: 2, decode: 3 } });
    expect(outcome.message).toContain("somebody else");
  });

  it("takes a change whose answer was lost for its own", async () => {
    const server = await serverWith(PAIR);
    server.beforeScale = () => {
      if (server.scaled.length > 1) return;
      // The first answer is lost after the change was taken over.
      server.set((deployment) => ({
        ...deployment,
        components: deployment.components.map((each) => ({ ...each, replicas: each.name === "Frontend" ? 1 : 4 })),
      }));
    };
    const outcome = await connectorTo(server).scale(wish(4, 4));
    expect(outcome).toMatchObject({ status: "applied", inForce: { prefill: 4, decode: 4 } });
    expect(server.scaled).toHaveLength(1);
  });

  it("does not change what takes no changes, also where the runner alone knows that", async () => {
    const server = await serverWith(PAIR);
    server.setReady(false);
    const outcome = await connectorTo(server).scale(wish(2, 2));
    expect(outcome).toMatchObject({ status: "not-ready", message: expect.stringContaining("Resources not ready") });
    expect(server.scaled).toEqual([]);
    server.set((deployment) => ({ ...deployment, ready: true, message: "being rolled over" }));
    expect(await connectorTo(server).scale(wish(2, 2))).toEqual({
      status: "not-ready",
      inForce: { prefill: 1, decode: 1 },
      message: "being rolled over",
    });
  });

  it("writes nothing once it may act no longer", async () => {
    const server = await serverWith(PAIR);
    const connector = connectorTo(server);
    expect((await connector.scale(wish(2, 2, AbortSignal.abort()))).status).toBe("failed");
    const ended = new AbortController();
    server.beforeScale = () => {
      ended.abort();
      server.set((deployment) => deployment);
    };
    const outcome = await connector.scale(wish(2, 2, ended.signal));
    expect(outcome).toMatchObject({ status: "failed", inForce: { prefill: 1, decode: 1 } });
    expect(server.scaled).toHaveLength(1);
  });

  it("hands a refusal on", async () => {
    const server = await serverWith(PAIR);
    expect(await connectorTo(server).scale(wish(2, 200_000))).toMatchObject({
      status: "refused",
      inForce: { prefill: 1, decode: 1 },
    });
  });

  it("follows a change until all that was asked for serves, over a runner that goes and comes", async () => {
    const server = await serverWith(PAIR);
    const connector = connectorTo(server);
    await connector.scale(wish(2, 2));
    const settled = connector.settled(60_000);
    await expect.poll(() => server.waiting).toBe(1);
    server.set((deployment) => deployment);
    await expect.poll(() => server.waiting).toBe(1);
    await server.stop();
    await server.run();
    await expect.poll(() => server.waiting).toBe(1);
    server.settle();
    expect(await settled).toBe(true);
  });

  it("says so where a change does not come about in time, or nobody waits for it any longer", async () => {
    const server = await serverWith(PAIR);
    const connector = connectorTo(server);
    await connector.scale(wish(2, 2));
    expect(await connector.settled(0)).toBe(false);
    const ended = new AbortController();
    const settled = connector.settled(60_000, ended.signal);
    await expect.poll(() => server.waiting).toBe(1);
    ended.abort();
    expect(await settled).toBe(false);
  });
});

describe("watch of a local deployment", () => {
  async function watchOf(server: ControlServer) {
    const watch = new LocalWatch({ control: { url: server.url, token: server.token }, deployment: KEY });
    closers.push(() => watch.close());
    await watch.start();
    return watch;
  }

  it("sees each change, and for how long nobody has told of any", async () => {
    const server = await serverWith(PAIR);
    const watch = await watchOf(server);
    expect(watch.last).toEqual({ deployment: server.deployment, ageMs: 0 });
    for (const note of ["one", "two"]) {
      await expect.poll(() => server.waiting).toBe(1);
      server.set((deployment) => ({ ...deployment, notes: [note] }));
      await expect.poll(() => watch.last!.deployment.notes).toEqual([note]);
    }
    await server.stop();
    await expect.poll(() => watch.problem).toContain("ECONNREFUSED");
    await expect.poll(() => watch.last!.ageMs).toBeGreaterThan(0);
    expect(watch.last!.deployment.notes).toEqual(["two"]);
    await server.run();
    await expect.poll(() => watch.last!.ageMs, { timeout: 20_000 }).toBe(0);
    expect(watch.problem).toBeNull();
  });

  it("knows nothing of a deployment that is gone, and finds one that comes", async () => {
    const server = await serverWith(PAIR);
    const watch = await watchOf(server);
    await expect.poll(() => server.waiting).toBe(1);
    server.set(null);
    await expect.poll(() => watch.problem).toContain("knows no deployment default/llama");
    expect(watch.last).toBeNull();
    server.begin(madeDeployment(PAIR));
    await expect.poll(() => watch.last?.deployment, { timeout: 20_000 }).toEqual(server.deployment);
    expect(watch.problem).toBeNull();
  });
});
