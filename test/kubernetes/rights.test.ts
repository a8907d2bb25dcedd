import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CliProcess, freePort, getJson, waitFor } from "../integration/processes.ts";
import { RunningPlanner } from "../integration/running-planner.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { allow, printedRules } from "./documented.ts";
import { TestGraph } from "./graph.ts";
import { expectExactly } from "./witness.ts";

await describeWithKubernetes("the printed Roles", (tools) => {
  let server: KubeApiServer;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  describe.each([
    { version: "v1beta1", dialect: "1.0", adapters: ["VllmPrefillWorker"] },
    { version: "v1alpha1", dialect: "0.8", adapters: [] },
  ] as const)("of a planner, $version", ({ version, dialect, adapters }) => {
    it("allow all that it does, and nothing that it does not do", { timeout: 180_000 }, async () => {
      if (version === "v1alpha1") {
        await server.stop();
        server = await KubeApiServer.start(tools);
      }
      await installGraphCrds(server, version);
      const namespace = await server.namespace(`rights-${version}`);
      const graph = await TestGraph.create(server, { version, namespace, adapters });
      const rules = printedRules("planner-rbac", "planner", { dialect, deployment: graph.name });
      await allow(server, namespace, "planner", rules);
      const planner = await RunningPlanner.start({
        environment: "kubernetes",
        graph_deployment_name: graph.name,
        kubeconfig: server.kubeconfig("planner", namespace),
        strategy: "static",
        static_prefill_replicas: 2,
        static_decode_replicas: 3,
        frontend_urls: ["http://127.0.0.1:1"],
      });
      closers.push(() => planner.end("SIGKILL"));
      const isScaled = async () => {
        const { prefill, decode } = await graph.asked();
        return prefill === 2 && decode === 3;
      };
      // The same change three times: of the second on, its event counts on.
      for (let round = 0; round < 3; round++) {
        await waitFor(`scaling, round ${round}`, isScaled, 60_000);
        await graph.settle();
        await planner.tick("it to be seen", ({ state }) => state?.roles.decode?.ready === 3);
        if (round === 2) break;
        await graph.setReplicas({ prefill: 1, decode: 1 });
        await graph.settle();
      }
      expect(await planner.end("SIGTERM")).toBe(0);
      expect(planner.process.output).not.toContain("can't be sent");
      expectExactly(server, "planner", namespace, rules);
    });
  });

  it("of a frontend allow it to find pods, and nothing else", async () => {
    const namespace = await server.namespace("rights-frontend");
    const rules = printedRules("frontend-rbac", "frontend", { deployment: "mocker" });
    await allow(server, namespace, "frontend", rules);
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await server.json("POST", pods, {
      metadata: { name: "worker", labels: { app: "mocker" } },
      spec: { containers: [{ name: "main", image: "none" }] },
    });
    const podIP = "10.1.2.3";
    const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }] };
    await server.merge(`${pods}/worker/status`, { status });
    await frontendFinds(namespace, ["--kube-resource", "pods", "--kube-port", "9090"], `http://${podIP}:9090`);
    expectExactly(server, "frontend", namespace, rules);
  });

  it("of a frontend without an operator allow it to find endpoints, and nothing else", async () => {
    const namespace = await server.namespace("rights-endpoints");
    const rules = printedRules("standalone", "frontend", { deployment: "mocker" });
    await allow(server, namespace, "frontend", rules);
    const address = "10.1.2.4";
    await server.json("POST", `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: { name: "workers", labels: { app: "mocker" } },
      addressType: "IPv4",
      endpoints: [{ addresses: [address] }],
      ports: [{ name: "system", port: 9090, protocol: "TCP" }],
    });
    await frontendFinds(namespace, [], `http://${address}:9090`);
    expectExactly(server, "frontend", namespace, rules);
  });

  async function frontendFinds(namespace: string, flags: string[], worker: string): Promise<void> {
    const port = await freePort();
    const where = ["--kube-selector", "app=mocker", "--kube-namespace", namespace];
    const config = ["--kubeconfig", server.kubeconfig("frontend", namespace)];
    const frontend = new CliProcess(["frontend", "--port", String(port), ...where, ...config, ...flags]);
    closers.push(() => frontend.end());
    await waitFor("the frontend to know the worker", async () => {
      const known = await getJson<{ workers: { url: string }[] }>(`http://127.0.0.1:${port}/workers`).catch(() => null);
      return known?.workers.some(({ url }) => url === worker);
    });
    await waitFor("it to watch", () =>
      server.audit("frontend").some(({ verb, objectRef }) => verb === "watch" && objectRef?.namespace === namespace),
    );
  }
});
