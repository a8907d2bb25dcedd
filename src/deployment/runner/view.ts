import type { LocalDeployment } from "#planner/connectors";
import type { ComponentPlan, DeploymentPlan } from "../plan/types.ts";
import type { Replica } from "./replica.ts";

export interface ViewInput {
  plan: DeploymentPlan;
  replicas: readonly Replica[];
  wanted(component: string): number;
  revision(component: ComponentPlan): string;
  resourceVersion: number;
  generation: number;
  observedGeneration: number;
  isEnding: boolean;
}

/** A deployment as the control API shows it, with the state and the words that the Dynamo operator has for a DGD. */
export function viewOf(input: ViewInput): LocalDeployment {
  const { plan, replicas, isEnding } = input;
  const components = plan.components.map((component) => {
    const revision = input.revision(component);
    // As Kubernetes counts: what terminates counts no more.
    const own = replicas.filter(({ component: name, state }) => name === component.name && state !== "draining");
    const readyReplicas = own.filter(({ state }) => state === "ready").length;
    return {
      name: component.name,
      role: component.role,
      replicas: input.wanted(component.name),
      readyReplicas,
      availableReplicas: readyReplicas,
      updatedReplicas: own.filter((replica) => replica.revision === revision).length,
      gpusPerReplica: component.gpusPerReplica,
      live: own.length,
    };
  });
  const isSettled = input.observedGeneration === input.generation;
  const unready = components.filter(
    ({ replicas: wanted, readyReplicas, updatedReplicas, live }) =>
      readyReplicas < wanted || updatedReplicas !== wanted || live !== wanted,
  );
  const strays = replicas.some(
    ({ component, state }) => state !== "draining" && !plan.components.some(({ name }) => name === component),
  );
  const ready = isSettled && !isEnding && unready.length === 0 && !strays;
  const failed = replicas.find(({ state }) => state === "failed");
  const frontend = plan.components.find(({ role, template }) => role === "frontend" && template.kind === "frontend");
  return {
    namespace: plan.namespace,
    name: plan.name,
    apiVersion: plan.apiVersion,
    resourceVersion: input.resourceVersion,
    generation: input.generation,
    observedGeneration: input.observedGeneration,
    state: ready
      ? "successful"
      : failed !== undefined
        ? "failed"
        : input.observedGeneration === 0
          ? "initializing"
          : "pending",
    ready,
    message: ready
      ? "All resources are ready"
      : isEnding
        ? "Resources are being deleted"
        : `Resources not ready: [${unready.map(({ name }) => name).join(", ")}]`,
    model: plan.model,
    frontendUrl: replicas.find(({ component, url }) => component === frontend?.name && url !== null)?.url ?? null,
    components: components.map(({ live: _live, ...component }) => component),
    replicas: replicas.toSorted(inOrderOf(plan)).map((replica) => replica.view()),
    notes: [...plan.notes],
  };
}

/** As the manifest has the components, then by number. */
function inOrderOf({ components }: DeploymentPlan): (a: Replica, b: Replica) => number {
  const places = new Map(components.map(({ name }, place) => [name, place]));
  const placeOf = ({ component }: Replica) => places.get(component) ?? components.length;
  return (a, b) => placeOf(a) - placeOf(b) || a.index - b.index;
}
