import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  type KubernetesObject,
  MANIFEST_DEFAULTS,
  MANIFESTS,
  type ManifestOptions,
  manifestYaml,
} from "#src/deployment";

type Json = Record<string, unknown>;

const build = (name: string, options: Partial<ManifestOptions> = {}) =>
  MANIFESTS.find((manifest) => manifest.name === name)!.build({ ...MANIFEST_DEFAULTS, dialect: "0.3", ...options });

interface PodSpec extends Json {
  containers: (Json & {
    name: string;
    command: string[];
    args: string[];
    env: Json[];
    image: string;
    volumeMounts: Json[];
  })[];
  volumes: Json[];
}

const podOf = (job: KubernetesObject) => (job.spec as { template: { spec: PodSpec } }).template.spec;
const envOf = (container: { env: Json[] }) =>
  Object.fromEntries(container.env.map(({ name, ...rest }) => [name, rest.value ?? rest.valueFrom]));

describe("the Job of 0.3", () => {
  const [job] = build("profiling-job");
  const pod = podOf(job!);

  it("[R132] [R136] is profile-sla, runs once, and takes everything from its command line", () => {
    expect([job!.kind, job!.metadata!.name, (job!.spec as Json).backoffLimit]).toEqual(["Job", "profile-sla", 0]);
    expect([pod.serviceAccountName, pod.restartPolicy]).toEqual(["profile-sla-sa", "Never"]);
    const [container] = pod.containers;
    expect(container!.args.join(" ")).toBe(
      `--config \${DGD_CONFIG_FILE} --output-dir /workspace/profiling_results --namespace \${NAMESPACE}` +
        " --min-num-gpus-per-engine 1 --max-num-gpus-per-engine 8 --isl 3000 --osl 150 --ttft 200 --itl 20",
    );
    expect(container!.resources).toEqual({ requests: { cpu: "16", memory: "10Gi" } });
    expect(pod.volumes).toEqual([{ name: "output-volume", persistentVolumeClaim: { claimName: "profiling-pvc" } }]);
  });

  it("[R135] has NAMESPACE, DOCKER_IMAGE and DGD_CONFIG_FILE to be filled in", () => {
    const text = manifestYaml([job!]);
    expect(text.split("\n")[0]).toBe("# To be filled in (envsubst): DGD_CONFIG_FILE, DOCKER_IMAGE, NAMESPACE");
    const values: Record<string, string> = { NAMESPACE: "team", DOCKER_IMAGE: "i:1", DGD_CONFIG_FILE: "/d.yaml" };
    const filled = parse(text.replace(/\$\{?([A-Za-z_]+)\}?/g, (_, name) => values[name] ?? "")) as KubernetesObject;
    const [container] = podOf(filled).containers;
    expect([filled.metadata!.namespace, container!.image]).toEqual(["team", "i:1"]);
    expect(container!.args.slice(0, 2)).toEqual(["--config", "/d.yaml"]);
    expect(envOf(container!)).toMatchObject({
      NATS_SERVER: "nats://team-nats:4222",
      ETCD_ENDPOINTS: "team-etcd:2379",
    });
  });

  it("[R139] takes the Hugging Face token from a secret that need not be there", () => {
    expect(envOf(pod.containers[0]!).HUGGING_FACE_HUB_TOKEN).toEqual({
      secretKeyRef: { name: "hf-token-secret", key: "HF_TOKEN", optional: true },
    });
  });

  it("[R197] keeps to the range of GPUs that it is given", () => {
    const [ranged] = build("profiling-job", { minGpusPerEngine: 4, maxGpusPerEngine: 8 });
    expect(podOf(ranged!).containers[0]!.args.join(" ")).toContain(
      "--min-num-gpus-per-engine 4 --max-num-gpus-per-engine 8",
    );
  });

  it("runs our profiler as well, with the same flags, told to measure in the cluster", () => {
    const [ours] = build("profiling-job", { flavour: "understudy" });
    expect(podOf(ours!).containers[0]!.command).toEqual(["understudy", "profile"]);
    expect(podOf(ours!).containers[0]!.args).toEqual([...pod.containers[0]!.args, "--deploy-to", "kubernetes"]);
  });
});

const request = (spec: Json, apiVersion = "nvidia.com/v1alpha1"): KubernetesObject => ({
  apiVersion,
  kind: "DynamoGraphDeploymentRequest",
  metadata: { name: "mine", namespace: "team", uid: "u-1" },
  spec,
});

describe("the Job of a v1alpha1 request", () => {
  const spec = {
    model: "m",
    backend: "sglang",
    enableGpuDiscovery: true,
    profilingConfig: {
      profilerImage: "p:1",
      config: { sla: { isl: 1 }, engine: { is_moe_model: true }, deployment: { model: "other" } },
      configMapRef: { name: "base" },
    },
  };
  const job = (dialect: "0.6" | "0.8", over: Json = {}) =>
    build("profiling-job", {
      dialect,
      request: request({ ...spec, profilingConfig: { ...spec.profilingConfig, ...over } }),
    })[0]!;

  it("[R138] is the operator's: names, labels, retries, account, pull secret", () => {
    const made = job("0.6");
    expect(made.metadata).toEqual({
      name: "profile-mine",
      namespace: "team",
      labels: { app: "dynamo-profiler", dgdr: "mine", "nvidia.com/managed-by": "dynamo-operator" },
    });
    expect((made.spec as Json).backoffLimit).toBe(3);
    expect(podOf(made)).toMatchObject({
      serviceAccountName: "dgdr-profiling-job",
      imagePullSecrets: [{ name: "nvcr-imagepullsecret" }],
    });
    expect(envOf(podOf(made).containers[0]!)).toMatchObject({ DGDR_NAME: "mine", DGDR_UID: "u-1" });
    const estimating = job("0.6", { config: { sweep: { use_ai_configurator: true } } });
    expect(estimating.metadata!.labels!.app).toBe("aic-profiler");
  });

  it("[R017] [R138] gives the config with what the controller knows, and the base DGD of the ConfigMap", () => {
    const pod = podOf(job("0.6"));
    const [profiler] = pod.containers;
    const [flag, config, ...more] = profiler!.args;
    expect([flag, more]).toEqual(["--profile-config", ["--enable-gpu-discovery"]]);
    expect(parse(config!)).toEqual({
      sla: { isl: 1 },
      engine: { is_moe_model: true, backend: "sglang", config: "/config/disagg.yaml" },
      deployment: { model: "m" },
      output_dir: "/data",
    });
    const volume = (key: string) => ({
      name: "profiling-config",
      configMap: { name: "base", items: [{ key, path: "disagg.yaml" }] },
    });
    expect(pod.volumes).toContainEqual(volume("disagg.yaml"));
    const keyed = job("0.6", { configMapRef: { name: "base", key: "moe.yaml" } });
    expect(podOf(keyed).volumes).toContainEqual(volume("moe.yaml"));
  });

  it("[R138] keeps its results on dynamo-pvc in 0.6, since then where the request says", () => {
    const output = (made: KubernetesObject) => podOf(made).volumes.find(({ name }) => name === "profiling-output");
    expect(output(job("0.6"))).toMatchObject({ persistentVolumeClaim: { claimName: "dynamo-pvc" } });
    expect(output(job("0.8"))).toMatchObject({ emptyDir: {} });
    expect(output(job("0.8", { outputPVC: "mine" }))).toMatchObject({ persistentVolumeClaim: { claimName: "mine" } });
    const placed = job("0.8", { nodeSelector: { a: "b" }, tolerations: [{ key: "gpu" }], resources: { limits: {} } });
    expect(podOf(placed)).toMatchObject({ nodeSelector: { a: "b" }, tolerations: [{ key: "gpu" }] });
    expect(podOf(placed).containers[0]!.resources).toEqual({ limits: {} });
  });

  it("[R130] [R138] a sidecar keeps deployment and samples in the output ConfigMap", () => {
    const sidecar = podOf(job("0.6")).containers[1]!;
    expect([sidecar.name, sidecar.image]).toEqual(["output-copier", "bitnami/kubectl:latest"]);
    const [script] = sidecar.args;
    expect(script).toContain("sleep 5");
    expect(script).toMatch(/delete configmap dgdr-output-mine[\s\S]*create configmap dgdr-output-mine/);
    expect(script).toContain("--from-file=config_with_planner.yaml=/data/config_with_planner.yaml");
    expect(script).toContain("selected_decode_interpolation/raw_data.npz");
  });

  it("has no placeholders: envsubst would take its scripts' variables for some", () => {
    const sample = build("profiling-job", { dialect: "0.8" })[0]!;
    expect(manifestYaml([sample])).not.toMatch(/\$\{(NAMESPACE|DOCKER_IMAGE|DGD_CONFIG_FILE)\}/);
    expect(sample.metadata!.namespace).toBeUndefined();
  });

  it("a request without an image, or of the other generation, is refused", () => {
    expect(() => job("0.6", { profilerImage: "" })).toThrow(/expected an image/);
    expect(() => build("profiling-job", { dialect: "1.0", request: request(spec) })).toThrow(
      /expected nvidia.com\/v1beta1 for dialect 1.0/,
    );
  });
});

describe("the Job of a v1beta1 request", () => {
  const spec = {
    model: "m",
    image: "p:1",
    modelCache: { pvcName: "cache", pvcMountPath: "/models" },
    overrides: {
      profilingJob: {
        activeDeadlineSeconds: 60,
        template: { spec: { containers: [{ name: "profiler", env: [{ name: "DGDR_NAME", value: "x" }] }] } },
      },
    },
  };
  const [job] = build("profiling-job", { dialect: "1.0", request: request(spec, "nvidia.com/v1beta1") });
  const pod = podOf(job!);

  it("[R138] gives the spec as JSON, as nobody special, without retries", () => {
    const [profiler] = pod.containers;
    expect(profiler).toMatchObject({ image: "p:1", workingDir: "/workspace" });
    expect(profiler!.command).toEqual(["python", "-m", "dynamo.profiler"]);
    expect(JSON.parse(profiler!.args[1]!)).toEqual(spec);
    expect(profiler!.args.slice(2)).toEqual(["--output-dir", "/data"]);
    expect((job!.spec as Json).backoffLimit).toBe(0);
    expect(pod.securityContext).toEqual({ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 });
    expect(pod.volumes).toContainEqual({ name: "profiling-output", emptyDir: {} });
  });

  it("[R175] mounts the model cache, read-only", () => {
    expect(pod.volumes).toContainEqual({
      name: "model-cache",
      persistentVolumeClaim: { claimName: "cache", readOnly: true },
    });
    expect(pod.containers[0]!.volumeMounts).toContainEqual({
      name: "model-cache",
      mountPath: "/models",
      readOnly: true,
    });
  });

  it("takes the request's overrides, containers by name", () => {
    expect((job!.spec as Json).activeDeadlineSeconds).toBe(60);
    expect(pod.containers.map(({ name }) => name)).toEqual(["profiler", "output-copier"]);
    expect([envOf(pod.containers[0]!).DGDR_NAME, pod.containers[0]!.image]).toEqual(["x", "p:1"]);
  });

  it("[R138] its sidecar relays phases, and ends well whatever came of the profiler", () => {
    const [script] = pod.containers[1]!.args;
    for (const part of ["phase", "message", "profiler_status", "profiler_error", "final_config.yaml", "sleep 10"]) {
      expect(script).toContain(part);
    }
    expect(script).toContain("seq 120");
    expect(script!.trimEnd()).toMatch(/exit 0$/);
  });
});

describe("accounts and roles", () => {
  it("[R133] [R180] the account pulls images with the secret", () => {
    for (const [dialect, name] of [
      ["0.3", "profile-sla-sa"],
      ["0.6", "dgdr-profiling-job"],
    ] as const) {
      expect(build("service-account", { dialect })).toMatchObject([
        { kind: "ServiceAccount", metadata: { name }, imagePullSecrets: [{ name: "nvcr-imagepullsecret" }] },
      ]);
    }
  });

  it("[R134] the role deploys candidates and reads their logs, bound to the account", () => {
    const [role] = build("role");
    expect([role!.kind, role!.metadata!.name]).toEqual(["Role", "profile-sla-role"]);
    expect(role!.rules).toEqual([
      { apiGroups: ["nvidia.com"], resources: ["dynamographdeployments"], verbs: ["get", "create", "delete"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
      { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    ]);
    expect(build("role-binding")).toMatchObject([
      {
        kind: "RoleBinding",
        metadata: { name: "profile-sla-binding" },
        roleRef: { kind: "Role", name: "profile-sla-role" },
        subjects: [{ kind: "ServiceAccount", name: "profile-sla-sa" }],
      },
    ]);
  });

  it("[R134] for a whole cluster it reads nodes, too", () => {
    const [role] = build("role", { cluster: true });
    expect([role!.kind, role!.metadata!.namespace]).toEqual(["ClusterRole", undefined]);
    expect(role!.rules).toContainEqual({ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] });
    expect(build("role-binding", { cluster: true })).toMatchObject([
      { kind: "ClusterRoleBinding", roleRef: { kind: "ClusterRole" }, subjects: [{ namespace: `\${NAMESPACE}` }] },
    ]);
  });

  it("[R138] Jobs of requests keep results in ConfigMaps and read their request", () => {
    const objects = build("dgdr-rbac", { dialect: "1.0" });
    expect(objects.map(({ kind }) => kind)).toEqual(["ServiceAccount", "Role", "RoleBinding"]);
    const rules = objects[1]!.rules as { resources: string[]; verbs: string[] }[];
    const verbs = (resource: string) => rules.find(({ resources }) => resources.includes(resource))?.verbs;
    expect(verbs("configmaps")).toEqual(["create", "get", "update", "patch", "delete"]);
    expect(verbs("dynamographdeploymentrequests")).toEqual(["get"]);
    expect(verbs("pods")).toEqual(["list", "get", "create", "delete"]);
    expect(verbs("nodes")).toBeUndefined();
  });
});

describe("secrets and volumes", () => {
  it("[R131] the pull secret has its user's dollar sign after envsubst, too", () => {
    const text = manifestYaml(build("image-pull-secret"));
    const filled = text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, a, b) =>
      ((a ?? b) as string) === "NGC_API_KEY" ? "key" : "",
    );
    const secret = parse(filled) as { metadata: Json; type: string; stringData: Record<string, string> };
    expect([secret.metadata.name, secret.type]).toEqual(["nvcr-imagepullsecret", "kubernetes.io/dockerconfigjson"]);
    expect(JSON.parse(secret.stringData[".dockerconfigjson"]!)).toEqual({
      auths: { "nvcr.io": { username: "$oauthtoken", password: "key" } },
    });
  });

  it("[R139] the Hugging Face secret has the key that workers read", () => {
    expect(build("hf-secret")).toMatchObject([
      { metadata: { name: "hf-token-secret" }, stringData: { HF_TOKEN: `\${HF_TOKEN}` } },
    ]);
  });

  it("[R132] the volume is one node's in 0.3, shared since", () => {
    const claim = (options: Partial<ManifestOptions>) => build("pvc", options)[0]!;
    expect(claim({})).toMatchObject({
      metadata: { name: "profiling-pvc" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "50Gi" } } },
    });
    expect(claim({ dialect: "0.6" })).toMatchObject({
      metadata: { name: "dynamo-pvc" },
      spec: { accessModes: ["ReadWriteMany"] },
    });
    expect(
      claim({ claim: { name: "x", size: "1Gi", accessMode: "ReadOnlyMany", storageClass: "fast" } }),
    ).toMatchObject({
      metadata: { name: "x" },
      spec: { accessModes: ["ReadOnlyMany"], storageClassName: "fast", resources: { requests: { storage: "1Gi" } } },
    });
  });

  it("[R130] a pod can copy the results from it", () => {
    const [pod] = build("access-pod");
    expect(pod!.spec).toMatchObject({ volumes: [{ persistentVolumeClaim: { claimName: "profiling-pvc" } }] });
  });
});

it("[R132] [R188] files are named as the documents name them", () => {
  const files = MANIFESTS.map(({ file }) => file);
  expect(files).toEqual(
    expect.arrayContaining([
      ...["profiling_pvc.yaml", "profile_sla_sa.yaml", "profile_sla_rbac.yaml", "profile_sla_binding.yaml"],
      ...["profile_sla_job.yaml", "profile_sla_dgdr.yaml", "profile_sla_aic_dgdr.yaml", "profile_sla_moe_dgdr.yaml"],
    ]),
  );
  expect(new Set(files).size).toBe(files.length);
});

it("[R177] deployments to start from exist for every backend, mode and generation, with the release's image", () => {
  for (const backend of ["vllm", "sglang", "trtllm"] as const) {
    for (const [dialect, release] of [
      ["0.3", "0.3.2"],
      ["0.6", "0.6.1"],
    ] as const) {
      const [dgd] = build("dgd", { backend, dialect });
      const runtime = backend === "trtllm" ? "tensorrtllm-runtime" : `${backend}-runtime`;
      expect(JSON.stringify(dgd)).toContain(`"nvcr.io/nvidia/ai-dynamo/${runtime}:${release}"`);
    }
  }
});
