import type { EngineLayout } from "#src/estimator";
import type { KubernetesObject } from "./types.ts";

/**
 * What a deployment of these engines looks like, at a glance: both workers with their parallelism and nothing else. It is no
 * manifest to apply: name, images and model are left out.
 */
export function previewDeployment(prefill: EngineLayout, decode: EngineLayout): KubernetesObject {
  const worker = (subComponentType: "prefill" | "decode", layout: EngineLayout) => ({
    subComponentType,
    replicas: 1,
    extraPodSpec: { mainContainer: { args: parallelArguments(layout) } },
  });
  return {
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeployment",
    spec: { services: { PrefillWorker: worker("prefill", prefill), DecodeWorker: worker("decode", decode) } },
  };
}

function parallelArguments({ tp, pp, attentionDp, moeEp }: EngineLayout): string[] {
  return [
    `--tensor-parallel-size=${tp}`,
    ...(pp > 1 ? [`--pipeline-parallel-size=${pp}`] : []),
    ...(attentionDp > 1 ? [`--data-parallel-size=${attentionDp}`] : []),
    ...(moeEp > 1 ? [`--expert-parallel-size=${moeEp}`] : []),
  ];
}
