import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Connector, KubernetesConnector } from "#planner/connectors";
import {
  type ConnectorFixture,
  reportsWhatTakesNoChanges,
  seesEditsByHand,
} from "../planner/connectors/conformance-claims.ts";
import { seenFailing } from "../planner/weaknesses/seen-failing.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { FaultProxy, type Passing } from "./fault-proxy.ts";
import { TestGraph, type TestGraphOptions } from "./graph.ts";
import { OlderKubernetesConnector } from "./older-connector.ts";

const QUICK = { firstMs: 5, longestMs: 50, deadlineMs: 2_000 };
const ROLES = ["prefill", "decode"] as const;

/** What a claim is made on: a deployment, and one connector to it, ours or the older one. */
interface Stage {
  graph: TestGraph;
  proxy: FaultProxy;
  connector: Connector;
  fixture: ConnectorFixture;
  warnings: string[];
}

type Which = "ours" | "older";

for (const version of ["v1alpha1", "v1beta1"] as const) {
  await describeWithKubernetes(`weaknesses of older connectors on a Kubernetes API with ${version}`, (tools) => {
    let server: KubeApiServer;
    let namespace: string;
    let namespaces = 0;
    const closers: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      server = await KubeApiServer.start(tools);
      await installGraphCrds(server, version);
    });
    afterAll(() => server?.stop());
    beforeEach(async () => {
      namespace = await server.namespace(`weaknesses-${++namespaces}`);
    });
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    async function stage(which: Which, options: Partial<TestGraphOptions> = {}): Promise<Stage> {
      const graph = await TestGraph.create(server, { version, namespace, ...options });
      const proxy = await FaultProxy.start(server);
      closers.push(() => proxy.stop());
      const warnings: string[] = [];
      const connect = (): Connector =>
        which === "ours"
          ? new KubernetesConnector({
              graphDeploymentName: graph.name,
              roles: ROLES,
              cluster: { kubeconfig: server.kubeconfig("admin", namespace, proxy.url), retry: QUICK },
              warn: (text) => warnings.push(text),
            })
          : new OlderKubernetesConnector({
              server: proxy.url,
              graphPath: graph.path,
              version,
              components: { prefill: graph.componentOf("prefill").name, decode: graph.componentOf("decode").name },
              adapterPath: (component) => graph.adapterPath(component),
            });
      const connector = connect();
      await connector.open();
      closers.push(() => connector.close());
      const fixture: ConnectorFixture = {
        roles: ROLES,
        connect,
        asked: () => graph.asked(),
        settle: () => graph.settle(),
        editByHand: (targets) => graph.setReplicas(targets),
        setReady: (ready) => graph.setReady(ready),
        close: () => proxy.stop(),
      };
      return { graph, proxy, connector, fixture, warnings };
    }

    const scale = (connector: Connector, prefill: number, decode: number) =>
      connector.scale({ targets: { prefill, decode }, reason: "more load", decision: 1 });
    const isWrite = ({ method, url }: Passing) => method === "PATCH" && url.includes("/dynamographdeployments/");

    describe("the GPUs of a worker", () => {
      const claim = async ({ connector }: Stage) => {
        const { gpusPerReplica } = await connector.open();
        expect(gpusPerReplica, "GPUs").toEqual({ prefill: 2, decode: 4 });
      };

      it("[D15b held] are read in either version, so that a budget counts", async () => claim(await stage("ours")));

      it("[D15b shown] are unknown in the newer version to what reads the older one's fields, and no budget counts", async () => {
        const made = await stage("older");
        if (version === "v1alpha1") await claim(made);
        else await seenFailing(() => claim(made), /GPUs: expected \{\}/);
      });
    });

    describe("a deployment that is not ready", () => {
      it("[D16a held] [W8 held] is said to be so", async () => {
        const { fixture, connector } = await stage("ours");
        await reportsWhatTakesNoChanges(fixture, connector);
      });

      it("[D16a shown] [W8 shown] is passed over, and success is reported", async () => {
        const { fixture, connector } = await stage("older");
        await seenFailing(() => reportsWhatTakesNoChanges(fixture, connector), /ready: expected true to be false/);
        await fixture.setReady!(false);
        expect(await scale(connector, 2, 2)).toMatchObject({ status: "applied" });
        expect(await fixture.asked()).toEqual({ prefill: 1, decode: 1 });
      });
    });

    describe("replicas that somebody changed by hand", () => {
      it("[D16c held] are seen, and changed back when told to", async () => {
        const { fixture, connector } = await stage("ours");
        await seesEditsByHand(fixture, connector);
      });

      it("[D16c shown] are not seen by what believes its own last wish, and stay", async () => {
        const { fixture, connector } = await stage("older");
        await seenFailing(() => seesEditsByHand(fixture, connector), /desired: expected 1 to be 5/);
        expect(await scale(connector, 1, 1)).toMatchObject({ status: "applied" });
        expect((await fixture.asked()).prefill).toBe(5);
      });
    });

    describe("a decision about both roles, in a deployment without adapters", () => {
      const writes = async ({ proxy, connector }: Stage) => {
        await scale(connector, 2, 3);
        await scale(connector, 2, 3);
        expect(proxy.seen.filter(isWrite).length, "writes").toBe(1);
      };
      const atomic = async ({ proxy, connector, fixture }: Stage) => {
        let seen = 0;
        proxy.when((passing) => (isWrite(passing) && ++seen > 1 ? { status: 503 } : undefined));
        await scale(connector, 2, 3).catch(() => undefined);
        expect(
          [
            { prefill: 1, decode: 1 },
            { prefill: 2, decode: 3 },
          ],
          "in force",
        ).toContainEqual(await fixture.asked());
      };

      it("[D16d held] is one write, and none when it is repeated", async () =>
        writes(await stage("ours", { adapters: [] })));

      it("[D16d shown] is a write per role, one upon the other", async () => {
        const made = await stage("older", { adapters: [] });
        await seenFailing(() => writes(made), /writes: expected 2 to be 1/);
      });

      it("[W8 held] is carried out whole or not at all", async () => atomic(await stage("ours", { adapters: [] })));

      it("[W8 shown] is left half done where the API fails in between", async () => {
        const made = await stage("older", { adapters: [] });
        await seenFailing(() => atomic(made), /in force/);
        expect(await made.fixture.asked()).toEqual({ prefill: 2, decode: 1 });
      });
    });

    if (version === "v1beta1") describe("a component without its scaling adapter", () => onMissingAdapter());

    function onMissingAdapter(): void {
      const reasons = async () => {
        const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
        const { items } = await server.json<{ items: (KubeObject & { reason: string })[] }>("GET", path);
        return items.map(({ reason }) => reason);
      };
      const claim = async ({ graph, connector, warnings }: Stage) => {
        expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
        await connector.close();
        expect(await graph.replicasInGraph()).toMatchObject({ VllmDecodeWorker: 3 });
        expect(warnings.join("\n"), "warnings").toContain("VllmDecodeWorker has no scaling adapter");
        expect(await reasons()).toContain("ScalingAdapterMissing");
      };
      const adapters = ["VllmPrefillWorker"];

      it("[D16b held] has its replicas set in the deployment, with a warning and an Event", async () =>
        claim(await stage("ours", { adapters })));

      it("[D16b shown] has them set there without a word", async () => {
        const made = await stage("older", { adapters });
        await seenFailing(() => claim(made), /warnings: expected ''/);
        expect(await reasons()).toEqual([]);
      });
    }
  });
}
