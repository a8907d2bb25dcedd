import { afterEach, describe, expect, it } from "vitest";
import { type KeyValueStore, openStore, type StoreLocation, VirtualEnvironment } from "#planner/connectors";
import { EtcdServer } from "../etcd.ts";
import { temporaryFolder } from "../planner/connectors/stores.ts";
import { describeWithEtcd } from "../tools.ts";
import { CliProcess, waitFor } from "./processes.ts";
import { RunningPlanner } from "./running-planner.ts";

const NAMESPACE = "vllm-disagg-planner";

/** A store that planners in processes of their own share. */
interface SharedStore {
  location: StoreLocation;
  /** As a planner's configuration names it. */
  address: string;
  env?: Record<string, string>;
  token?: string;
  close(): Promise<void>;
}

function pairOverStore(name: string, share: () => Promise<SharedStore>): void {
  describe(`understudy planner --environment virtual over ${name}`, () => {
    const closers: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    async function setUp() {
      const shared = await share();
      closers.push(() => shared.close());
      const store = openStore(shared.location, shared.token === undefined ? {} : { token: shared.token });
      closers.push(() => store.close());
      const environment = new VirtualEnvironment(store, NAMESPACE);
      await environment.announce({ prefill: 1, decode: 1 });
      const start = async (identity: string) => {
        const planner = await RunningPlanner.start(
          {
            environment: "virtual",
            namespace: NAMESPACE,
            virtual_store: shared.address,
            identity,
            strategy: "static",
            static_prefill_replicas: 2,
            static_decode_replicas: 3,
            metric_pulling_prometheus_endpoint: "http://127.0.0.1:1",
          },
          shared.env,
        );
        closers.push(() => planner.end("SIGKILL"));
        return planner;
      };
      return { store, environment, start };
    }

    it("one of two acts; kill -9: the other takes over; SIGTERM: it hands over at once", async () => {
      const { store, environment, start } = await setUp();
      const one = await start("one");
      await one.tick("one to lead", (_, { leader }) => leader);
      expect(await carriedOut(environment)).toEqual({ decisionId: 0, workers: { prefill: 2, decode: 3 } });
      const two = await start("two");
      await two.tick("two to watch", ({ state }) => state?.roles.decode?.desired === 3);
      expect(await two.status()).toMatchObject({ leader: false });
      expect(await holder(store)).toBe("one");

      await one.end("SIGKILL");
      await editByHand(store, 7);
      expect(await carriedOut(environment)).toEqual({ decisionId: 1, workers: { prefill: 2, decode: 3 } });
      expect(await two.status()).toMatchObject({ leader: true });
      expect(await holder(store)).toBe("two");
      // While nobody led nothing was decided, and afterwards by one alone.
      const decided = (await two.snapshots()).filter(({ action }) => action.status === "applied");
      expect(decided).toHaveLength(1);

      const again = await start("one");
      await again.tick("it to watch", ({ state }) => state !== null);
      expect(await again.status()).toMatchObject({ leader: false });
      expect(await two.end("SIGTERM")).toBe(0);
      await again.tick("it to lead", (_, { leader }) => leader);
      await editByHand(store, 7);
      expect(await carriedOut(environment)).toEqual({ decisionId: 2, workers: { prefill: 2, decode: 3 } });
    });
  });
}

/** The next decision, once the environment has said that it is carried out. */
async function carriedOut(environment: VirtualEnvironment) {
  const decision = await environment.wait(AbortSignal.timeout(100_000));
  if (decision === null) throw new Error("no decision came");
  await environment.complete(decision);
  return decision;
}

async function editByHand(store: KeyValueStore, decode: number): Promise<void> {
  await store.commit({ write: { [`v1/${NAMESPACE}/planner/num_decode_workers`]: String(decode) } });
}

/** Who leads, by the key itself: a name in etcd, a ballot elsewhere. */
async function holder(store: KeyValueStore): Promise<string> {
  const key = `v1/${NAMESPACE}/planner-leader`;
  const { value } = (await store.read(key)).values.get(key)!;
  return store.kind === "etcd" ? value : (JSON.parse(value) as { holder: string }).holder;
}

pairOverStore("a folder", async () => {
  const { path, remove } = temporaryFolder();
  return { location: { kind: "file", folder: path }, address: `file:${path}`, close: async () => remove() };
});

pairOverStore("HTTP", async () => {
  const { path, remove } = temporaryFolder();
  const env = { UNDERSTUDY_PLANNER_VIRTUAL_STORE_TOKEN: "secret" };
  const server = new CliProcess(["planner", "store", "--folder", path, "--port", "0", "--json"], env);
  const line = await waitFor("the store", () => /^\{.*\}$/m.exec(server.stdout)?.[0], 60_000);
  const { url } = JSON.parse(line) as { url: string };
  return {
    location: { kind: "http", url },
    address: url,
    env,
    token: "secret",
    async close() {
      server.kill("SIGTERM");
      expect((await server.exited).code).toBe(0);
      remove();
    },
  };
});

await describeWithEtcd("etcd", (etcd) => {
  pairOverStore("etcd", async () => {
    const server = await EtcdServer.start(etcd);
    const location: StoreLocation = { kind: "etcd", endpoints: [server.url] };
    return { location, address: `etcd:${server.url}`, close: () => server.stop() };
  });
});

it.each([
  ["a folder that is a file", "file:package.json/state", "the store gives no answer", 1],
  ["an etcd that nobody answers for", "etcd:http://127.0.0.1:1", "the store gives no answer", 1],
  [
    "an address with a password in it",
    "http://me:secret@127.0.0.1:1",
    'virtual_store: found store "http://…@127.0.0.1:1"',
    2,
  ],
])("ends at the start with one line for %s", async (_, virtual_store, message, status) => {
  const planner = await RunningPlanner.start({
    environment: "virtual",
    virtual_store,
    frontend_urls: ["http://127.0.0.1:1"],
  });
  expect((await planner.process.exited).code).toBe(status);
  expect(planner.process.output).toContain(message);
  expect(planner.process.output).not.toMatch(/\n\s+at /);
});
