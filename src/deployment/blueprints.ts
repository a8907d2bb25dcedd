import type { Backend } from "#src/estimator";
import type { ServedModel } from "./engines/engine.ts";
import type { Component, Role } from "./graph/component.ts";
import { type Graph, readGraph } from "./graph/graph.ts";
import type { DeploymentDialect, DgdVersion } from "./types.ts";

/** Secret with `HF_TOKEN`, by which workers download models. */
export const HF_SECRET = "hf-token-secret";
const WORK_DIR = "/workspace";
/** Port on which SGLang's prefill workers wait for their partners. */
const BOOTSTRAP_PORT = "12345";
/** KV page size in tokens of SGLang's disaggregated engines. */
const PAGE_SIZE = "16";
const KV_TRANSFER = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}';

/** One component, before it takes a version's shape. */
export interface Part {
  name: string;
  role: Role;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  secret?: string;
}

/** What is the same for all components of a graph. */
export interface GraphStyle {
  version: DgdVersion;
  dialect: DeploymentDialect;
  name: string;
}

/** A graph without components. */
export function emptyGraph({ version, name }: GraphStyle): Graph {
  return readGraph({
    apiVersion: `nvidia.com/${version}`,
    kind: "DynamoGraphDeployment",
    metadata: { name },
    spec: version === "v1alpha1" ? { services: {} } : { components: [] },
  });
}

/** Adds a component, in the order of fields in which people write them. */
export function addPart(graph: Graph, style: GraphStyle, part: Part): Component {
  const container = {
    ...(graph.version === "v1beta1" && { name: "main" }),
    image: part.image,
    ...(part.workingDir && { workingDir: part.workingDir }),
    ...(part.command && { command: part.command }),
    ...(part.args && { args: part.args }),
  };
  const component =
    graph.version === "v1beta1"
      ? graph.add(part.name, { type: part.role, replicas: 1, podTemplate: { spec: { containers: [container] } } })
      : graph.add(part.name, {
          ...(hasDynamoNamespace(style) && { dynamoNamespace: style.name }),
          componentType: part.role,
          replicas: 1,
          extraPodSpec: { mainContainer: container },
        });
  component.setRole(part.role);
  if (part.secret) component.setSecret(part.secret);
  return component;
}

/** Services named their Dynamo namespace themselves until 1.0, which derives it from the deployment's name. */
export function hasDynamoNamespace({ version, dialect }: GraphStyle): boolean {
  return version === "v1alpha1" && dialect !== "1.0";
}

/** The frontend; operators before 1.0 know its command. */
export function frontendPart(style: GraphStyle, image: string): Part {
  const part: Part = { name: "Frontend", role: "frontend", image };
  if (style.dialect !== "1.0") return part;
  return { ...part, command: ["python3"], args: ["-m", "dynamo.frontend"] };
}

type EngineRole = "prefill" | "decode" | "worker";

/** A deployment of a backend's engines, one replica each, without a layout. */
export function engineGraph(
  style: GraphStyle,
  backend: Backend,
  mode: "disagg" | "agg",
  image: string,
  model: ServedModel,
): Graph {
  const graph = emptyGraph(style);
  addPart(graph, style, { ...frontendPart(style, image), secret: HF_SECRET });
  const roles: EngineRole[] = mode === "agg" ? ["worker"] : ["decode", "prefill"];
  for (const role of roles) {
    addPart(graph, style, {
      name: workerName(backend, role, style.dialect),
      role,
      image,
      workingDir: WORK_DIR,
      command: ["python3", "-m", `dynamo.${backend}`],
      args: [...modelArguments(backend, model), ...roleArguments(backend, role, style.dialect)],
      secret: HF_SECRET,
    });
  }
  return graph;
}

/** Names by which the backends' own manifests and the planner know the workers. */
function workerName(backend: Backend, role: EngineRole, dialect: DeploymentDialect): string {
  if (backend === "vllm") return role === "prefill" ? "VllmPrefillWorker" : "VllmDecodeWorker";
  if (backend === "sglang") return role === "prefill" ? "prefill" : "decode";
  if (role === "worker") return "TRTLLMWorker";
  if (dialect === "0.3" || dialect === "0.6") return role === "prefill" ? "TRTLLMPrefillWorker" : "TRTLLMDecodeWorker";
  return role;
}

function modelArguments(backend: Backend, { path, name }: ServedModel): string[] {
  if (backend !== "vllm") return ["--model-path", path, "--served-model-name", name];
  return path === name ? ["--model", path] : ["--model", path, "--served-model-name", name];
}

/** What makes an engine one half of a disaggregated deployment, or a whole. */
function roleArguments(backend: Backend, role: EngineRole, dialect: DeploymentDialect): string[] {
  const whole = role === "worker";
  if (backend === "vllm") {
    if (whole) return [];
    if (dialect !== "1.0") return role === "prefill" ? ["--is-prefill-worker"] : [];
    const transfer = role === "prefill" ? ["--kv-transfer-config", KV_TRANSFER] : [];
    return ["--disaggregation-mode", role, ...transfer];
  }
  if (backend === "sglang") {
    const always = ["--page-size", PAGE_SIZE, "--trust-remote-code", "--skip-tokenizer-init"];
    if (whole) return always;
    return [
      ...always,
      ...["--disaggregation-mode", role],
      ...["--disaggregation-transfer-backend", "nixl"],
      ...["--disaggregation-bootstrap-port", BOOTSTRAP_PORT],
      ...["--host", "0.0.0.0"],
    ];
  }
  if (whole) return [];
  const settings = {
    cache_transceiver_config: { backend: "DEFAULT" },
    // Prefill hands its KV over at once; overlapping two steps would hold it back.
    ...(role === "prefill" && { disable_overlap_scheduler: true }),
  };
  if (dialect !== "1.0") {
    return ["--disaggregation-mode", role, "--override-engine-args", JSON.stringify(settings)];
  }
  return [
    ...["--disaggregation-mode", role],
    ...["--trtllm.cache_transceiver_config.backend", "DEFAULT"],
    ...(role === "prefill" ? ["--trtllm.disable_overlap_scheduler", "true"] : []),
  ];
}
