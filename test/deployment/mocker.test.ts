import { describe, expect, it } from "vitest";
import { type MockerPlan, type RenderPlan, renderDeployment } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { components, disaggPlan, flagValue, PROFILE } from "./plans.ts";

const mocker = (plan: Partial<MockerPlan> = {}): MockerPlan => ({
  flavour: "dynamo",
  image: "registry.example/dynamo-planner:1.0",
  speedupRatio: 1,
  ...plan,
});
const documents = (plan: Partial<RenderPlan> = {}) =>
  renderDeployment(disaggPlan({ name: "mocker-disagg", mocker: mocker(), ...plan }));
const rendered = (plan: Partial<RenderPlan> = {}) => components(documents(plan).at(-1)!);

describe("Dynamo's mocker", () => {
  it("[R116] in 0.8 has old role flags, the profile, and the planner told that it is mockers", () => {
    const stream = documents({
      version: "v1alpha1",
      profile: PROFILE,
      planner: { dialect: "0.8", image: "p", settings: { backend: "trtllm", ttft: 200 }, scaling: "none" },
    });
    expect(stream.map(({ kind }) => kind)).toEqual(["ConfigMap", "DynamoGraphDeployment"]);
    const { Frontend, decode, prefill, Planner } = components(stream[1]!);
    const shared = ["--model-path", "Qwen/Qwen3-32B", "--model-name", "Qwen/Qwen3-32B", "--speedup-ratio", "1.0"];
    const data = ["--planner-profile-data", "/workspace/profiling_results"];
    expect(decode!.args).toEqual([...shared, ...data, "--is-decode-worker"]);
    expect(prefill!.args).toEqual([...shared, ...data, "--is-prefill-worker"]);
    expect(Planner!.args[0]).toBe("--backend=mocker");
    for (const part of [Frontend!, decode!, prefill!]) expect(part.container.image).toBe(disaggPlan().image);
    for (const { fields } of [Frontend!, decode!, prefill!, Planner!]) {
      expect(fields.dynamoNamespace).toBe("mocker-disagg");
    }
    expect([decode!.fields.envFromSecret, decode!.type, prefill!.type]).toEqual([
      "hf-token-secret",
      "decode",
      "prefill",
    ]);
  });

  it("[R117] [R118] takes the engines' place: no GPUs, no engine, replicas of the plan", () => {
    const parts = rendered({ decode: { layout: engineLayout("tp4"), replicas: 3 } });
    expect(Object.keys(parts)).toEqual(["Frontend", "decode", "prefill"]);
    expect(parts.decode!.replicas).toBe(3);
    for (const { container, gpus } of [parts.decode!, parts.prefill!]) {
      expect(container.command).toEqual(["python3", "-m", "dynamo.mocker"]);
      expect([gpus, container.resources]).toEqual([undefined, undefined]);
    }
    expect(JSON.stringify(documents())).not.toContain("dynamo.vllm");
  });

  it("[R118] [R119] replays the profile where there is one", () => {
    const stream = documents({ profile: PROFILE });
    expect(stream.map(({ metadata }) => metadata!.name)).toEqual(["planner-profile-data-9c0e", "mocker-disagg"]);
    const { Frontend, decode, prefill } = components(stream[1]!);
    for (const { args, container, volumes } of [decode!, prefill!]) {
      expect(flagValue(args, "--planner-profile-data")).toBe("/workspace/profiling_results");
      expect(container.volumeMounts).toEqual([
        { name: "planner-profile-data-9c0e", mountPath: "/workspace/profiling_results", readOnly: true },
      ]);
      expect(volumes).toEqual([
        { name: "planner-profile-data-9c0e", configMap: { name: "planner-profile-data-9c0e" } },
      ]);
    }
    expect(Frontend!.volumes).toEqual([]);
  });

  it("[R117] asks the estimator where there is no profile, for each worker's own layout", () => {
    const estimator = { backend: "trtllm", backendVersion: "1.3.0rc10", system: "h200_sxm" } as const;
    const plan = {
      mocker: mocker({ estimator }),
      prefill: { layout: engineLayout("tp2"), replicas: 1 },
      decode: { layout: engineLayout("dep8"), replicas: 1 },
    };
    const { decode, prefill } = rendered(plan);
    const sizes = (args: string[]) =>
      ["tp-size", "moe-tp-size", "moe-ep-size", "attention-dp-size"].map((size) => flagValue(args, `--aic-${size}`));
    expect(sizes(decode!.args)).toEqual(["1", "1", "8", "8"]);
    expect(sizes(prefill!.args)).toEqual(["2", "2", "1", "1"]);
    expect(decode!.args).not.toContain("--engine-type");
    expect(rendered({ ...plan, profile: PROFILE }).decode!.args).not.toContain("--aic-perf-model");
  });

  it("an aggregated one has one worker without a role", () => {
    const agg = { layout: engineLayout("tp1"), replicas: 2 };
    const parts = rendered({ mode: "agg", agg });
    expect(Object.values(parts).map(({ name, type, replicas }) => [name, type, replicas])).toEqual([
      ["Frontend", "frontend", 1],
      ["decode", "worker", 2],
    ]);
    expect(parts.decode!.args).not.toContain("--disaggregation-mode");
  });
});

describe("our mocker", () => {
  const ours = { mocker: mocker({ flavour: "understudy", image: "understudy:0.1.0" }) };

  it("[R117] serves on the operator's system port, and is found by the operator's labels", () => {
    const { Frontend, decode, prefill } = rendered(ours);
    expect(Frontend!.container.command).toEqual(["understudy", "frontend"]);
    expect(flagValue(Frontend!.args, "--kube-selector")).toBe(
      "nvidia.com/dynamo-graph-deployment-name=mocker-disagg,nvidia.com/dynamo-component-type in (worker,prefill,decode)",
    );
    for (const { container, args } of [decode!, prefill!]) {
      expect(container).toMatchObject({ image: "understudy:0.1.0", command: ["understudy", "mocker"] });
      expect([flagValue(args, "--port"), flagValue(args, "--host")]).toEqual(["9090", "0.0.0.0"]);
      expect(container).toMatchObject({ ports: [{ name: "system", containerPort: 9090 }] });
    }
    expect(flagValue(prefill!.args, "--disaggregation-mode")).toBe("prefill");
  });

  it("[R118] replays the mounted profile, in v1alpha1 as well", () => {
    for (const version of ["v1alpha1", "v1beta1"] as const) {
      const { decode } = rendered({ ...ours, version, profile: PROFILE });
      expect(flagValue(decode!.args, "--profile")).toBe("/workspace/profiling_results");
      expect(decode!.container.volumeMounts).toHaveLength(1);
    }
  });

  it("a model cache tells its frontend nothing that it does not know", () => {
    const modelCache = { pvcName: "c", pvcPath: "m", mountPath: "/opt/c" };
    const { Frontend, decode } = rendered({ ...ours, modelCache });
    expect(Frontend!.args).not.toContain("--model-name");
    expect(flagValue(decode!.args, "--model-path")).toBe("/opt/c/m");
  });
});
