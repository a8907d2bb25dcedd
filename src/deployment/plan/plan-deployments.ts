import { type Graph, readGraph } from "../graph/graph.ts";
import { isObject } from "../graph/json.ts";
import { componentPlan } from "./component-plan.ts";
import { deployedTwice, modelMismatch, noName, notAnObject, nothingToRun, roleTwice } from "./errors.ts";
import { namedNamespace } from "./namespace.ts";
import { DataObjects, type LookUp } from "./objects.ts";
import { type ManifestDocument, placed, placeOf } from "./read-manifests.ts";
import type { ComponentPlan, DeploymentPlan } from "./types.ts";

export interface PlanOptions {
  /** Whose deployments they are: the runner's own, or an API server's, which a planner keeps scaling by. */
  store: "local" | "kubernetes";
  /** Namespace of objects that name none; `default`. */
  namespace?: string;
  /** GPU system on which mockers play real engines, with the estimator's times; they are refused where absent. */
  playEngines?: string;
  /** Asks for ConfigMaps and Secrets that are not among the documents. */
  lookUp?: LookUp;
}

/**
 * Every DynamoGraphDeployment among the documents as what is to be run: container commands translated to ours, environment and files
 * resolved with the ConfigMaps and Secrets beside them. Pure.
 * @throws UserError with file, line and path for what can't be run, and DEPLOYMENT_NOTHING_TO_RUN where there is none
 */
export function planDeployments(documents: readonly ManifestDocument[], options: PlanOptions): DeploymentPlan[] {
  for (const document of documents) if (!isObject(document.value)) throw notAnObject(placeOf(document, ""));
  const found = documents.filter(({ value }) => kindOf(value) === "DynamoGraphDeployment");
  if (found.length === 0)
    throw nothingToRun(
      documents[0]?.file ?? "",
      documents.map(({ value }) => kindOf(value)),
    );
  const plans: DeploymentPlan[] = [];
  for (const document of found) {
    const plan = placed(document, () => planOne(document, documents, options));
    if (plans.some(({ namespace, name }) => namespace === plan.namespace && name === plan.name)) {
      throw deployedTwice(placeOf(document, "metadata.name"), plan.namespace, plan.name);
    }
    plans.push(plan);
  }
  return plans;
}

function planOne(
  { value }: ManifestDocument,
  documents: readonly ManifestDocument[],
  options: PlanOptions,
): DeploymentPlan {
  const graph = readGraph(value);
  const name = graph.name();
  if (name === "") throw noName("metadata.name");
  const namespace = namedNamespace(graph.object.metadata) ?? options.namespace ?? "default";
  const objects = new DataObjects(documents, namespace, options.lookUp);
  const playEngines = options.playEngines ?? null;
  const notes = new Map<string, string[]>();
  const models = new Map<string, string>();
  const components = graph.components().flatMap((component) => {
    const note = (text: string) => {
      notes.set(text, [...new Set([...(notes.get(text) ?? []), component.name])]);
    };
    const planned = componentPlan({ graph, component, namespace, objects, store: options.store, playEngines, note });
    if (planned === null) return [];
    if (planned.model !== null) models.set(component.name, planned.model);
    return [planned.plan];
  });
  if (new Set(models.values()).size > 1) throw modelMismatch(graph.root, models);
  checkRoles(graph, components);
  return {
    namespace,
    name,
    apiVersion: `nvidia.com/${graph.version}`,
    model: [...models.values()][0] ?? null,
    components,
    notes: [...[...notes].map(([text, names]) => `${names.join(", ")}: ${text}`), ...unusedDocuments(documents)],
  };
}

/** As the planner finds what it scales: one component of each role. */
function checkRoles(graph: Graph, components: readonly ComponentPlan[]): void {
  if (!components.some(({ template }) => template.kind === "planner")) return;
  for (const role of ["prefill", "decode"] as const) {
    const names = components.filter((component) => component.role === role).map(({ name }) => name);
    if (names.length > 1) throw roleTwice(graph.root, role, names);
  }
}

/** Kinds beside the deployments that nothing here acts on. */
function unusedDocuments(documents: readonly ManifestDocument[]): string[] {
  const used = ["DynamoGraphDeployment", "ConfigMap", "Secret"];
  const kinds = [...new Set(documents.map(({ value }) => kindOf(value)))].filter((kind) => !used.includes(kind));
  return kinds.length === 0 ? [] : [`beside the deployment left aside: ${kinds.join(", ")}`];
}

function kindOf(value: unknown): string {
  return isObject(value) && typeof value.kind === "string" ? value.kind : "(no kind)";
}
