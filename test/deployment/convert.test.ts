import { expect, it } from "vitest";
import { convertGraph, type KubernetesObject } from "#src/deployment";
import { components } from "./plans.ts";

const v1alpha1: KubernetesObject = {
  apiVersion: "nvidia.com/v1alpha1",
  kind: "DynamoGraphDeployment",
  metadata: { name: "d", labels: { a: "b" } },
  spec: {
    backendFramework: "vllm",
    envs: [{ name: "ALL", value: "1" }],
    pvcs: [{ name: "cache", create: false }],
    services: {
      decode: {
        dynamoNamespace: "ns",
        componentType: "worker",
        subComponentType: "decode",
        replicas: 2,
        envFromSecret: "hf-token-secret",
        envs: [{ name: "ONE", value: "2" }],
        resources: {
          requests: { cpu: "4", gpu: "2", custom: { "ephemeral-storage": "2Gi" } },
          limits: { gpu: "2", gpuType: "gpu.example.com/xe" },
        },
        volumeMounts: [
          { name: "cache", mountPoint: "/models" },
          { name: "compiled", mountPoint: "/compiled", useAsCompilationCache: true },
        ],
        sharedMemory: { disabled: true },
        scalingAdapter: { enabled: true },
        extraPodMetadata: { annotations: { x: "y" } },
        livenessProbe: { httpGet: { path: "/live", port: 9090 } },
        extraPodSpec: {
          nodeSelector: { a: "b" },
          containers: [{ name: "side", image: "s" }],
          mainContainer: { image: "i", args: ["a"] },
        },
        autoscaling: { enabled: true },
      },
    },
  },
};

it("services become components with native pods; what has no place is named", () => {
  const { object, notes } = convertGraph(v1alpha1, "v1beta1");
  expect(notes).toEqual(["spec.services.decode.autoscaling: the other version has no such field"]);
  expect(object.metadata).toEqual(v1alpha1.metadata);
  expect(object.spec).toEqual({
    backendFramework: "vllm",
    env: [{ name: "ALL", value: "1" }],
    components: [
      {
        name: "decode",
        type: "decode",
        replicas: 2,
        compilationCache: { pvcName: "compiled", mountPath: "/compiled" },
        podTemplate: {
          metadata: { annotations: { x: "y" } },
          spec: {
            nodeSelector: { a: "b" },
            volumes: [{ name: "cache", persistentVolumeClaim: { claimName: "cache" } }],
            containers: [
              {
                name: "main",
                image: "i",
                args: ["a"],
                env: [{ name: "ONE", value: "2" }],
                envFrom: [{ secretRef: { name: "hf-token-secret" } }],
                resources: {
                  requests: { cpu: "4", "nvidia.com/gpu": "2", "ephemeral-storage": "2Gi" },
                  limits: { "gpu.example.com/xe": "2" },
                },
                livenessProbe: { httpGet: { path: "/live", port: 9090 } },
                volumeMounts: [{ name: "cache", mountPath: "/models" }],
              },
              { name: "side", image: "s" },
            ],
          },
        },
        sharedMemorySize: "0",
        scalingAdapter: {},
      },
    ],
  });
});

it("components become services; volumes that no PVC field can say stay with the pod", () => {
  const { object, notes } = convertGraph(
    {
      apiVersion: "nvidia.com/v1beta1",
      kind: "DynamoGraphDeployment",
      metadata: { name: "d" },
      spec: {
        components: [
          {
            name: "prefill",
            type: "prefill",
            sharedMemorySize: "16Gi",
            experimental: { failover: { mode: "IntraPod" } },
            podTemplate: {
              spec: {
                volumes: [
                  { name: "models", persistentVolumeClaim: { claimName: "cache" } },
                  { name: "frozen", persistentVolumeClaim: { claimName: "frozen", readOnly: true } },
                  { name: "config", configMap: { name: "c" } },
                ],
                containers: [
                  {
                    name: "main",
                    image: "i",
                    volumeMounts: [
                      { name: "models", mountPath: "/models" },
                      { name: "frozen", mountPath: "/frozen" },
                      { name: "config", mountPath: "/config", readOnly: true },
                    ],
                  },
                ],
              },
            },
          },
        ],
      },
    },
    "v1alpha1",
  );
  expect(notes).toEqual(["spec.components[0].experimental.failover: v1alpha1 has no such field"]);
  expect(object.spec).toMatchObject({ pvcs: [{ name: "cache", create: false }] });
  const { prefill } = components(object);
  expect(prefill!.fields).toMatchObject({
    componentType: "worker",
    subComponentType: "prefill",
    sharedMemory: { size: "16Gi" },
    volumeMounts: [{ name: "cache", mountPoint: "/models" }],
  });
  expect(prefill!.volumes.map(({ name }) => name)).toEqual(["frozen", "config"]);
  expect(prefill!.container.volumeMounts!.map(({ name }) => name)).toEqual(["frozen", "config"]);
});

it("a deployment of the wanted version is copied", () => {
  const { object, notes } = convertGraph(v1alpha1, "v1alpha1");
  expect([object, notes]).toEqual([v1alpha1, []]);
  expect(object).not.toBe(v1alpha1);
});

it("a PVC that was to be created is spoken of", () => {
  const create = structuredClone(v1alpha1);
  Object.assign(create.spec as object, { pvcs: [{ name: "new", create: true }], services: {} });
  expect(convertGraph(create, "v1beta1").notes).toEqual(['spec.pvcs[0]: the PVC "new" is to be created beforehand']);
});
