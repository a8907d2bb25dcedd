import { z } from "zod";
import { field, nullableField, plain, section } from "./field.ts";

const anything = z.unknown();
const record = z.record(z.string(), z.unknown());
const MODEL = "Hugging Face id, or a folder with a `config.json`";

const metadata = section(
  {
    name: plain(z.string(), "Name of the request; generated names begin with it"),
    namespace: plain(z.string(), "Kubernetes namespace"),
    labels: plain(record, "Labels of the request itself", { free: true }),
    annotations: plain(record, "Annotations of the request itself", { free: true }),
  },
  "Kubernetes metadata",
);

/** `spec` of a DGDR v1alpha1 (0.6, 0.8). */
export const v1alpha1SpecSchema = z.object({
  model: field("model", MODEL, { required: true }),
  backend: field("backend", "Inference backend", { required: true }),
  enableGpuDiscovery: field("enableGpuDiscovery", "Discovered hardware overrules what the config says", {
    preset: "`false`",
  }),
  profilingConfig: section(
    {
      profilerImage: field("profilerImage", "Image of the profiling Job", { required: true }),
      config: plain(record, "The profiling config, see below", { required: true, free: true }),
      configMapRef: section(
        {
          name: plain(z.string(), "Name of the ConfigMap", { required: true }),
          key: plain(z.string(), "Key with the DGD", { preset: "`disagg.yaml`" }),
        },
        "ConfigMap with the DGD to start from; locally from the same file, `--config-map` or `--base-dgd`",
      ),
      outputPVC: plain(z.string(), "PVC for all results of the Job (0.8)", { aliases: ["outputPvc"] }),
      resources: plain(record, "Resources of the Job's pod (0.8)", { free: true }),
      tolerations: plain(z.array(anything), "Tolerations of the Job's pod (0.8)", { free: true }),
      nodeSelector: plain(record, "Node selector of the Job's pod (0.8)", { free: true }),
    },
    "The profiling Job",
    { required: true },
  ),
  autoApply: field("autoApply", "Deploy the result", { preset: "`false`" }),
  deploymentOverrides: section(
    {
      name: field("deploymentName", "Name of the DGD", { preset: "the generated one's" }),
      namespace: plain(z.string(), "Namespace of the DGD", { preset: "the request's" }),
      labels: field("labels", "Labels, added to the DGD's", { free: true }),
      annotations: field("annotations", "Annotations, added to the DGD's", { free: true }),
      workersImage: field("workersImage", "Image of frontend and workers", { preset: "the base DGD's" }),
    },
    "Of the generated DGD",
  ),
  useMocker: field("useMocker", "The deployment's workers are mockers (0.8)", { preset: "`false`" }),
  runtimeVersionOverride: field("runtimeVersionOverride", "Dynamo's version, for every component (1.x)"),
});

/** `spec` of a DGDR v1beta1 (1.0). */
export const v1beta1SpecSchema = z.object({
  model: field("model", MODEL, { required: true }),
  backend: field("backend", "Inference backend", { preset: "`auto`" }),
  image: field("profilerImage", "Image of the profiling Job, from which the others are named", { required: true }),
  runtimeVersionOverride: field("runtimeVersionOverride", "Dynamo's version, for every component"),
  modelCache: section(
    {
      pvcName: field("modelCachePvcName", "PVC with the model's weights"),
      pvcModelPath: field("modelCachePvcPath", "Folder of the model in it"),
      pvcMountPath: field("modelCacheMountPath", "Where it is mounted", { preset: "`/opt/model-cache`" }),
    },
    "Weights from a volume instead of a download",
  ),
  hardware: section(
    {
      gpuSku: field("gpuSku", "GPU", { required: true }),
      vramMb: field("vramMib", "Memory of one GPU, MiB", { preset: "the GPU's own", aliases: ["vramMib"] }),
      totalGpus: field("totalGpus", "GPU budget of the whole deployment", { preset: "as discovered, at most 32" }),
      numGpusPerNode: field("gpusPerNode", "GPUs of one node, above 0", { required: true }),
      interconnect: field("interconnect", "Between the GPUs of a node: `nvlink` or `pcie`; information alone"),
      rdma: field("rdma", "Whether nodes have RDMA; information alone"),
    },
    "GPUs; discovered where absent",
    { required: true },
  ),
  workload: section(
    {
      isl: field("isl", "Input length, tokens", { preset: "4000" }),
      osl: field("osl", "Output length, tokens", { preset: "1000" }),
      concurrency: field("concurrency", "Requests at once to serve; not beside `requestRate`"),
      requestRate: field("requestRate", "Requests per second to serve; not beside `concurrency`"),
    },
    "The load",
  ),
  sla: section(
    {
      ttft: nullableField("ttft", "Time to first token, target, ms", { preset: "2000" }),
      itl: nullableField("itl", "Inter-token latency, target, ms", { preset: "30" }),
      e2eLatency: field("e2eLatency", "Whole request, target, ms; needs `ttft: null` and `itl: null`"),
      optimizationType: field("optimization", "What to favour among what meets the targets"),
    },
    "Targets",
  ),
  overrides: section(
    {
      profilingJob: field("overridesJob", "Partial JobSpec, merged into the profiling Job", { free: true }),
      dgd: field("overridesDgd", "Partial DGD with apiVersion and kind, merged into the generated one", { free: true }),
    },
    "Last words",
  ),
  features: section(
    {
      planner: plain(record, "Planner settings, see below; their presence enables the planner", { free: true }),
      mocker: section(
        { enabled: field("useMocker", "The deployment's workers are mockers", { preset: "`false`" }) },
        "Mocker",
      ),
    },
    "What the deployment has beside engines",
  ),
  searchStrategy: field("strategy", "Estimate, or deploy and measure", { preset: "`rapid`" }),
  autoApply: field("autoApply", "Deploy the result", { preset: "`true`" }),
});

const kindOf = { kind: plain(z.literal("DynamoGraphDeploymentRequest"), "Kind", { required: true }), metadata };
const status = plain(anything, "Written by an operator; not read", { free: true });

export const dgdrV1alpha1Schema = z.object({
  apiVersion: plain(z.literal("nvidia.com/v1alpha1"), "Version", { required: true }),
  ...kindOf,
  spec: plain(v1alpha1SpecSchema, "What is asked for", { required: true }),
  status,
});

export const dgdrV1beta1Schema = z.object({
  apiVersion: plain(z.literal("nvidia.com/v1beta1"), "Version", { required: true }),
  ...kindOf,
  spec: plain(v1beta1SpecSchema, "What is asked for", { required: true }),
  status,
});
