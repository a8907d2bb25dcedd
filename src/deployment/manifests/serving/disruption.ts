import { DYNAMO_LABELS } from "#planner/connectors";
import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { allPods, type ComponentName, ownLabels } from "./labels.ts";

/**
 * At most one pod of a component at a time may be taken away by who drains nodes. A share or a minimum would hold up such drains
 * where the planner has scaled down to one.
 */
export function disruptionBudgets({ namespace, mode, serving: { name } }: ManifestOptions): KubernetesObject[] {
  const components: ComponentName[] = [
    "Frontend",
    "decode",
    ...(mode === "agg" ? [] : ["prefill" as const]),
    "Planner",
  ];
  return components.map((component) => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: `${name}-${component.toLowerCase()}`,
      namespace,
      labels: ownLabels(name, component.toLowerCase()),
    },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: { ...allPods(name).matchLabels, [DYNAMO_LABELS.component]: component } },
    },
  }));
}
