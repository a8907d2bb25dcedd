import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KubernetesConnector, type KubernetesConnectorOptions } from "#planner/connectors";
import { waitFor } from "../integration/processes.ts";
import { describeWithKubernetes } from "../tools.ts";
import { type ApiUser, KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { allow, documentedRules } from "./documented.ts";
import { FaultProxy, type Passing } from "./fault-proxy.ts";
import { DISAGGREGATED, TestGraph, type TestGraphOptions } from "./graph.ts";

const QUICK = { firstMs: 5, longestMs: 100, deadlineMs: 60_000 };

interface SentEvent extends KubeObject {
  type: string;
  reason: string;
  note: string;
  series?: { count: number };
  regarding: { kind: string; name: string };
}

await describeWithKubernetes("the connector kubernetes when things go wrong", (tools) => {
  let server: KubeApiServer;
  let proxy: FaultProxy;
  let namespace: string;
  let warnings: string[];
  let namespaces = 0;
  const open: KubernetesConnector[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1beta1");
  });
  afterAll(() => server?.stop());

  beforeEach(async () => {
    namespace = await server.namespace(`faults-${++namespaces}`);
    proxy = await FaultProxy.start(server);
    warnings = [];
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connector) => connector.close()));
    await proxy.stop();
  });

  const create = (options: Partial<TestGraphOptions> = {}) =>
    TestGraph.create(server, { version: "v1beta1", namespace, ...options });

  function connectorFor(
    graph: TestGraph,
    { user = "admin", ...options }: Partial<KubernetesConnectorOptions> & { user?: ApiUser } = {},
  ): KubernetesConnector {
    const connector = new KubernetesConnector({
      graphDeploymentName: graph.name,
      roles: ["prefill", "decode"],
      identity: "planner-1",
      warn: (text) => warnings.push(text),
      ...options,
      cluster: { kubeconfig: server.kubeconfig(user, namespace, proxy.url), retry: QUICK, ...options.cluster },
    });
    open.push(connector);
    return connector;
  }

  async function opened(graph: TestGraph, options: Parameters<typeof connectorFor>[1] = {}) {
    const connector = connectorFor(graph, options);
    await connector.open();
    return connector;
  }

  const scale = (connector: KubernetesConnector, prefill: number, decode: number) =>
    connector.scale({ targets: { prefill, decode }, reason: "more load", decision: 7 });

  const scalePatch =
    (component: string) =>
    ({ method, url }: Passing) =>
      method === "PATCH" && url.includes(`${component.toLowerCase()}/scale`);
  const graphPatch = ({ method, url }: Passing) => method === "PATCH" && url.includes("/dynamographdeployments/");

  const patchesOf = () =>
    proxy.seen.filter(({ method, url }) => method === "PATCH" && !url.includes("/events/")).length;

  const events = async () => {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    return (await server.json<{ items: SentEvent[] }>("GET", path)).items;
  };

  describe("conflicts", () => {
    it("goes on with an adapter that somebody else wrote at the same moment", async () => {
      const graph = await create();
      const connector = await opened(graph);
      let isTouched = false;
      proxy.when(async (passing) => {
        if (isTouched || !scalePatch("VllmDecodeWorker")(passing)) return undefined;
        isTouched = true;
        await server.merge(graph.adapterPath("VllmDecodeWorker"), { metadata: { labels: { touched: "yes" } } });
        return undefined;
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
      expect(isTouched).toBe(true);
    });

    it("looks anew at a deployment whose spec changed before its patch came", async () => {
      const graph = await create({ adapters: [] });
      const connector = await opened(graph);
      let isTouched = false;
      proxy.when(async (passing) => {
        if (isTouched || !graphPatch(passing)) return undefined;
        isTouched = true;
        await graph.setReplicas({ prefill: 5 });
        return undefined;
      });
      expect((await scale(connector, 2, 3)).status).not.toBe("refused");
      await graph.settle();
      expect(await scale(connector, 2, 3)).toMatchObject({ inForce: { prefill: 2, decode: 3 } });
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("yields to somebody who overrides the first half before the second is written", async () => {
      const graph = await create();
      const connector = await opened(graph);
      let isTouched = false;
      proxy.when(async (passing) => {
        if (isTouched || !scalePatch("VllmDecodeWorker")(passing)) return undefined;
        isTouched = true;
        await graph.setReplicas({ prefill: 9, decode: 9 });
        return undefined;
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "failed", inForce: { prefill: 9, decode: 9 } });
      expect(await graph.asked()).toEqual({ prefill: 9, decode: 9 });
    });
  });

  describe("busy and broken servers", () => {
    it("waits as long as a 429 asks for, then goes on", async () => {
      const graph = await create();
      const waitsMs: number[] = [];
      let nowMs = 0;
      const pace = {
        nowMs: () => nowMs,
        sleep: async (ms: number) => {
          waitsMs.push(ms);
          nowMs += ms;
        },
      };
      const connector = await opened(graph, { pace });
      const busy = { status: 429, headers: { "retry-after": "3" } };
      proxy.first(2, scalePatch("VllmPrefillWorker"), busy);
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
      expect(waitsMs).toHaveLength(2);
      for (const ms of waitsMs) expect(ms).toSatisfy((wait: number) => wait >= 3_000 && wait <= 3_000 + QUICK.firstMs);
    });

    it.each([500, 502, 503, 504])("tries again after %d", async (status) => {
      const graph = await create();
      const connector = await opened(graph);
      proxy.first(3, ({ url }) => url.includes("/nvidia.com/"), { status });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("carries a change out once where its answer got lost", async () => {
      const graph = await create({ adapters: [] });
      const connector = await opened(graph);
      let isLost = false;
      proxy.when(async (passing) => {
        if (isLost || !graphPatch(passing)) return undefined;
        isLost = true;
        await graph.setReplicas({ prefill: 2, decode: 3 });
        return "cut";
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("rolls a change forward over a restart of the API server in its midst", async () => {
      const graph = await create();
      const connector = await opened(graph);
      let restarted: Promise<void> | undefined;
      proxy.when(async (passing) => {
        if (restarted !== undefined || !scalePatch("VllmDecodeWorker")(passing)) return undefined;
        await server.kill();
        restarted = server.run();
        return undefined;
      });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
      await restarted;
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    });

    it("says what is in force where the API server falls silent in the midst, and goes on from there", async () => {
      const graph = await create();
      const connector = await opened(graph, { cluster: { retry: { ...QUICK, deadlineMs: 300 } } });
      let isSilent = false;
      proxy.when((passing) => {
        isSilent ||= scalePatch("VllmDecodeWorker")(passing);
        return isSilent ? "cut" : undefined;
      });
      const outcome = await scale(connector, 2, 3);
      expect(outcome).toMatchObject({ status: "failed", inForce: { prefill: 2, decode: 1 } });
      expect(outcome.message).toContain("prefill is changed to 2");
      expect(await graph.asked()).toEqual(outcome.inForce);
      proxy.when(() => undefined);
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied", inForce: { prefill: 2, decode: 3 } });
    });

    it("puts back the first half where the second is refused", async () => {
      const graph = await create();
      const connector = await opened(graph);
      const body = JSON.stringify({ kind: "Status", reason: "Invalid", message: "denied by webhook" });
      proxy.when((passing) => (scalePatch("VllmDecodeWorker")(passing) ? { status: 422, body } : undefined));
      const outcome = await scale(connector, 2, 3);
      expect(outcome).toMatchObject({ status: "refused", inForce: { prefill: 1, decode: 1 } });
      expect(outcome.message).toContain("denied by webhook");
      expect(await graph.asked()).toEqual({ prefill: 1, decode: 1 });
    });
  });

  describe("an end of the right to act", () => {
    it("writes nothing more from the moment on, not even to put something back", async () => {
      const graph = await create();
      const connector = await opened(graph);
      const mandate = new AbortController();
      proxy.when((passing) => {
        if (!scalePatch("VllmDecodeWorker")(passing)) return undefined;
        mandate.abort();
        return { status: 503 };
      });
      const outcome = await connector.scale({
        targets: { prefill: 2, decode: 3 },
        reason: "more load",
        decision: 7,
        signal: mandate.signal,
      });
      expect(outcome).toMatchObject({ status: "failed", inForce: { prefill: 2, decode: 1 } });
      expect(outcome.message).toContain("this planner may act no longer; prefill is changed to 2, the rest is not");
      expect(await graph.asked()).toEqual({ prefill: 2, decode: 1 });
      expect(patchesOf()).toBe(2);
    });

    it("writes nothing at all where it came before", async () => {
      const graph = await create();
      const connector = await opened(graph);
      const outcome = await connector.scale({
        targets: { prefill: 2, decode: 3 },
        reason: "more load",
        decision: 7,
        signal: AbortSignal.abort(),
      });
      expect(outcome).toMatchObject({ status: "failed", inForce: { prefill: 1, decode: 1 } });
      expect(patchesOf()).toBe(0);
    });
  });

  describe("watches", () => {
    it("sees a change come about though its watches are cut and the API forgets where they were", async () => {
      const graph = await create();
      const connector = await opened(graph);
      await scale(connector, 2, 3);
      let watches = 0;
      const statuses: number[] = [];
      proxy.when(async ({ url }) => {
        if (!url.includes("watch=true")) return undefined;
        // The second watch asks for a past that the server no longer has.
        if (++watches !== 2) return undefined;
        const old = url.replace(/resourceVersion=\d+/, "resourceVersion=1");
        const { status, body } = await server.call("GET", `${old}&timeoutSeconds=1`);
        statuses.push(status, Number(/"code":(\d+)/.exec(body)?.[1] ?? 0));
        return { url: old };
      });
      const settled = connector.settled(60_000);
      await waitFor("the first watch", () => proxy.openWatches > 0);
      proxy.cutWatches();
      await waitFor("a third watch", () => watches >= 3 && proxy.openWatches > 0);
      expect(statuses).toContain(410);
      await graph.settle();
      expect(await settled).toBe(true);
    });

    it("says so where a change does not come about in time", async () => {
      const graph = await create();
      const connector = await opened(graph);
      await scale(connector, 2, 3);
      expect(await connector.settled(200)).toBe(false);
    });
  });

  describe("rights", () => {
    it("names all rights that the account lacks, before anything is planned", async () => {
      const graph = await create();
      const refused = await connectorFor(graph, { user: "stranger" })
        .open()
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "PLANNER_KUBERNETES_FORBIDDEN" });
      expect((refused as Error).message).toBe(
        "the planner's account may not get dynamographdeployments.nvidia.com; " +
          "not get dynamographdeploymentscalingadapters.nvidia.com/scale; " +
          "not patch dynamographdeployments.nvidia.com; " +
          "not patch dynamographdeploymentscalingadapters.nvidia.com/scale",
      );
    });

    it("needs no more rights than those that its page documents", async () => {
      const graph = await create();
      await allow(server, namespace, "planner", documentedRules());
      const connector = await opened(graph, { user: "planner" });
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
      await graph.settle();
      expect(await connector.settled(10_000)).toBe(true);
      await connector.close();
      expect((await events()).map(({ reason }) => reason)).toEqual(["ScaledUp"]);
      expect(warnings).toEqual([]);
    });

    it("needs no right to patch where it only looks", async () => {
      const graph = await create();
      const readOnly = documentedRules().map((rule) => ({
        ...rule,
        verbs: rule.verbs.filter((verb) => verb !== "patch"),
      }));
      await allow(server, namespace, "planner", readOnly);
      const connector = await opened(graph, { user: "planner", readOnly: true });
      expect(await connector.state()).toMatchObject({ ready: true });
    });

    it("puts back the first half where it may not write the second, and says so", async () => {
      const graph = await create();
      const rules = documentedRules().map((rule) =>
        rule.resources[0]!.endsWith("/scale")
          ? [
              { ...rule, verbs: ["get"] },
              { ...rule, resourceNames: [`${graph.name}-vllmprefillworker`] },
            ]
          : [rule],
      );
      await allow(server, namespace, "planner", rules.flat());
      // The right to patch adapters is asked for without a name, as the role is bound later.
      proxy.when(({ url }) =>
        url.includes("selfsubjectaccessreviews")
          ? { status: 200, body: JSON.stringify({ status: { allowed: true } }) }
          : undefined,
      );
      const connector = await opened(graph, { user: "planner" });
      const refused = await scale(connector, 2, 3).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "PLANNER_KUBERNETES_FORBIDDEN" });
      expect((refused as Error).message).toContain("put back: prefill");
      expect(await graph.asked()).toEqual({ prefill: 1, decode: 1 });
    });
  });

  describe("what it tells", () => {
    it("sends an Event for each change, and counts on where the same happens again", async () => {
      const graph = await create();
      const connector = await opened(graph);
      for (let round = 0; round < 2; round++) {
        await scale(connector, 2, 3);
        await graph.settle();
        await scale(connector, 1, 1);
        await graph.settle();
      }
      await scale(connector, 2, 0);
      await connector.close();
      const told = (await events()).map(({ type, reason, note, series, regarding }) => ({
        type,
        reason,
        note,
        count: series?.count ?? 1,
        name: regarding.name,
      }));
      const name = graph.name;
      expect(told.sort((a, b) => a.note.localeCompare(b.note))).toEqual([
        { type: "Normal", reason: "Rebalanced", note: "prefill 1 → 2, decode 1 → 0: more load", count: 1, name },
        { type: "Normal", reason: "ScaledUp", note: "prefill 1 → 2, decode 1 → 3: more load", count: 2, name },
        { type: "Normal", reason: "ScaledDown", note: "prefill 2 → 1, decode 3 → 1: more load", count: 2, name },
      ]);
    });

    it("logs and announces that it sets replicas in the deployment for want of an adapter", async () => {
      const graph = await create({ adapters: ["VllmPrefillWorker"] });
      const connector = await opened(graph);
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
      await connector.close();
      expect(await graph.replicasInGraph()).toMatchObject({ VllmPrefillWorker: 1, VllmDecodeWorker: 3 });
      expect(warnings).toEqual([expect.stringContaining("VllmDecodeWorker has no scaling adapter")]);
      expect((await events()).map(({ reason }) => reason).sort()).toEqual(["ScaledUp", "ScalingAdapterMissing"]);
    });

    it("scales though its events are refused", async () => {
      const graph = await create();
      const connector = await opened(graph);
      proxy.when(({ url }) => (url.includes("/events") ? { status: 403 } : undefined));
      expect(await scale(connector, 2, 3)).toMatchObject({ status: "applied" });
      await connector.close();
      expect(warnings).toEqual([expect.stringContaining("an event can't be sent")]);
    });

    it("tells the model and the GPUs of a worker, all its nodes together", async () => {
      const components = DISAGGREGATED.map((component) =>
        component.role === "decode" ? { ...component, nodes: 3 } : component,
      );
      const connector = await opened(await create({ components }));
      expect(await connector.state()).toMatchObject({
        model: "llama",
        roles: { prefill: { gpusPerReplica: 2 }, decode: { gpusPerReplica: 12 } },
      });
    });

    it("knows no state where the operator has not said yet how many workers serve", async () => {
      const graph = await create();
      const connector = await opened(graph);
      await server.merge(`${graph.path}/status`, { status: { components: null } });
      expect(await connector.state()).toBeNull();
    });

    it("does not take a status for current that tells of an earlier spec", async () => {
      const graph = await create({ adapters: [] });
      const connector = await opened(graph);
      await scale(connector, 2, 1);
      expect((await connector.state())!.roles).toMatchObject({ prefill: { stable: false }, decode: { stable: false } });
      await graph.settle();
      expect((await connector.state())!.roles).toMatchObject({ prefill: { stable: true }, decode: { stable: true } });
    });
  });

  describe("what it refuses", () => {
    it("names the deployments that there are where the one named is not", async () => {
      const graph = await create({ name: "other" });
      const refused = await connectorFor(graph, { graphDeploymentName: "none" })
        .open()
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "PLANNER_KUBERNETES_NO_DEPLOYMENT", where: `${namespace}/none` });
      expect((refused as Error).message).toContain("the namespace holds other");
    });

    it("says all that is wrong with a deployment at once", async () => {
      const [frontend, , decode] = DISAGGREGATED;
      const again = { ...decode!, name: "Second", args: ["--model", "qwen"] };
      const graph = await create({ components: [frontend!, decode!, again] });
      const refused = await connectorFor(graph)
        .open()
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "PLANNER_KUBERNETES_UNFIT_DEPLOYMENT" });
      expect((refused as Error).message).toMatch(/no component is the prefill worker.*2 components are decode workers/);
    });

    it("refuses workers of different models", async () => {
      const components = DISAGGREGATED.map((component) =>
        component.role === "decode" ? { ...component, args: ["--served-model-name", "qwen"] } : component,
      );
      await expect(connectorFor(await create({ components })).open()).rejects.toThrow(
        "workers serve different models: VllmPrefillWorker llama, VllmDecodeWorker qwen",
      );
    });

    it("refuses fewer replicas than the platform keeps available, but 0", async () => {
      const components = DISAGGREGATED.map((component) =>
        component.role === "decode" ? { ...component, replicas: 3, minAvailable: 2 } : component,
      );
      const graph = await create({ components });
      const connector = await opened(graph);
      expect(await scale(connector, 1, 1)).toMatchObject({ status: "refused", inForce: { prefill: 1, decode: 3 } });
      expect(patchesOf()).toBe(0);
      expect(await scale(connector, 1, 0)).toMatchObject({ status: "applied" });
    });

    it("ends with the deployment's name where the deployment is deleted under it", async () => {
      const graph = await create();
      const connector = await opened(graph);
      await graph.delete();
      await expect(connector.state()).rejects.toMatchObject({ code: "PLANNER_KUBERNETES_NO_DEPLOYMENT" });
    });

    it("says that no cluster is there where nobody answers", async () => {
      const graph = await create();
      const connector = connectorFor(graph, { cluster: { retry: { ...QUICK, deadlineMs: 100 } } });
      proxy.when(() => "cut");
      await expect(connector.open()).rejects.toMatchObject({ code: "PLANNER_KUBERNETES_UNREACHABLE" });
    });
  });
});
