import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { ownLabels } from "../serving/labels.ts";
import { dashboard } from "./dashboard.ts";
import { podMonitors } from "./monitors.ts";

/** Label by which the sidecar of Grafana's chart finds dashboards. */
const SIDECAR_LABEL = { grafana_dashboard: "1" };

/** Pod monitors, and the dashboard where Grafana's sidecar looks for it. */
export function monitoring(options: ManifestOptions): KubernetesObject[] {
  const { name } = options.serving;
  return [
    ...podMonitors(options),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: `${name}-dashboard`,
        namespace: options.namespace,
        labels: { ...ownLabels(name), ...SIDECAR_LABEL },
      },
      data: { "understudy.json": dashboardJson() },
    },
  ];
}

export function dashboardJson(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}
