import { UserError } from "#common";
import { type ClusterOptions, KubernetesConnector, type ScalableGraph, scalableGraphs } from "#planner/connectors";
import type { DeploymentAddress, KnownDeployment, Platform } from "../types.ts";

export interface KubernetesPlatformOptions {
  cluster: Omit<ClusterOptions, "namespace">;
  /**
   * Namespace whose deployments count from the start; those of other namespaces, once their planners ask. Default: the context's, the
   * pod's own, `default`.
   */
  namespace?: string;
  /** Name of this process in events. */
  identity?: string;
  warn?: (text: string) => void;
}

/** DynamoGraphDeployments. Dynamo's operator names their Dynamo namespaces `<namespace>-<name>`. */
export function kubernetesPlatform(options: KubernetesPlatformOptions): Platform {
  const { cluster, namespace, identity, warn } = options;
  const backends = new Map<string, ScalableGraph["backend"]>();
  const idOf = ({ kubernetesNamespace, name }: Omit<DeploymentAddress, "callerNamespace">) =>
    `${kubernetesNamespace}/${name}`;
  const knownOf = (graph: ScalableGraph, callerNamespace: string): KnownDeployment => {
    const address = { callerNamespace, kubernetesNamespace: graph.namespace, name: graph.name };
    backends.set(idOf(address), graph.backend);
    return { id: idOf(address), address, roles: graph.roles, otherGpus: graph.otherGpus };
  };
  return {
    kind: "kubernetes",
    idOf,
    async discover() {
      const graphs = await scalableGraphs({ ...cluster, ...(namespace === undefined ? {} : { namespace }) });
      // A deployment without workers, such as the global planner's own, has no part in this.
      return graphs
        .filter(({ roles, otherGpus }) => roles.length > 0 || otherGpus > 0)
        .map((graph) => knownOf(graph, `${graph.namespace}-${graph.name}`));
    },
    async find(address) {
      const graphs = await scalableGraphs({ ...cluster, namespace: address.kubernetesNamespace });
      const graph = graphs.find(({ name }) => name === address.name);
      if (graph !== undefined) return knownOf(graph, address.callerNamespace);
      throw new UserError({
        code: "GLOBAL_PLANNER_NO_DEPLOYMENT",
        where: idOf(address),
        message: `found no DynamoGraphDeployment ${idOf(address)}; the namespace holds ${graphs.map(({ name }) => name).join(", ") || "none"}`,
        hint: "set graph_deployment_name and kubernetes_namespace of the planner",
      });
    },
    async asked({ address }) {
      const graphs = await scalableGraphs({ ...cluster, namespace: address.kubernetesNamespace });
      const graph = graphs.find(({ name }) => name === address.name);
      return graph === undefined ? null : { replicas: graph.replicas, gpus: graph.gpus };
    },
    connector: ({ id, address, roles }) =>
      new KubernetesConnector({
        graphDeploymentName: address.name,
        roles,
        backend: backends.get(id) ?? "vllm",
        cluster: { ...cluster, namespace: address.kubernetesNamespace },
        ...(identity === undefined ? {} : { identity }),
        ...(warn === undefined ? {} : { warn }),
      }),
    async close() {},
  };
}
