import { addPart, type GraphStyle, hasDynamoNamespace } from "../blueprints.ts";
import {
  PLANNER_CONFIG_MOUNT,
  PLANNER_CONFIG_PATH,
  PROFILE_MOUNT,
  plannerConfigMap,
  plannerConfigName,
} from "../config-maps.ts";
import type { Graph } from "../graph/graph.ts";
import { textAt } from "../graph/json.ts";
import type { KubernetesObject, PlannerPlan, RenderPlan } from "../types.ts";
import { plannerArguments, plannerConfig } from "./settings.ts";

const WORK_DIR = "/workspace/components/src/dynamo/planner";
/** PVC on which the profiling Job of 0.6 leaves its results, and where the planner mounts it. */
const RESULTS_CLAIM = "dynamo-pvc";
const RESULTS_MOUNT = "/data";
/** Dynamo namespace of deployments whose frontend names none. */
const DEFAULT_NAMESPACE = "dynamo";

/**
 * Adds the planner, in place of one that is there, and lets it scale the workers it is to scale.
 * @returns the ConfigMaps it needs, its settings; not the profile's
 */
export function addPlanner(
  graph: Graph,
  style: GraphStyle,
  plan: RenderPlan,
  planner: PlannerPlan,
): KubernetesObject[] {
  for (const component of graph.components()) if (component.role() === "planner") graph.remove(component.name);
  const frontend = graph.frontend();
  const dynamoNamespace = hasDynamoNamespace(style)
    ? ((frontend && textAt(frontend.fields, "dynamoNamespace", frontend.path)) ?? DEFAULT_NAMESPACE)
    : undefined;
  const configName = plannerConfigName(plan);
  const component = addPart(
    graph,
    { ...style, name: dynamoNamespace ?? style.name },
    {
      name: "Planner",
      role: "planner",
      // Until 0.8 planner, frontend and workers are one image.
      image: (planner.dialect === "1.0" ? undefined : frontend?.image()) ?? planner.image,
      workingDir: WORK_DIR,
      command: ["python3", "-m", planner.dialect === "1.0" ? "dynamo.planner" : "planner_sla"],
      args:
        planner.dialect === "1.0"
          ? ["--config", PLANNER_CONFIG_PATH]
          : plannerArguments(plan, planner, planner.dialect === "0.6" ? RESULTS_MOUNT : PROFILE_MOUNT, dynamoNamespace),
    },
  );
  if (planner.dialect === "0.6") graph.mountClaim(component, RESULTS_CLAIM, RESULTS_MOUNT);
  if (planner.dialect !== "1.0") return [];
  makeScalable(graph, planner.scaling);
  component.mountConfigMap(configName, PLANNER_CONFIG_MOUNT);
  return [plannerConfigMap(configName, plan.namespace, plannerConfig(plan, planner, PROFILE_MOUNT))];
}

function makeScalable(graph: Graph, scaling: PlannerPlan["scaling"]): void {
  if (scaling === "none") return;
  for (const worker of graph.workers()) {
    const role = graph.workerRole(worker);
    const wanted = scaling === "disagg" ? role !== "worker" : scaling === "agg" ? role !== "prefill" : role === scaling;
    if (!wanted) continue;
    // The planner finds the engines of an aggregated deployment as decode workers.
    if (scaling === "agg" && graph.version === "v1alpha1") worker.setRole("decode");
    worker.setScalable();
  }
}
