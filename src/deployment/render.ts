import { engineGraph, type GraphStyle, hasDynamoNamespace } from "./blueprints.ts";
import { PROFILE_MOUNT, profileConfigMap, profileDataName } from "./config-maps.ts";
import { convertGraph } from "./convert.ts";
import { Arguments } from "./engines/arguments.ts";
import { engineFlags, type ServedModel } from "./engines/engine.ts";
import { incompletePlan, invalidName, nameTooLong } from "./errors.ts";
import type { Graph } from "./graph/graph.ts";
import { readGraph } from "./graph/graph.ts";
import { isObject } from "./graph/json.ts";
import { applyOverrides } from "./merge.ts";
import { mockerGraph } from "./mocker.ts";
import { cachedModelPath, isFilePath, mountModelCache, setFrontendModel } from "./model-cache.ts";
import { addPlanner } from "./planner/service.ts";
import type { DeploymentDialect, KubernetesObject, RenderPlan } from "./types.ts";
import { setEngineLayout, setEngineModel } from "./workers.ts";

/** Longest name of a deployment and a component of it together; the operator derives longer ones from both. */
const MAX_NAMES = 45;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Everything to apply for a plan, in the order in which it is written: the planner's settings, the profile's samples, the
 * DynamoGraphDeployment last.
 * @throws UserError for plans that lack something, bases without the workers that the plan is about, impossible names
 */
export function renderDeployment(plan: RenderPlan): KubernetesObject[] {
  const dialect = plan.dialect ?? plan.planner?.dialect ?? (plan.version === "v1beta1" ? "1.0" : "0.8");
  const style: GraphStyle = { version: plan.version, dialect, name: finalName(plan) };
  const mountsProfile = plan.profile !== undefined && hasProfileReader(plan, dialect);
  const model = servedModelOf(plan);

  const graph = plan.mocker
    ? mockerGraph(style, plan, plan.mocker, model, mountsProfile ? PROFILE_MOUNT : undefined)
    : engines(style, plan, model);
  graph.object.metadata = metadata(graph.object.metadata, plan, style.name);
  setFrontendModel(graph, model);
  if (dialect === "1.0" && plan.planner && !plan.mocker && plan.backend === "vllm") setBenchmarkMode(graph);

  const configMaps = plan.planner ? addPlanner(graph, style, plan, plan.planner) : [];
  if (mountsProfile && plan.profile) {
    const name = profileDataName(plan, dialect);
    configMaps.push(profileConfigMap(name, plan.namespace, plan.profile));
    for (const component of graph.components()) {
      const reads = component.role() === "planner" || (plan.mocker && graph.workerRole(component) !== undefined);
      if (reads) component.mountConfigMap(name, PROFILE_MOUNT);
    }
  }
  if (plan.modelCache) mountModelCache(graph, plan.modelCache);
  if (plan.runtimeVersionOverride !== undefined && dialect === "1.0") {
    for (const component of graph.components()) component.setRuntimeVersion(plan.runtimeVersionOverride);
  }
  const dgd = plan.overrides ? applyOverrides(graph.object, plan.overrides) : graph.object;
  checkNames(dgd, dialect);
  return [...configMaps, dgd];
}

/** Workers of the base, or of a blueprint, laid out and scaled as the plan has them. */
function engines(style: GraphStyle, plan: RenderPlan, model: ServedModel): Graph {
  const graph = plan.base ? baseGraph(plan.base, style) : blueprint(style, plan, model);
  if (plan.image !== "") {
    for (const component of graph.components()) if (component.findContainer()) component.container().image = plan.image;
  }
  const wanted = plan.mode === "agg" ? (["agg"] as const) : (["prefill", "decode"] as const);
  for (const role of wanted) {
    const engine = plan[role];
    if (!engine) throw incompletePlan(role, `an engine for a deployment of mode ${plan.mode}`);
    const worker = graph.worker(role, plan.backend);
    setEngineModel(worker, plan.backend, model);
    setEngineLayout(worker, plan.backend, engine.layout, plan.gpusPerNode, style.dialect);
    worker.setReplicas(engine.replicas);
  }
  return graph;
}

function blueprint(style: GraphStyle, plan: RenderPlan, model: ServedModel): Graph {
  if (plan.image === "") throw incompletePlan("image", "an image for frontend and workers");
  return engineGraph(style, plan.backend, plan.mode, plan.image, model);
}

function baseGraph(base: KubernetesObject, style: GraphStyle): Graph {
  const read = readGraph(base, "base");
  const graph = read.version === style.version ? read : readGraph(convertGraph(base, style.version).object);
  if (!hasDynamoNamespace(style)) for (const component of graph.components()) delete component.fields.dynamoNamespace;
  return graph;
}

/** A path of the volume; else the folder that the base's workers have; else what the plan says. */
function servedModelOf({ model, modelCache, base, backend, mocker }: RenderPlan): ServedModel {
  if (modelCache) return { path: cachedModelPath(modelCache), name: model };
  if (!base || mocker || isFilePath(model)) return { path: model, name: model };
  for (const worker of readGraph(base, "base").workers()) {
    const path = engineFlags(backend).modelPath(new Arguments(worker.command(), worker.args()));
    if (path !== undefined && isFilePath(path)) return { path, name: model };
  }
  return { path: model, name: model };
}

function hasProfileReader({ planner, mocker }: RenderPlan, dialect: DeploymentDialect): boolean {
  // The planner of 0.6 finds its samples on the PVC that the profiling Job wrote.
  if (dialect === "0.3" || dialect === "0.6") return false;
  return planner !== undefined || mocker !== undefined;
}

/** vLLM's workers measure themselves when they start, for the planner to ask. */
function setBenchmarkMode(graph: Graph): void {
  for (const worker of graph.workers()) {
    const role = graph.workerRole(worker);
    worker.setEnv("DYN_BENCHMARK_MODE", role === "worker" ? "agg" : role);
  }
}

function finalName({ name, overrides }: RenderPlan): string {
  const theirs = isObject(overrides?.metadata) ? overrides.metadata.name : undefined;
  return typeof theirs === "string" ? theirs : name;
}

function metadata(
  base: KubernetesObject["metadata"],
  { namespace, labels, annotations }: RenderPlan,
  name: string,
): NonNullable<KubernetesObject["metadata"]> {
  const merge = (key: "labels" | "annotations", own: Record<string, string> | undefined) =>
    (base?.[key] || own) && { [key]: { ...base?.[key], ...own } };
  return {
    ...base,
    name,
    ...(namespace !== undefined && { namespace }),
    ...merge("labels", labels),
    ...merge("annotations", annotations),
  };
}

function checkNames(dgd: KubernetesObject, dialect: DeploymentDialect): void {
  const name = dgd.metadata?.name ?? "";
  if (!DNS_LABEL.test(name)) throw invalidName("metadata.name", name);
  if (dialect !== "1.0") return;
  for (const component of readGraph(dgd).components()) {
    if (name.length + component.name.length > MAX_NAMES) throw nameTooLong(name, component.name, MAX_NAMES);
  }
}
