import type { Backend, EngineLayout } from "#src/estimator";
import { Arguments } from "./engines/arguments.ts";
import { engineFlags, type PrefillLimits } from "./engines/engine.ts";
import type { Component } from "./graph/component.ts";
import { type Graph, readGraph } from "./graph/graph.ts";
import type { DeploymentDialect, KubernetesObject } from "./types.ts";
import { editArguments, setEngineLayout } from "./workers.ts";

/** Port of the frontend where its arguments set none. */
const DEFAULT_PORT = 8000;
/** Tokens of a pass of a prefill candidate, each attention rank: no prompt is cut. */
const PREFILL_TOKENS = 32_768;

export interface CandidateOptions {
  backend: Backend;
  dialect: DeploymentDialect;
  /** How the engine is to spread over GPUs. */
  layout: EngineLayout;
  gpusPerNode: number;
  isMoe?: boolean;
  /** Name of the candidate's deployment; `<backend>-agg` where absent. */
  name?: string;
}

/**
 * A deployment of one aggregated engine that does what the base's prefill workers do: no planner, no KV reuse, one replica. The
 * prefill worker takes the decode worker's name, as an aggregated deployment has it.
 * @throws UserError where the base has no prefill or no decode worker
 */
export function prefillOnly(base: KubernetesObject, options: CandidateOptions): KubernetesObject {
  const graph = candidateGraph(base, options);
  const prefill = graph.worker("prefill", options.backend);
  const decode = graph.worker("decode", options.backend);
  graph.remove(decode.name);
  graph.rename(prefill.name, decode.name);
  const worker = candidateWorker(graph, decode.name);
  editArguments(worker, (args) => engineFlags(options.backend).prefillOnly(args, options.dialect));
  setEngineLayout(worker, options.backend, options.layout, options.gpusPerNode, options.dialect);
  const limits = prefillLimits(options);
  if (limits) editArguments(worker, (args) => engineFlags(options.backend).limitPrefill(args, limits, options.dialect));
  return graph.object;
}

/**
 * A deployment of one aggregated engine that does what the base's decode workers do: no planner, KV reuse so that prompts
 * that have been seen are not computed again, one replica.
 * @throws UserError where the base has no decode worker
 */
export function decodeOnly(base: KubernetesObject, options: CandidateOptions): KubernetesObject {
  const graph = candidateGraph(base, options);
  const decode = graph.worker("decode", options.backend);
  const prefill = graph.findWorker("prefill", options.backend);
  if (prefill) graph.remove(prefill.name);
  const worker = candidateWorker(graph, decode.name);
  const { backend, dialect } = options;
  editArguments(worker, (args) => engineFlags(backend).decodeOnly(args, dialect, options.isMoe ?? false));
  setEngineLayout(worker, backend, options.layout, options.gpusPerNode, dialect);
  return graph.object;
}

/** The one worker of a candidate: its component's name, the folder its logs go to, and its command line. */
export interface CandidateWorker {
  name: string;
  /** Lower case, as the logs' folder is named. */
  folder: string;
  command: string[];
  args: string[];
  image?: string;
}

/** @throws UserError where the deployment has no worker, or several */
export function candidateWorkerOf(dgd: KubernetesObject, backend: Backend): CandidateWorker {
  const worker = readGraph(dgd).worker("agg", backend);
  const image = worker.image();
  return {
    name: worker.name,
    folder: worker.name.toLowerCase(),
    command: worker.command(),
    args: worker.args(),
    ...(image !== undefined && { image }),
  };
}

/** Name that clients of the deployment use for its model; undefined where its workers do not say. */
export function servedModel(dgd: KubernetesObject, backend: Backend): string | undefined {
  const graph = readGraph(dgd);
  for (const worker of graph.workers()) {
    const name = engineFlags(backend).model(new Arguments(worker.command(), worker.args()));
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Port on which the deployment's frontend takes requests. */
export function frontendPort(dgd: KubernetesObject): number {
  const frontend = readGraph(dgd).frontend();
  if (!frontend) return DEFAULT_PORT;
  const port = Number(new Arguments(frontend.command(), frontend.args()).value("--http-port", "--port"));
  return Number.isInteger(port) && port > 0 ? port : DEFAULT_PORT;
}

/** Address of the frontend within the cluster. */
export function frontendUrl(dgd: KubernetesObject, namespace: string): string {
  return `http://${dgd.metadata?.name ?? ""}-frontend.${namespace}.svc.cluster.local:${frontendPort(dgd)}`;
}

/** A name of its own for one candidate's deployment: `vllm-agg-3fa1`. */
export function deploymentName(dgd: KubernetesObject, suffix: string): string {
  return `${dgd.metadata?.name ?? "candidate"}-${suffix}`;
}

function candidateGraph(base: KubernetesObject, { backend, name }: CandidateOptions): Graph {
  const graph = readGraph(base);
  graph.object.metadata = { ...graph.object.metadata, name: name ?? `${backend}-agg` };
  for (const component of graph.components()) if (component.role() === "planner") graph.remove(component.name);
  return graph;
}

function candidateWorker(graph: Graph, name: string): Component {
  const worker = graph.find(name)!;
  worker.setRole("decode");
  worker.setReplicas(1);
  return worker;
}

/** Generations before 0.8 leave the limits as the base has them. */
function prefillLimits({ dialect, layout }: CandidateOptions): PrefillLimits | undefined {
  if (dialect === "0.3" || dialect === "0.6") return undefined;
  return { batch: layout.attentionDp, tokens: PREFILL_TOKENS * layout.attentionDp };
}
