import { readGraph } from "./graph/graph.ts";
import type { KubernetesObject } from "./types.ts";

/**
 * GPUs that all components of a DynamoGraphDeployment ask for together: replicas × nodes × GPUs of each.
 * @throws UserError for anything that is none
 */
export function deploymentGpus(deployment: KubernetesObject): number {
  return readGraph(deployment)
    .components()
    .reduce((sum, component) => sum + component.replicas() * component.nodeCount() * (component.gpus() ?? 0), 0);
}
