import { DYNAMO_LABELS } from "#planner/connectors";
import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { type ComponentType, ownLabels, podsOf, WORKER_TYPES } from "../serving/labels.ts";

/** How often Prometheus asks; a planner that asks it wants several samples an interval. */
const INTERVAL = "5s";

/**
 * Pod monitors for frontend, workers and planner, by the labels that Dynamo's operator gives their pods and our Deployments have, too.
 * Pods are asked, not Services: each has numbers of its own.
 */
export function podMonitors({ namespace, serving: { name } }: ManifestOptions): KubernetesObject[] {
  const monitor = (what: string, types: readonly ComponentType[], port: string): KubernetesObject => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name: `${name}-${what}`, namespace, labels: ownLabels(name, what) },
    spec: {
      selector: podsOf(name, types),
      podMetricsEndpoints: [{ port, path: "/metrics", interval: INTERVAL, relabelings: RELABELINGS }],
    },
  });
  return [
    monitor("frontend", ["frontend"], "http"),
    monitor("workers", WORKER_TYPES, "system"),
    monitor("planner", ["planner"], "metrics"),
  ];
}

/** The labels by which the dashboard tells deployments and components apart. */
const RELABELINGS = [
  { sourceLabels: [podLabel(DYNAMO_LABELS.graph)], targetLabel: "deployment" },
  { sourceLabels: [podLabel(DYNAMO_LABELS.component)], targetLabel: "component" },
];

/** As Prometheus writes it: what no label may hold is an underscore. */
function podLabel(label: string): string {
  return `__meta_kubernetes_pod_label_${label.replace(/[^A-Za-z0-9_]/g, "_")}`;
}
