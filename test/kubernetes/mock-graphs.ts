import type { KubeObject } from "./api-server.ts";

function mocker(role: "prefill" | "decode") {
  return {
    image: "example.invalid/dynamo-planner:1.0.0",
    command: ["python3", "-m", "dynamo.mocker"],
    args: ["--model-path", "llama", "--disaggregation-mode", role],
  };
}

const FRONTEND = {
  image: "example.invalid/dynamo-planner:1.0.0",
  command: ["python3"],
  args: ["-m", "dynamo.frontend"],
};

/** A frontend, and a worker of each role that opts in to be scaled. */
export function betaGraph(name: string, extra: object = {}): KubeObject {
  const component = (part: string, type: string, container: object, more: object = {}) => ({
    name: part,
    type,
    replicas: 1,
    podTemplate: { spec: { containers: [{ name: "main", ...container }] } },
    ...more,
  });
  return {
    apiVersion: "nvidia.com/v1beta1",
    kind: "DynamoGraphDeployment",
    metadata: { name },
    spec: {
      components: [
        component("Frontend", "frontend", FRONTEND),
        component("prefill", "prefill", mocker("prefill"), { scalingAdapter: {} }),
        component("decode", "decode", mocker("decode"), { scalingAdapter: {} }),
      ],
      ...extra,
    },
  };
}

/** The same as v1alpha1 has it. */
export function alphaGraph(name: string): KubeObject {
  const service = (componentType: string, container: object, more: object = {}) => ({
    componentType,
    replicas: 1,
    extraPodSpec: { mainContainer: container },
    ...more,
  });
  return {
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeployment",
    metadata: { name },
    spec: {
      services: {
        Frontend: service("frontend", FRONTEND),
        prefill: service("worker", mocker("prefill"), { subComponentType: "prefill" }),
        decode: service("worker", mocker("decode"), { subComponentType: "decode" }),
      },
    },
  };
}
