import { afterAll, beforeAll } from "vitest";
import { KubernetesConnector } from "#planner/connectors";
import { connectorConformance } from "../planner/connectors/conformance.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { type GraphVersion, TestGraph, type TestGraphOptions } from "./graph.ts";

const QUICK = { firstMs: 5, longestMs: 50, deadlineMs: 2_000 };

for (const version of ["v1alpha1", "v1beta1"] as const) {
  await describeWithKubernetes(`a Kubernetes API with ${version}`, (tools) => {
    let server: KubeApiServer;
    let namespaces = 0;

    beforeAll(async () => {
      server = await KubeApiServer.start(tools);
      await installGraphCrds(server, version);
    });
    afterAll(() => server?.stop());

    const fixture =
      (options: Omit<TestGraphOptions, "namespace" | "version"> = {}) =>
      async () => {
        const namespace = await server.namespace(`conformance-${++namespaces}`);
        const graph = await TestGraph.create(server, { version, namespace, ...options });
        const proxy = await FaultProxy.start(server);
        const kubeconfig = server.kubeconfig("admin", namespace, proxy.url);
        return {
          roles: graph.roles,
          connect: () =>
            new KubernetesConnector({
              graphDeploymentName: graph.name,
              roles: graph.roles,
              cluster: { kubeconfig, retry: QUICK },
            }),
          asked: () => graph.asked(),
          settle: () => graph.settle(),
          editByHand: (targets: Parameters<TestGraph["setReplicas"]>[0]) => graph.setReplicas(targets),
          setReady: (ready: boolean) => graph.setReady(ready),
          outage: {
            begin: async () => proxy.when(() => "cut"),
            end: async () => proxy.when(() => undefined),
          },
          close: () => proxy.stop(),
        };
      };

    for (const [title, options] of layouts(version)) connectorConformance(`kubernetes, ${title}`, fixture(options));
  });
}

function layouts(version: GraphVersion): [string, Omit<TestGraphOptions, "namespace" | "version">][] {
  if (version === "v1alpha1") return [["services", {}]];
  return [
    ["components with adapters", {}],
    ["components without adapters", { adapters: [] }],
    ["one component of two with an adapter", { adapters: ["VllmPrefillWorker"] }],
    [
      "aggregated",
      {
        components: [{ name: "Worker", type: "worker", role: "decode", replicas: 1, gpus: 1, args: ["--model=llama"] }],
      },
    ],
  ];
}
