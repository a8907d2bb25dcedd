import type { EngineLayout } from "#src/estimator";
import { addPart, emptyGraph, frontendPart, type GraphStyle, HF_SECRET, type Part } from "./blueprints.ts";
import type { ServedModel } from "./engines/engine.ts";
import type { Graph } from "./graph/graph.ts";
import { podsOf, selectorText, WORKER_TYPES } from "./manifests/serving/labels.ts";
import type { EnginePlan, MockerPlan, RenderPlan } from "./types.ts";

/** Port on which operators look for a worker's health and metrics. */
const SYSTEM_PORT = 9090;
const FRONTEND_PORT = 8000;

interface MockerWorker {
  name: string;
  role: "prefill" | "decode" | "worker";
  engine: EnginePlan;
}

/**
 * A deployment of mockers in the place of engines: workers `decode` and `prefill`, or one, and a frontend. Of Dynamo's own
 * mocker, or of ours with our frontend.
 */
export function mockerGraph(
  style: GraphStyle,
  plan: RenderPlan,
  mocker: MockerPlan,
  model: ServedModel,
  profileDir: string | undefined,
): Graph {
  const graph = emptyGraph(style);
  const ours = mocker.flavour === "understudy";
  // Until 0.8 Dynamo's mocker is part of the image that frontend and workers run.
  const image = !ours && style.dialect !== "1.0" && plan.image !== "" ? plan.image : mocker.image;
  const frontend = addPart(graph, style, ours ? ourFrontend(style, image) : dynamoFrontend(style, image));
  if (ours) frontend.ensureContainer().ports = [{ name: "http", containerPort: FRONTEND_PORT }];
  for (const worker of mockerWorkers(plan)) {
    const shared = [
      ...["--model-path", model.path],
      ...["--model-name", model.name],
      ...["--speedup-ratio", speedup(mocker.speedupRatio)],
    ];
    const component = addPart(graph, style, {
      name: worker.name,
      role: worker.role,
      image,
      ...(ours
        ? { command: ["understudy", "mocker"] }
        : { workingDir: "/workspace", command: ["python3", "-m", "dynamo.mocker"], secret: HF_SECRET }),
      args: [
        ...shared,
        ...(ours
          ? [...ourRole(worker.role), ...(profileDir === undefined ? [] : ["--profile", profileDir])]
          : [
              ...(style.dialect === "1.0" ? ourRole(worker.role) : []),
              ...(profileDir === undefined ? [] : ["--planner-profile-data", profileDir]),
              ...(style.dialect === "1.0" ? [] : oldRole(worker.role)),
            ]),
        ...(profileDir === undefined ? estimatorArguments(mocker, worker.engine.layout) : []),
        ...(ours ? ["--host", "0.0.0.0", "--port", String(SYSTEM_PORT), "--advertise-host", "$(POD_IP)"] : []),
      ],
    });
    if (ours) {
      component.ensureContainer().ports = [{ name: "system", containerPort: SYSTEM_PORT }];
      component.setEnv("POD_IP", { fieldRef: { fieldPath: "status.podIP" } });
    }
    component.setReplicas(worker.engine.replicas);
  }
  return graph;
}

function mockerWorkers({ mode, prefill, decode, agg }: RenderPlan): MockerWorker[] {
  if (mode === "agg") return agg ? [{ name: "decode", role: "worker", engine: agg }] : [];
  return [
    ...(decode ? [{ name: "decode", role: "decode", engine: decode } as const] : []),
    ...(prefill ? [{ name: "prefill", role: "prefill", engine: prefill } as const] : []),
  ];
}

function dynamoFrontend(style: GraphStyle, image: string): Part {
  const part = frontendPart(style, image);
  // Dynamo's own mocker downloads configuration and tokenizer: workers alone need the token.
  return style.dialect === "1.0" ? part : { ...part, command: ["python3", "-m", "dynamo.frontend"] };
}

/** Finds the workers by the labels that operators put on the pods of a deployment. */
function ourFrontend({ name }: GraphStyle, image: string): Part {
  return {
    name: "Frontend",
    role: "frontend",
    image,
    command: ["understudy", "frontend"],
    args: [
      ...["--host", "0.0.0.0", "--port", String(FRONTEND_PORT)],
      ...["--discovery", "kubernetes", "--kube-resource", "pods", "--kube-port", String(SYSTEM_PORT)],
      ...["--kube-selector", selectorText(podsOf(name, WORKER_TYPES))],
    ],
  };
}

function ourRole(role: MockerWorker["role"]): string[] {
  return role === "worker" ? [] : ["--disaggregation-mode", role];
}

function oldRole(role: MockerWorker["role"]): string[] {
  return role === "worker" ? [] : [role === "prefill" ? "--is-prefill-worker" : "--is-decode-worker"];
}

/** Times asked of the estimator while the mocker runs, for this layout. */
function estimatorArguments({ estimator, flavour }: MockerPlan, layout: EngineLayout): string[] {
  if (!estimator) return [];
  const { backend, backendVersion, system } = estimator;
  // Dynamo's mocker has no scheduler of TensorRT-LLM's kind to name here; ours has.
  const engineType = backend !== "trtllm" || flavour === "understudy" ? ["--engine-type", backend] : [];
  return [
    "--aic-perf-model",
    ...["--aic-backend", backend],
    ...["--aic-backend-version", backendVersion],
    ...["--aic-system", system],
    ...["--aic-tp-size", String(layout.tp)],
    ...["--aic-moe-tp-size", String(layout.moeTp)],
    ...["--aic-moe-ep-size", String(layout.moeEp)],
    ...["--aic-attention-dp-size", String(layout.attentionDp)],
    ...engineType,
  ];
}

function speedup(ratio: number): string {
  return Number.isInteger(ratio) ? ratio.toFixed(1) : String(ratio);
}
