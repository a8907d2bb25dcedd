import { describe, expect, it } from "vitest";
import { type KubernetesObject, renderDeployment } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { components, disaggPlan, flagValue, PROFILE } from "./plans.ts";

const rendered = (plan: Parameters<typeof disaggPlan>[0] = {}) =>
  components(renderDeployment(disaggPlan(plan)).at(-1)!);
const engine = (label: string, replicas = 1) => ({ layout: engineLayout(label), replicas });

describe("engines", () => {
  it("[R113] have the plan's replicas, image, model and GPUs, as texts", () => {
    const { Frontend, VllmPrefillWorker, VllmDecodeWorker } = rendered({
      prefill: engine("tp2", 3),
      decode: engine("tp4", 5),
    });
    expect([VllmPrefillWorker!.replicas, VllmDecodeWorker!.replicas]).toEqual([3, 5]);
    expect([VllmPrefillWorker!.gpus, VllmDecodeWorker!.gpus]).toEqual(["2", "4"]);
    for (const { container } of [Frontend!, VllmPrefillWorker!, VllmDecodeWorker!]) {
      expect(container.image).toBe("registry.example:5000/team/vllm-runtime:1.0");
    }
    expect(flagValue(VllmDecodeWorker!.args, "--model")).toBe("Qwen/Qwen3-32B");
    expect(flagValue(VllmDecodeWorker!.args, "--disaggregation-mode")).toBe("decode");
  });

  it.each([
    ["vllm", "tp4", "1.0", "--tensor-parallel-size 4"],
    ["vllm", "tep8", "1.0", "--tensor-parallel-size 8 --enable-expert-parallel"],
    ["vllm", "dep8", "0.8", "--tensor-parallel-size 1 --data-parallel-size 8 --enable-expert-parallel"],
    ["sglang", "tp4", "0.8", "--tp 4"],
    ["sglang", "tep8", "0.8", "--tp 8 --ep-size 8"],
    ["sglang", "dep8", "0.6", "--tp 8 --dp 8 --enable-dp-attention --ep-size 8"],
    ["sglang", "dep8", "1.0", "--tp 8 --dp 8 --enable-dp-attention --ep 8"],
    ["trtllm", "tp4", "1.0", "--trtllm.tensor_parallel_size 4"],
    [
      "trtllm",
      "dep8",
      "1.0",
      "--trtllm.tensor_parallel_size 8 --trtllm.moe_expert_parallel_size 8 --trtllm.moe_tensor_parallel_size 1 --trtllm.enable_attention_dp true",
    ],
  ] as const)("[R113] %s tells %s in %s by its own flags", (backend, label, dialect, flags) => {
    const plan = {
      backend,
      dialect,
      decode: engine(label),
      version: dialect === "1.0" ? "v1beta1" : "v1alpha1",
    } as const;
    const decode = Object.values(rendered(plan)).find(({ type }) => type === "decode")!;
    expect(decode.args.join(" ")).toContain(flags);
  });

  it("[R113] TensorRT-LLM until 0.8 has its sizes in the JSON of --override-engine-args", () => {
    for (const [label, sizes] of [
      ["tp4", { tensor_parallel_size: 4 }],
      [
        "tep8",
        {
          tensor_parallel_size: 8,
          moe_expert_parallel_size: 8,
          moe_tensor_parallel_size: 1,
          enable_attention_dp: false,
        },
      ],
    ] as const) {
      const plan = { backend: "trtllm", version: "v1alpha1", dialect: "0.8", prefill: engine(label) } as const;
      const { prefill } = rendered(plan);
      expect(JSON.parse(flagValue(prefill!.args, "--override-engine-args")!)).toMatchObject(sizes);
      expect(prefill!.args.join(" ")).not.toContain("--trtllm.");
    }
  });

  it("[R113] engines wider than a node are multinode, with a node's GPUs each", () => {
    const { decode, prefill } = rendered({ backend: "sglang", prefill: engine("tep8"), decode: engine("dep32") });
    expect([decode!.gpus, decode!.fields.multinode]).toEqual(["8", { nodeCount: 4 }]);
    expect([prefill!.gpus, prefill!.fields.multinode]).toEqual(["8", undefined]);
  });

  it("[R171] a layout that the backend can't be told is refused by name", () => {
    const both = { tp: 2, pp: 1, attentionDp: 2, moeTp: 1, moeEp: 4, gpus: 4 };
    const plan = disaggPlan({ backend: "trtllm", decode: { layout: both, replicas: 1 } });
    expect(() => renderDeployment(plan)).toThrow(/trtllm has no flags for tp2-pp1-dp2-moetp1-moeep4/);
  });

  it("prefill and decode may differ in size", () => {
    const { VllmPrefillWorker, VllmDecodeWorker } = rendered({ prefill: engine("tp1"), decode: engine("tp8") });
    const sizes = [VllmPrefillWorker!, VllmDecodeWorker!].map(({ args }) => flagValue(args, "--tensor-parallel-size"));
    expect(sizes).toEqual(["1", "8"]);
  });

  it("[R139] have the Hugging Face token from its secret", () => {
    const named = (version: "v1alpha1" | "v1beta1") =>
      rendered({ version, dialect: version === "v1alpha1" ? "0.8" : "1.0" }).VllmDecodeWorker!;
    expect(named("v1beta1").container.envFrom).toEqual([{ secretRef: { name: "hf-token-secret" } }]);
    expect(named("v1alpha1").fields.envFromSecret).toBe("hf-token-secret");
  });

  it("an aggregated deployment has one kind of worker, without the flags of a half", () => {
    for (const backend of ["vllm", "sglang", "trtllm"] as const) {
      const { Frontend, ...workers } = rendered({ backend, mode: "agg", agg: engine("tp4", 2) });
      expect(Frontend).toBeDefined();
      const [worker, ...more] = Object.values(workers);
      expect(more).toEqual([]);
      expect([worker!.type, worker!.replicas, worker!.gpus]).toEqual(["worker", 2, "4"]);
      expect(worker!.args.join(" ")).not.toMatch(/disaggregation|is-prefill/);
    }
  });

  it("a plan without the engine that its mode needs is refused", () => {
    expect(() => renderDeployment(disaggPlan({ mode: "agg" }))).toThrow(/an engine for a deployment of mode agg/);
  });

  it("every service names its Dynamo namespace until 0.8, none since", () => {
    const namespaces = (dialect: "0.6" | "0.8" | "1.0") =>
      Object.values(rendered({ version: "v1alpha1", dialect })).map(({ fields }) => fields.dynamoNamespace);
    expect(new Set(namespaces("0.6"))).toEqual(new Set(["vllm-disagg"]));
    expect(new Set(namespaces("1.0"))).toEqual(new Set([undefined]));
  });
});

describe("metadata", () => {
  it("[R019] name, namespace, labels and annotations are the plan's", () => {
    const [dgd] = renderDeployment(
      disaggPlan({ name: "mine", namespace: "team", labels: { a: "1" }, annotations: { b: "2" } }),
    );
    expect(dgd!.metadata).toEqual({ name: "mine", namespace: "team", labels: { a: "1" }, annotations: { b: "2" } });
  });

  it("[R019] labels are merged onto the base's", () => {
    const base = renderDeployment(disaggPlan({ labels: { a: "1", b: "1" } }))[0]!;
    const [dgd] = renderDeployment(disaggPlan({ base, labels: { b: "2" } }));
    expect(dgd!.metadata!.labels).toEqual({ a: "1", b: "2" });
  });

  it("deployment and component names have together at most 45 characters since 1.0", () => {
    const name = (length: number) => "x".repeat(length);
    const longest = 45 - "VllmPrefillWorker".length;
    expect(() => renderDeployment(disaggPlan({ name: name(longest) }))).not.toThrow();
    expect(() => renderDeployment(disaggPlan({ name: name(longest + 1) }))).toThrow(/together at most 45/);
    const old = disaggPlan({ name: name(longest + 1), version: "v1alpha1", dialect: "0.8" });
    expect(() => renderDeployment(old)).not.toThrow();
  });

  it.each(["Upper", "dots.here", "-x", "x-", "", "x".repeat(64)])("the name %j is refused", (name) => {
    expect(() => renderDeployment(disaggPlan({ name, version: "v1alpha1" }))).toThrow(/expected lower-case letters/);
  });

  it("a runtime version is every component's since 1.0", () => {
    const versions = Object.values(rendered({ runtimeVersionOverride: "1.4.0" })).map(
      ({ fields }) => fields.runtimeVersionOverride,
    );
    expect(versions).toEqual(["1.4.0", "1.4.0", "1.4.0"]);
  });
});

describe("a model cache", () => {
  const modelCache = { pvcName: "model-cache", pvcPath: "models/qwen", mountPath: "/opt/model-cache" };

  it("[R054] [R175] is mounted into every component, the workers serve from it under the model's name", () => {
    const planner = { dialect: "1.0", image: "p", settings: {}, scaling: "none" } as const;
    const all = rendered({ modelCache, planner });
    expect(Object.keys(all)).toEqual(["Frontend", "VllmDecodeWorker", "VllmPrefillWorker", "Planner"]);
    for (const { container, volumes } of Object.values(all)) {
      expect(container.volumeMounts).toContainEqual({ name: "model-cache", mountPath: "/opt/model-cache" });
      expect(volumes).toContainEqual({ name: "model-cache", persistentVolumeClaim: { claimName: "model-cache" } });
    }
    const { args } = all.VllmDecodeWorker!;
    expect(flagValue(args, "--model")).toBe("/opt/model-cache/models/qwen");
    expect(flagValue(args, "--served-model-name")).toBe("Qwen/Qwen3-32B");
  });

  it("[R175] in v1alpha1 is a PVC of the deployment that services mount", () => {
    const plan = disaggPlan({ version: "v1alpha1", backend: "trtllm", modelCache });
    const [dgd] = renderDeployment(plan);
    expect(dgd!.spec).toMatchObject({ pvcs: [{ name: "model-cache", create: false }] });
    for (const { fields } of Object.values(components(dgd!))) {
      expect(fields.volumeMounts).toEqual([{ name: "model-cache", mountPoint: "/opt/model-cache" }]);
    }
  });

  it.each([
    ["", "/opt/model-cache"],
    ["/opt/model-cache", "/opt/model-cache"],
    ["/opt/model-cache/a", "/opt/model-cache/a"],
    ["/opt/model-cache-2", "/opt/model-cache/opt/model-cache-2"],
    ["/a/b", "/opt/model-cache/a/b"],
    ["a", "/opt/model-cache/a"],
  ])("[R175] the path %j in it is served from %s", (pvcPath, path) => {
    const { decode } = rendered({ backend: "sglang", modelCache: { ...modelCache, pvcPath } });
    expect(flagValue(decode!.args, "--model-path")).toBe(path);
  });

  it("[R175] makes the frontend say name and path of the model, which it says of no Hugging Face id", () => {
    const frontend = (plan: Parameters<typeof disaggPlan>[0]) => rendered(plan).Frontend!.container;
    expect(frontend({ modelCache }).args).toEqual([
      ...["-m", "dynamo.frontend"],
      ...["--model-name", "Qwen/Qwen3-32B", "--model-path", "/opt/model-cache/models/qwen"],
    ]);
    expect(frontend({}).args).toEqual(["-m", "dynamo.frontend"]);
    expect(frontend({ version: "v1alpha1", modelCache })).toMatchObject({
      command: ["python3", "-m", "dynamo.frontend"],
      args: ["--model-name", "Qwen/Qwen3-32B", "--model-path", "/opt/model-cache/models/qwen"],
    });
    expect(frontend({ version: "v1alpha1" }).command).toBeUndefined();
  });
});

describe("a base deployment", () => {
  const base: KubernetesObject = {
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeployment",
    metadata: { name: "theirs", annotations: { keep: "me" } },
    spec: {
      envs: [{ name: "A", value: "1" }],
      services: {
        Frontend: { componentType: "frontend", replicas: 2, extraPodSpec: { mainContainer: { image: "old" } } },
        MyPrefill: worker("prefill", "--model m --tp 1 --is-prefill-worker --gpu-memory-utilization 0.8"),
        MyDecode: worker("decode", "--model m"),
        Extra: { componentType: "worker-helper", extraPodSpec: { mainContainer: { image: "old" } }, x: 1 },
      },
    },
  };

  function worker(subComponentType: string, args: string) {
    return {
      componentType: "worker",
      subComponentType,
      replicas: 1,
      sharedMemory: { size: "32Gi" },
      extraPodSpec: {
        nodeSelector: { gpu: "h200" },
        mainContainer: { image: "old", command: ["python3", "-m", "dynamo.vllm"], args: args.split(" ") },
      },
    };
  }

  it("[R017] is edited where the plan has a say, kept where it has none", () => {
    const plan = disaggPlan({ base, version: "v1alpha1", dialect: "0.8", image: "new", name: "mine" });
    const [dgd] = renderDeployment(plan);
    expect(dgd!.metadata).toEqual({ name: "mine", annotations: { keep: "me" } });
    expect(dgd!.spec).toMatchObject({ envs: [{ name: "A", value: "1" }] });
    const { Frontend, MyPrefill, MyDecode, Extra } = components(dgd!);
    expect(Object.values({ Frontend, MyPrefill, MyDecode, Extra }).map((part) => part!.container.image)).toEqual(
      Array(4).fill("new"),
    );
    expect(Frontend!.replicas).toBe(2);
    expect(MyPrefill!.args).toEqual([
      ...["--model", "Qwen/Qwen3-32B", "--tp", "2", "--is-prefill-worker", "--gpu-memory-utilization", "0.8"],
    ]);
    expect(MyPrefill!.fields).toMatchObject({
      sharedMemory: { size: "32Gi" },
      resources: { requests: { gpu: "2" }, limits: { gpu: "2" } },
      extraPodSpec: { nodeSelector: { gpu: "h200" } },
    });
    expect(MyDecode!.args).toContain("--tensor-parallel-size");
    expect(Extra!.fields.x).toBe(1);
  });

  it("[R017] without an image of the plan's keeps its own", () => {
    const { MyDecode } = rendered({ base, version: "v1alpha1", image: "" });
    expect(MyDecode!.container.image).toBe("old");
  });

  it("[R017] of the other version is converted first", () => {
    const { MyPrefill } = rendered({ base, image: "new" });
    expect([MyPrefill!.type, MyPrefill!.gpus, MyPrefill!.fields.sharedMemorySize]).toEqual(["prefill", "2", "32Gi"]);
  });

  it("[R017] that serves from a folder goes on doing so, under the plan's name", () => {
    const served = structuredClone(base);
    const { MyPrefill } = (served.spec as { services: Record<string, { extraPodSpec: { mainContainer: object } }> })
      .services;
    Object.assign(MyPrefill!.extraPodSpec.mainContainer, { args: ["--model", "/models/m"] });
    const result = rendered({ base: served, version: "v1alpha1", dialect: "0.8" });
    expect(flagValue(result.MyPrefill!.args, "--model")).toBe("/models/m");
    expect(flagValue(result.MyPrefill!.args, "--served-model-name")).toBe("Qwen/Qwen3-32B");
    expect(result.Frontend!.args).toEqual(["--model-name", "Qwen/Qwen3-32B", "--model-path", "/models/m"]);
  });

  it("without prefill workers can't be disaggregated", () => {
    const agg = renderDeployment(disaggPlan({ mode: "agg", agg: engine("tp1") }))[0]!;
    expect(() => renderDeployment(disaggPlan({ base: agg }))).toThrow(
      /found no prefill worker among .*VllmDecodeWorker/,
    );
  });

  it("is not changed itself", () => {
    const before = structuredClone(base);
    renderDeployment(disaggPlan({ base, version: "v1alpha1", profile: PROFILE }));
    expect(base).toEqual(before);
  });
});

describe("overrides", () => {
  const overridden = (overrides: Record<string, unknown>) => renderDeployment(disaggPlan({ overrides })).at(-1)!;

  it("merge lists by name, replace others, remove by null", () => {
    const dgd = overridden({
      apiVersion: "nvidia.com/v1beta1",
      kind: "DynamoGraphDeployment",
      metadata: { annotations: { "nvidia.com/enable-grove": "false" } },
      spec: {
        components: [
          {
            name: "VllmDecodeWorker",
            replicas: 7,
            podTemplate: {
              spec: {
                containers: [{ name: "main", args: ["--only"], envFrom: null }],
                tolerations: [{ key: "gpu", operator: "Exists" }],
              },
            },
          },
        ],
      },
    });
    expect(dgd.metadata!.annotations).toEqual({ "nvidia.com/enable-grove": "false" });
    const all = components(dgd);
    expect(Object.keys(all)).toEqual(["Frontend", "VllmDecodeWorker", "VllmPrefillWorker"]);
    const { replicas, container, args } = all.VllmDecodeWorker!;
    expect([replicas, args, container.envFrom, container.command]).toEqual([
      7,
      ["--only"],
      undefined,
      ["python3", "-m", "dynamo.vllm"],
    ]);
    expect(container.image).toBe(disaggPlan().image);
  });

  it("pick the deployment's name, also where it is used", () => {
    const mocker = { flavour: "understudy", image: "understudy:1", speedupRatio: 1 } as const;
    const plan = disaggPlan({ mocker, overrides: { metadata: { name: "final" } } });
    const [dgd] = renderDeployment(plan);
    expect(dgd!.metadata!.name).toBe("final");
    expect(flagValue(components(dgd!).Frontend!.args, "--kube-selector")).toContain("=final,");
  });

  it("of the other version mean what they say there", () => {
    const dgd = overridden({
      apiVersion: "nvidia.com/v1alpha1",
      kind: "DynamoGraphDeployment",
      spec: { services: { VllmDecodeWorker: { resources: { limits: { memory: "80Gi" } } } } },
    });
    expect(dgd.apiVersion).toBe("nvidia.com/v1beta1");
    expect(components(dgd).VllmDecodeWorker!.container.resources!.limits).toEqual({
      memory: "80Gi",
      "nvidia.com/gpu": "4",
    });
  });

  it("of a component that is not there are refused, with the nearest", () => {
    const overrides = { spec: { components: [{ name: "VllmDecodeWorkr", replicas: 2 }] } };
    expect(() => overridden(overrides)).toThrow(/override of component "VllmDecodeWorkr"/);
  });
});
