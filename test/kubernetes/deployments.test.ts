import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KubernetesConnector, type KubernetesConnectorOptions } from "#planner/connectors";
import { waitFor } from "../integration/processes.ts";
import { RunningPlanner } from "../integration/running-planner.ts";
import { connectorConformance } from "../planner/connectors/conformance.ts";
import { describeWithKubernetes } from "../tools.ts";
import { type ApiUser, KubeApiServer, type KubeObject } from "./api-server.ts";
import { allow, documentedDeployments, documentedRules, printedRules } from "./documented.ts";
import { FaultProxy, type Passing } from "./fault-proxy.ts";
import { expectExactly } from "./witness.ts";
import { PAIR, TestDeployments, type WorkerDeployment, worker } from "./worker-deployments.ts";

const QUICK = { firstMs: 5, longestMs: 50, deadlineMs: 2_000 };
const AGGREGATED: WorkerDeployment[] = [
  { name: "worker", role: "decode", labels: { "nvidia.com/dynamo-component-type": "worker" } },
];

interface SentEvent extends KubeObject {
  reason: string;
  note: string;
  regarding: { kind: string; name: string; uid?: string };
}

await describeWithKubernetes("Deployments of a cluster without Dynamo's operator", (tools) => {
  let server: KubeApiServer;
  let proxy: FaultProxy;
  let namespace: string;
  let namespaces = 0;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
  });
  afterAll(() => server?.stop());

  for (const [title, all] of [
    ["prefill and decode", PAIR],
    ["aggregated", AGGREGATED],
  ] as const) {
    connectorConformance(`kubernetes, Deployments, ${title}`, async () => {
      const own = await server.namespace(`conformance-${++namespaces}`);
      const deployments = await TestDeployments.create(server, { namespace: own, all });
      const cable = await FaultProxy.start(server);
      const kubeconfig = server.kubeconfig("admin", own, cable.url);
      return {
        roles: deployments.roles,
        connect: () =>
          new KubernetesConnector({
            graphDeploymentName: deployments.name,
            target: "deployments",
            roles: deployments.roles,
            cluster: { kubeconfig, retry: QUICK },
          }),
        asked: () => deployments.asked(),
        settle: () => deployments.settle(),
        editByHand: (targets) => deployments.setReplicas(targets),
        setReady: (ready) => deployments.setReady(ready),
        outage: {
          begin: async () => cable.when(() => "cut"),
          end: async () => cable.when(() => undefined),
        },
        close: () => cable.stop(),
      };
    });
  }

  describe("in particular", () => {
    beforeEach(async () => {
      namespace = await server.namespace(`deployments-${++namespaces}`);
      proxy = await FaultProxy.start(server);
      closers.push(() => proxy.stop());
    });
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    const create = (all: readonly WorkerDeployment[] = PAIR) => TestDeployments.create(server, { namespace, all });

    function connectorFor({
      user = "admin",
      ...options
    }: Partial<KubernetesConnectorOptions> & { user?: ApiUser } = {}): KubernetesConnector {
      const connector = new KubernetesConnector({
        graphDeploymentName: "llama",
        target: "deployments",
        roles: ["prefill", "decode"],
        identity: "planner-1",
        cluster: { kubeconfig: server.kubeconfig(user, namespace, proxy.url), retry: QUICK },
        ...options,
      });
      closers.push(() => connector.close());
      return connector;
    }

    const scale = (connector: KubernetesConnector, prefill: number, decode: number) =>
      connector.scale({ targets: { prefill, decode }, reason: "more load", decision: 7 });

    const scalePatch =
      (name: string) =>
      ({ method, url }: Passing) =>
        method === "PATCH" && url.includes(`/${name}/scale`);

    const events = async () => {
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
      return (await server.json<{ items: SentEvent[] }>("GET", path)).items;
    };

    it("reads model and GPUs off the pods' templates, past containers beside the engine", async () => {
      await create();
      expect(await connectorFor().open()).toEqual({ model: "llama", gpusPerReplica: { prefill: 2, decode: 4 } });
    });

    it("finds Deployments by labels of one's own, and roles by the names that workers had before they had types", async () => {
      const label = "nvidia.com/dynamo-component";
      await create([
        { name: "p", role: "prefill", labels: { [label]: "VllmPrefillWorker", tier: "a" }, containers: [worker(1)] },
        { name: "d", role: "decode", labels: { [label]: "VllmDecodeWorker", tier: "a" } },
        { name: "d2", role: "decode", labels: { [label]: "VllmDecodeWorker", tier: "b" } },
      ]);
      const connector = connectorFor({ graphDeploymentName: "unused", selector: "tier=a" });
      await connector.open();
      const { roles } = (await connector.state())!;
      expect([roles.prefill!.component, roles.decode!.component]).toEqual(["p", "d"]);
    });

    it("says all that is wrong at once, and which labels nothing has", async () => {
      const [frontend, , decode] = PAIR;
      await create([frontend!, decode!, { ...decode!, name: "second", containers: [worker(1, "--model", "qwen")] }]);
      await expect(connectorFor().open()).rejects.toMatchObject({
        code: "PLANNER_KUBERNETES_UNFIT_DEPLOYMENT",
        message: expect.stringMatching(/no component is the prefill worker.*2 components are decode workers/),
      });
      await expect(connectorFor({ graphDeploymentName: "none" }).open()).rejects.toMatchObject({
        code: "PLANNER_KUBERNETES_NO_DEPLOYMENT",
        where: namespace,
        message: expect.stringContaining("nvidia.com/dynamo-graph-deployment-name=none"),
      });
    });

    it("knows no state before the controller has told of a Deployment", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      await server.merge(`${deployments.path("decode")}/status`, { status: { observedGeneration: null } });
      expect(await connector.state()).toBeNull();
    });

    it("takes for serving what is available, and for stable what is all of the newest and no more", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      await deployments.setReplicas({ decode: 3 });
      const decode = async () => (await connector.state())!.roles.decode;
      expect(await decode()).toMatchObject({ desired: 3, ready: 1, stable: false });
      await deployments.setStatus("decode", { available: 2, replicas: 3, updated: 3 });
      expect(await decode()).toMatchObject({ desired: 3, ready: 2, stable: false });
      await deployments.setStatus("decode", { available: 3, replicas: 4, updated: 3 });
      expect(await decode()).toMatchObject({ ready: 3, stable: false });
      await deployments.setStatus("decode", { available: 3 });
      expect(await decode()).toMatchObject({ ready: 3, stable: true });
    });

    it("changes nothing while workers are missing or rolled over, nor what is being deleted", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      await deployments.setReady(false);
      expect(await scale(connector, 2, 2)).toMatchObject({
        status: "not-ready",
        message: expect.stringContaining("MinimumReplicasUnavailable"),
      });
      await deployments.setStatus("decode", { available: 1, updated: 0 });
      expect((await scale(connector, 2, 2)).message).toContain("decode is being rolled over: 0 of 1");
      await deployments.settle();
      await server.merge(deployments.path("prefill"), { metadata: { finalizers: ["test/held"] } });
      await server.json("DELETE", deployments.path("prefill"));
      expect((await scale(connector, 2, 2)).message).toContain("prefill is being deleted");
      expect(await deployments.asked()).toEqual({ prefill: 1, decode: 1 });
      await server.merge(deployments.path("prefill"), { metadata: { finalizers: null } });
    });

    it("rolls a change forward over a status that was written in between", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      let isTouched = false;
      proxy.when(async (passing) => {
        if (isTouched || !scalePatch("decode")(passing)) return undefined;
        isTouched = true;
        await deployments.setStatus("prefill", { available: 1 });
        await server.merge(deployments.path("decode"), { metadata: { annotations: { touched: "yes" } } });
        return undefined;
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
      expect(isTouched).toBe(true);
      expect(await deployments.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("yields to somebody who overrides the first half before the second is written", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      let isTouched = false;
      proxy.when(async (passing) => {
        if (isTouched || !scalePatch("decode")(passing)) return undefined;
        isTouched = true;
        await deployments.setReplicas({ prefill: 9, decode: 9 });
        return undefined;
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "failed", inForce: { prefill: 9, decode: 9 } });
    });

    it("puts back the first half where the second is refused", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      proxy.when((passing) => (scalePatch("decode")(passing) ? { status: 422, body: "{}" } : undefined));
      const outcome = await scale(connector, 2, 3);
      expect(outcome).toMatchObject({ status: "refused", inForce: { prefill: 1, decode: 1 } });
      expect(outcome.message).toContain("put back: prefill");
      expect(await deployments.asked()).toEqual({ prefill: 1, decode: 1 });
    });

    it("waits as long as a 429 asks for, and over an overloaded server", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      const faults = [{ status: 429, headers: { "retry-after": "0" } }, { status: 503 }, { status: 500 }];
      proxy.when((passing) => (scalePatch("prefill")(passing) ? faults.shift() : undefined));
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
      expect(await deployments.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("follows a change by a watch, over one that is cut", async () => {
      const deployments = await create();
      const connector = connectorFor();
      await connector.open();
      await scale(connector, 2, 3);
      const settled = connector.settled(60_000);
      await waitFor("a watch", () => proxy.openWatches === 1);
      proxy.cutWatches();
      await waitFor("another watch", () => proxy.openWatches === 1);
      await deployments.settle();
      expect(await settled).toBe(true);
    });

    it("tells what it did to each Deployment that it changed", async () => {
      await create();
      const connector = connectorFor();
      await connector.open();
      await scale(connector, 2, 1);
      await connector.close();
      expect(await events()).toMatchObject([
        {
          reason: "ScaledUp",
          note: "prefill 1 → 2: more load",
          regarding: { kind: "Deployment", name: "prefill", uid: expect.stringMatching(/./) },
        },
      ]);
    });

    it("understudy planner scales them under the documented Role, which is the printed one, and no other right", {
      timeout: 120_000,
    }, async () => {
      const rules = documentedRules("understudy-planner-deployments");
      expect(printedRules("planner-deployments-rbac", "planner", { deployment: "llama" })).toEqual(rules);
      const deployments = await create();
      await allow(server, namespace, "planner", rules);
      const planner = await RunningPlanner.start({
        environment: "kubernetes",
        kubernetes_target: "deployments",
        graph_deployment_name: "llama",
        kubeconfig: server.kubeconfig("planner", namespace),
        strategy: "static",
        static_prefill_replicas: 2,
        static_decode_replicas: 3,
        frontend_urls: ["http://127.0.0.1:1"],
      });
      closers.push(() => planner.end("SIGKILL"));
      // The same change three times: of the second on, its event counts on.
      for (let round = 0; round < 3; round++) {
        await waitFor(`scaling, round ${round}`, async () => {
          const { prefill, decode } = await deployments.asked();
          return prefill === 2 && decode === 3;
        });
        await deployments.settle();
        await planner.tick("all to serve", ({ state }) => state?.roles.decode?.stable === true);
        if (round === 2) break;
        await deployments.setReplicas({ prefill: 1, decode: 1 });
        await deployments.settle();
      }
      expect(await planner.end("SIGTERM")).toBe(0);
      expect(planner.process.output).not.toContain("warning: an event");
      expectExactly(server, "planner", namespace, rules);
    });

    it("names all rights that the account lacks", async () => {
      await create();
      const refused: unknown = await connectorFor({ user: "stranger", leaderElection: true })
        .open()
        .catch((error: unknown) => error);
      expect((refused as Error).message).toMatch(/list deployments\.apps; .*patch deployments\.apps\/scale/);
    });

    it("the page's Deployments are taken, and found by their labels", async () => {
      for (const manifest of documentedDeployments()) {
        const path = `/apis/apps/v1/namespaces/${namespace}/deployments?fieldValidation=Strict`;
        await server.json("POST", path, { ...manifest, metadata: { ...manifest.metadata, namespace } });
      }
      const connector = connectorFor();
      expect(await connector.open()).toEqual({
        model: "meta-llama/Llama-3.1-8B-Instruct",
        gpusPerReplica: { prefill: 1, decode: 1 },
      });
    });
  });
});
