import type { JsonObject } from "../../graph/json.ts";
import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { allPods, type ComponentType, ownLabels, podsOf, type Selector, WORKER_TYPES } from "./labels.ts";
import { PORTS } from "./plan.ts";

/** Ports of API servers: their Service's, and those that they listen on behind it. */
const API_SERVER_PORTS = [443, 6443];
const PROMETHEUS_PORT = 9090;
const DNS_PORT = 53;
/** Label that every namespace has of its own name. */
const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

interface Flow {
  /** Nothing: anywhere, within the cluster and beyond. */
  peers?: JsonObject[];
  ports: { port: number; protocol?: "TCP" | "UDP" }[];
}

const tcp = (...ports: number[]): Flow["ports"] => ports.map((port) => ({ port }));

/**
 * Nothing but what our own frontend, workers and planner need: clients in the namespace to the frontend, the frontend to workers,
 * workers among themselves (KV transfer), the planner to both, Prometheus to all metrics, the API server for who asks it, DNS. Probes
 * come from the node, which policies let through.
 */
export function networkPolicies(options: ManifestOptions): KubernetesObject[] {
  const { namespace, serving } = options;
  const { name, monitoringNamespace } = serving;
  const pods = (...types: ComponentType[]) => ({ podSelector: podsOf(name, types) });
  const workers = pods(...WORKER_TYPES);
  const monitoring = inNamespace(monitoringNamespace);
  const policy = (suffix: string, podSelector: Selector, ingress: Flow[], egress: Flow[]): KubernetesObject => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `${name}-${suffix}`, namespace, labels: ownLabels(name) },
    spec: {
      podSelector,
      policyTypes: ["Ingress", "Egress"],
      ...(ingress.length === 0 ? {} : { ingress: ingress.map((flow) => flowOf(flow, "from")) }),
      ...(egress.length === 0 ? {} : { egress: egress.map((flow) => flowOf(flow, "to")) }),
    },
  });
  const dns: Flow = {
    peers: [inNamespace("kube-system")],
    ports: [
      { port: DNS_PORT, protocol: "UDP" },
      { port: DNS_PORT, protocol: "TCP" },
    ],
  };
  const apiServer: Flow = { ports: tcp(...API_SERVER_PORTS) };
  const toWorkers: Flow = { peers: [workers], ports: tcp(PORTS.system) };
  return [
    policy("deny", allPods(name), [], []),
    policy(
      "frontend",
      podsOf(name, ["frontend"]),
      [{ peers: [{ podSelector: {} }, monitoring], ports: tcp(PORTS.http) }],
      [toWorkers, apiServer, dns],
    ),
    policy(
      "workers",
      podsOf(name, WORKER_TYPES),
      [{ peers: [pods("frontend", "planner"), workers, monitoring], ports: tcp(PORTS.system) }],
      [toWorkers],
    ),
    policy(
      "planner",
      podsOf(name, ["planner"]),
      [{ peers: [monitoring], ports: tcp(PORTS.metrics) }],
      [
        { peers: [pods("frontend")], ports: tcp(PORTS.http) },
        toWorkers,
        { peers: [monitoring], ports: tcp(PROMETHEUS_PORT) },
        apiServer,
        dns,
      ],
    ),
  ];
}

function inNamespace(name: string): JsonObject {
  return { namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: name } } };
}

function flowOf({ peers, ports }: Flow, side: "from" | "to"): JsonObject {
  return {
    ...(peers === undefined ? {} : { [side]: peers }),
    ports: ports.map(({ port, protocol = "TCP" }) => ({ port, protocol })),
  };
}
