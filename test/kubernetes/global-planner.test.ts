import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { BearerTokens } from "#common/http";
import { GlobalPlannerConnector, KubernetesConnector, type ScaleOutcome } from "#planner/connectors";
import type { Targets } from "#planner/core";
import { GlobalPlanner, GlobalPlannerMetrics, globalPlannerApp, kubernetesPlatform } from "#planner/global";
import { listenAt } from "#planner/service";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { connectorConformance } from "../planner/connectors/conformance.ts";
import { SETTINGS } from "../planner/global/virtual-fixture.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { allow, printedRules } from "./documented.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { TestGraph } from "./graph.ts";
import { expectExactly } from "./witness.ts";

const QUICK = { firstMs: 5, longestMs: 50, deadlineMs: 2_000 };

await describeWithKubernetes("a global planner on a Kubernetes API", (tools) => {
  let server: KubeApiServer;
  let namespaces = 0;

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1beta1");
  });
  afterAll(() => server?.stop());

  connectorConformance("global-planner, of a DynamoGraphDeployment", async () => {
    const namespace = await server.namespace(`global-conformance-${++namespaces}`);
    const graph = await TestGraph.create(server, { version: "v1beta1", namespace });
    const proxy = await FaultProxy.start(server);
    const kubeconfig = server.kubeconfig("admin", namespace, proxy.url);
    const planner = new GlobalPlanner({
      settings: { ...SETTINGS, band: { minGpus: 0, maxGpus: 1000 } },
      platform: kubernetesPlatform({ cluster: { kubeconfig, retry: QUICK } }),
      stateFolder: null,
      nowMs: () => performance.now(),
      nowUnixMs: () => Date.now(),
      log: { info: () => {}, warn: () => {} },
    });
    await planner.start();
    const metrics = new GlobalPlannerMetrics(() => planner);
    const app = globalPlannerApp({ planner, metrics, tokens: new BearerTokens([]), names: [] });
    const url = await listenAt(app, "127.0.0.1", 0);
    return {
      roles: graph.roles,
      connect: () =>
        new GlobalPlannerConnector({
          url,
          callerNamespace: `${namespace}-${graph.name}`,
          graphDeploymentName: graph.name,
          kubernetesNamespace: namespace,
          roles: graph.roles,
        }),
      asked: () => graph.asked(),
      settle: () => graph.settle(),
      editByHand: (targets) => graph.setReplicas(targets),
      setReady: (ready) => graph.setReady(ready),
      outage: {
        begin: async () => proxy.when(() => "cut"),
        end: async () => proxy.when(() => undefined),
      },
      close: async () => {
        await planner.stop();
        await app.close();
        await proxy.stop();
      },
    };
  });

  it("keeps two deployments within one budget, with exactly the rights that are printed for it", async () => {
    const namespace = await server.namespace(`global-${++namespaces}`);
    // Two GPUs a prefill worker, four a decode worker: six each.
    const chat = await TestGraph.create(server, { version: "v1beta1", namespace, name: "chat" });
    const code = await TestGraph.create(server, { version: "v1beta1", namespace, name: "code", adapters: [] });
    const rules = printedRules("global-planner-rbac", "global-planner");
    await allow(server, namespace, "planner", rules);
    const kubeconfig = server.kubeconfig("planner", namespace);
    const globalPlanner = new CliProcess([
      ...["global-planner", "--kubeconfig", kubeconfig, "--kubernetes-namespace", namespace, "--port", "0", "--json"],
      ...["--managed-namespaces", `${namespace}-chat`, `${namespace}-code`, "--max-total-gpus", "16"],
    ]);
    onTestFinished(() => globalPlanner.end());
    const line = await waitFor("the global planner to lead and listen", () => {
      if (!globalPlanner.running) throw new Error(globalPlanner.output);
      return globalPlanner.output.includes("this global planner leads now")
        ? globalPlanner.stdout.split("\n")[0]!
        : null;
    });
    const { url } = JSON.parse(line) as { url: string };
    expect(globalPlanner.output).toContain(`found 2 deployments: ${namespace}/chat, ${namespace}/code`);

    const connect = (name: string, more: { sight?: KubernetesConnector; callerNamespace?: string } = {}) => {
      const connector = new GlobalPlannerConnector({
        url,
        callerNamespace: `${namespace}-${name}`,
        graphDeploymentName: name,
        kubernetesNamespace: namespace,
        roles: ["prefill", "decode"],
        ...more,
      });
      onTestFinished(() => connector.close());
      return connector;
    };
    const roles = ["prefill", "decode"] as const;
    const sight = new KubernetesConnector({
      graphDeploymentName: "chat",
      roles,
      readOnly: true,
      cluster: { kubeconfig },
    });
    const [chatPlanner, codePlanner] = [connect("chat", { sight }), connect("code")];
    expect(await chatPlanner.open()).toEqual({ model: "llama", gpusPerReplica: { prefill: 2, decode: 4 } });
    expect(await codePlanner.open()).toEqual({ model: "llama", gpusPerReplica: { prefill: 2, decode: 4 } });
    const scale = (connector: GlobalPlannerConnector, targets: Partial<Targets>): Promise<ScaleOutcome> =>
      connector.scale({ targets, reason: "more load", decision: 1 });

    // Both at once: sixteen GPUs are enough for one of them.
    const outcomes = await Promise.all([scale(chatPlanner, { decode: 2 }), scale(codePlanner, { decode: 2 })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["applied", "refused"]);
    const [first, second] = outcomes[0]!.status === "applied" ? [chat, code] : [code, chat];
    const [firstPlanner, secondPlanner] = first === chat ? [chatPlanner, codePlanner] : [codePlanner, chatPlanner];
    expect(await first.asked()).toEqual({ prefill: 1, decode: 2 });
    expect(await second.asked()).toEqual({ prefill: 1, decode: 1 });
    expect(outcomes.find(({ status }) => status === "refused")!.message).toBe(
      "GPU budget breach: total 20 exceeds ceiling (16); no feasible pair packing",
    );

    // A deployment that takes no changes gets nothing behind its back.
    await first.settle();
    await second.setReady(false);
    expect(await scale(secondPlanner, { decode: 2 })).toMatchObject({ status: "not-ready" });
    expect(await scale(firstPlanner, { decode: 1 })).toMatchObject({ status: "applied" });
    expect(await second.asked()).toEqual({ prefill: 1, decode: 1 });
    await second.setReady(true);
    await first.settle();
    expect(await scale(secondPlanner, { decode: 2 })).toMatchObject({ status: "applied" });
    await second.settle();

    // What was denied is carried out as soon as the other gives back, by way of its adapter or of the deployment itself.
    expect(await scale(firstPlanner, { decode: 2 })).toMatchObject({ status: "refused" });
    expect(await scale(secondPlanner, { decode: 1 })).toMatchObject({
      status: "applied",
      message: expect.stringContaining(`along with ${namespace}/${first.name}: decode to 2`),
    });
    expect([await first.asked(), await second.asked()]).toEqual([
      { prefill: 1, decode: 2 },
      { prefill: 1, decode: 1 },
    ]);

    await expect(connect("nothing", { callerNamespace: `${namespace}-chat` }).open()).rejects.toThrow(
      /found no DynamoGraphDeployment .*\/nothing; the namespace holds chat, code/,
    );
    await expect(connect("chat", { callerNamespace: "stranger" }).open()).rejects.toThrow(/stranger not authorized/);
    globalPlanner.kill("SIGTERM");
    expect(await globalPlanner.exited).toMatchObject({ code: 0 });
    expectExactly(server, "planner", namespace, rules);
  });
});
