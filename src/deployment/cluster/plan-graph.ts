import { planDeployments } from "../plan/plan-deployments.ts";
import type { DeploymentPlan } from "../plan/types.ts";
import type { ApiObject } from "./objects.ts";

/**
 * What an API server's deployment comes to on this machine.
 * @param playEngines GPU system on which mockers play real engines
 * @throws UserError for what can't be run here
 */
export function planGraph(graph: ApiObject, referred: readonly ApiObject[], playEngines?: string): DeploymentPlan {
  const { namespace, name } = graph.metadata;
  const documents = [graph, ...referred].map((value) => ({
    value,
    file: `${value.kind} ${namespace}/${value.metadata.name}`,
  }));
  const [plan] = planDeployments(documents, {
    store: "kubernetes",
    namespace,
    ...(playEngines === undefined ? {} : { playEngines }),
  });
  if (plan === undefined) throw new Error(`no plan of ${namespace}/${name}`);
  return plan;
}
