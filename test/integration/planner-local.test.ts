import { afterEach, describe, expect, it } from "vitest";
import { FileStore } from "#planner/connectors";
import { ControlServer, KEY, madeDeployment } from "../planner/connectors/control-server.ts";
import { temporaryFolder } from "../planner/connectors/stores.ts";
import { waitFor } from "./processes.ts";
import { RunningPlanner } from "./running-planner.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function setUp() {
  const server = await ControlServer.start(
    madeDeployment([
      { name: "Frontend", role: "frontend" },
      { name: "prefill", role: "prefill" },
      { name: "decode", role: "decode" },
    ]),
  );
  closers.push(() => server.stop());
  const folder = temporaryFolder();
  closers.push(async () => folder.remove());
  const env = {
    UNDERSTUDY_CONTROL_URL: server.url,
    UNDERSTUDY_PLANNER_CONTROL_TOKEN: server.token,
    UNDERSTUDY_LEASE_DIR: folder.path,
    DYN_PARENT_DGD_K8S_NAME: KEY.name,
    DYN_PARENT_DGD_K8S_NAMESPACE: KEY.namespace,
  };
  const start = async (identity: string) => {
    const planner = await RunningPlanner.start(
      {
        environment: "local",
        identity,
        strategy: "static",
        static_prefill_replicas: 2,
        static_decode_replicas: 3,
      },
      env,
    );
    closers.push(() => planner.end("SIGKILL"));
    return planner;
  };
  const asked = () => Object.fromEntries(server.deployment!.components.map(({ name, replicas }) => [name, replicas]));
  const editByHand = (decode: number) => {
    server.set((deployment) => ({
      ...deployment,
      components: deployment.components.map((each) =>
        each.name === "decode"
          ? { ...each, replicas: decode, availableReplicas: decode, updatedReplicas: decode }
          : each,
      ),
    }));
  };
  const store = new FileStore(folder.path);
  closers.push(() => store.close());
  const holder = async () => {
    const key = `v1/${KEY.namespace}/${KEY.name}/planner-leader`;
    return (JSON.parse((await store.read(key)).values.get(key)!.value) as { holder: string }).holder;
  };
  return { server, start, asked, editByHand, holder };
}

describe("understudy planner --environment local", () => {
  it("one of two acts; kill -9: the other takes over; SIGTERM: it hands over at once", async () => {
    const { server, start, asked, editByHand, holder } = await setUp();
    const wanted = { Frontend: 1, prefill: 2, decode: 3 };
    const one = await start("one");
    await waitFor("the first decision", () => server.scaled.length === 1, 60_000);
    expect(asked()).toEqual(wanted);
    server.settle();
    const two = await start("two");
    await two.tick("two to watch", ({ state }) => state?.roles.decode?.ready === 3);
    expect(await two.status()).toMatchObject({ leader: false });
    expect(await holder()).toBe("one");

    await one.end("SIGKILL");
    editByHand(7);
    await waitFor("the second decision", () => server.scaled.length === 2, 60_000);
    expect(asked()).toEqual(wanted);
    expect(await two.status()).toMatchObject({ leader: true });
    expect(await holder()).toBe("two");
    server.settle();

    const again = await start("one");
    await again.tick("it to watch", ({ state }) => state !== null);
    expect(await again.status()).toMatchObject({ leader: false });
    expect(await two.end("SIGTERM")).toBe(0);
    await again.tick("it to lead", (_, { leader }) => leader);
    editByHand(7);
    await waitFor("the third decision", () => server.scaled.length === 3, 60_000);
    expect(asked()).toEqual(wanted);
  });

  it("decides nothing while the runner is away, and goes on when it is back", async () => {
    const { server, start, asked, editByHand } = await setUp();
    const planner = await start("one");
    await waitFor("the first decision", () => server.scaled.length === 1, 60_000);
    server.settle();
    await server.stop();
    await planner.tick("the state to be unknown", ({ state }) => state === null);
    editByHand(7);
    await server.run();
    await waitFor("the next decision", () => server.scaled.length === 2, 60_000);
    expect(asked()).toEqual({ Frontend: 1, prefill: 2, decode: 3 });
    expect(planner.log).not.toMatch(/\n\s+at /);
  });
});
