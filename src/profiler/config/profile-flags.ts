import type { SettingName } from "./settings.ts";

export type FlagGroup =
  | "Input"
  | "What"
  | "Targets"
  | "Hardware"
  | "Search"
  | "Estimator"
  | "Deployment"
  | "Output"
  | "Planner";

/** Generations of documents that have a flag by this name; `own` is ours alone. */
export type FlagEra = "0.3" | "0.6" | "0.8" | "1.0" | "own";

/** One flag of `understudy profile`. */
export interface ProfileFlag {
  /** Without dashes. */
  name: string;
  /** Other spellings, accepted and not shown. */
  aliases?: readonly string[];
  /** Placeholder of its value; a flag without is a switch. */
  value?: string;
  help: string;
  group: FlagGroup;
  eras: readonly FlagEra[];
  /** What it sets, over whatever a document says. */
  setting?: SettingName;
  /** What a switch sets; true unless said. */
  on?: unknown;
}

const ALL = ["0.3", "0.6", "0.8"] as const;

function planner(name: string, help: string, value?: string): ProfileFlag {
  const flag: ProfileFlag = { name: `planner-${name}`, help, group: "Planner", eras: ["0.6", "0.8"] };
  return value === undefined ? flag : { ...flag, value };
}

/** Every flag, in the order in which help shows them. */
export const PROFILE_FLAGS: readonly ProfileFlag[] = [
  {
    name: "config",
    value: "<file|json>",
    help: "a DGDR (v1alpha1, v1beta1), its spec, a profiling config or a base DGD: YAML or JSON file, inline JSON, - for stdin",
    group: "Input",
    eras: ["0.3", "0.6", "0.8", "1.0"],
  },
  {
    name: "profile-config",
    value: "<text|file>",
    help: "profiling config: a Python dict literal, YAML or JSON, or a file of it",
    group: "Input",
    eras: ["0.6", "0.8"],
  },
  { name: "base-dgd", value: "<file>", help: "DGD to start from", group: "Input", eras: ["own"] },
  {
    name: "config-map",
    value: "<file>",
    help: "ConfigMap manifest that a DGDR's configMapRef means",
    group: "Input",
    eras: ["own"],
  },
  {
    name: "dialect",
    value: "<0.3|0.6|0.8|1.0>",
    help: "generation whose names and defaults count (default: the input's own; 0.8 for flags)",
    group: "Input",
    eras: ["own"],
  },

  { name: "model", value: "<id|folder>", help: "model", group: "What", eras: ALL, setting: "model" },
  {
    name: "backend",
    value: "<name>",
    help: "vllm, sglang, trtllm, or auto",
    group: "What",
    eras: ALL,
    setting: "backend",
  },
  {
    name: "is-moe-model",
    help: "sweep expert layouts (TEP, DEP); else read off the model",
    group: "What",
    eras: ["0.6"],
    setting: "isMoe",
  },
  {
    name: "max-context-length",
    value: "<tokens>",
    help: "longest context to profile (0: the model's)",
    group: "What",
    eras: ALL,
    setting: "maxContextLength",
  },

  { name: "isl", value: "<tokens>", help: "input length", group: "Targets", eras: ALL, setting: "isl" },
  { name: "osl", value: "<tokens>", help: "output length", group: "Targets", eras: ALL, setting: "osl" },
  { name: "ttft", value: "<ms>", help: "time to first token, target", group: "Targets", eras: ALL, setting: "ttft" },
  { name: "itl", value: "<ms>", help: "inter-token latency, target", group: "Targets", eras: ALL, setting: "itl" },
  {
    name: "e2e-latency",
    value: "<ms>",
    help: "whole request, target; instead of --ttft and --itl",
    group: "Targets",
    eras: ["own"],
    setting: "e2eLatency",
  },
  {
    name: "request-rate",
    value: "<rate>",
    help: "requests per second to serve",
    group: "Targets",
    eras: ["own"],
    setting: "requestRate",
  },
  {
    name: "concurrency",
    value: "<n>",
    help: "requests at once to serve",
    group: "Targets",
    eras: ["own"],
    setting: "concurrency",
  },
  {
    name: "optimization",
    aliases: ["optimization-type"],
    value: "<latency|throughput>",
    help: "what to favour among what meets the targets",
    group: "Targets",
    eras: ["own"],
    setting: "optimization",
  },

  {
    name: "gpu",
    aliases: ["gpu-sku", "gpu-type", "system"],
    value: "<name>",
    help: "GPU, such as h200_sxm; without a --strategy it means rapid",
    group: "Hardware",
    eras: ["own"],
    setting: "gpuSku",
  },
  {
    name: "total-gpus",
    value: "<n>",
    help: "GPU budget of the whole deployment",
    group: "Hardware",
    eras: ["own"],
    setting: "totalGpus",
  },
  {
    name: "vram-mib",
    aliases: ["vram-mb"],
    value: "<MiB>",
    help: "memory of one GPU",
    group: "Hardware",
    eras: ["own"],
    setting: "vramMib",
  },
  {
    name: "min-num-gpus-per-engine",
    aliases: ["min-num-gpus"],
    value: "<n>",
    help: "fewest GPUs of one engine (0: from model and GPU)",
    group: "Hardware",
    eras: ALL,
    setting: "minGpusPerEngine",
  },
  {
    name: "max-num-gpus-per-engine",
    aliases: ["max-num-gpus"],
    value: "<n>",
    help: "most GPUs of one engine (0: from model and GPU)",
    group: "Hardware",
    eras: ALL,
    setting: "maxGpusPerEngine",
  },
  {
    name: "num-gpus-per-node",
    value: "<n>",
    help: "GPUs of one node (0: from the GPU)",
    group: "Hardware",
    eras: ["0.6", "0.8"],
    setting: "gpusPerNode",
  },
  {
    name: "enable-gpu-discovery",
    help: "take the hardware from --nodes or --dcgm-metrics, over what the config says",
    group: "Hardware",
    eras: ["0.6", "0.8"],
    setting: "enableGpuDiscovery",
  },
  {
    name: "nodes",
    value: "<file>",
    help: "output of `kubectl get nodes -o json` to discover GPUs in (- for stdin)",
    group: "Hardware",
    eras: ["own"],
  },
  {
    name: "dcgm-metrics",
    value: "<file>",
    help: "metrics of the DCGM exporters to discover GPUs in (- for stdin)",
    group: "Hardware",
    eras: ["own"],
  },
  {
    name: "namespace-restricted",
    help: "as an operator that sees one namespace: no GPU discovery",
    group: "Hardware",
    eras: ["own"],
  },

  {
    name: "strategy",
    aliases: ["search-strategy"],
    value: "<rapid|thorough>",
    help: "estimate, or deploy and measure",
    group: "Search",
    eras: ["own"],
    setting: "strategy",
  },
  {
    name: "prefill-interpolation-granularity",
    value: "<n>",
    help: "input lengths to sample (default: 16)",
    group: "Search",
    eras: ["0.3", "0.6", "0.8", "1.0"],
    setting: "prefillGranularity",
  },
  {
    name: "decode-interpolation-granularity",
    value: "<n>",
    help: "loads and context lengths to sample; cost grows with its square (default: 6)",
    group: "Search",
    eras: ["0.3", "0.6", "0.8", "1.0"],
    setting: "decodeGranularity",
  },
  {
    name: "interpolation",
    aliases: ["pre-deployment-sweeping-mode"],
    value: "<rapid|thorough|none>",
    help: "how the picked engines are sampled for the planner",
    group: "Search",
    eras: ["own"],
    setting: "interpolation",
  },
  {
    name: "skip-existing-results",
    aliases: ["skip-existing"],
    help: "keep the results of candidates that an earlier run left",
    group: "Search",
    eras: ["0.6"],
    setting: "skipExisting",
  },
  {
    name: "force-rerun",
    help: "measure all again, over --skip-existing-results",
    group: "Search",
    eras: ["0.6"],
    setting: "forceRerun",
  },
  {
    name: "dry-run",
    help: "deploy and measure nothing",
    group: "Search",
    eras: ["0.3", "0.6", "0.8", "1.0"],
    setting: "dryRun",
  },
  {
    name: "deployment-timeout",
    value: "<s>",
    help: "longest wait for a candidate (default: 1800; 3600 for a v1beta1 request)",
    group: "Search",
    eras: ["0.8", "1.0"],
    setting: "deploymentTimeoutS",
  },

  {
    name: "use-ai-configurator",
    help: "rapid: numbers of the estimator instead of measurements",
    group: "Estimator",
    eras: ["0.6", "0.8"],
    setting: "useAiConfigurator",
  },
  {
    name: "aic-system",
    value: "<name>",
    help: "GPU that the estimator plays, such as h200_sxm",
    group: "Estimator",
    eras: ["0.6", "0.8"],
    setting: "aicSystem",
  },
  {
    name: "aic-model-name",
    value: "<name>",
    help: "model by the estimator's name, such as QWEN3_32B",
    group: "Estimator",
    eras: ["0.6"],
    setting: "aicModelName",
  },
  {
    name: "aic-hf-id",
    value: "<id>",
    help: "model by its Hugging Face id",
    group: "Estimator",
    eras: ["0.8"],
    setting: "aicHfId",
  },
  {
    name: "aic-backend",
    value: "<name>",
    help: "backend that the estimator plays (default: --backend)",
    group: "Estimator",
    eras: ["0.6", "0.8"],
    setting: "aicBackend",
  },
  {
    name: "aic-backend-version",
    aliases: ["backend-version"],
    value: "<version>",
    help: "its version (default: the newest well-covered one)",
    group: "Estimator",
    eras: ["0.6", "0.8"],
    setting: "aicBackendVersion",
  },
  {
    name: "estimator",
    value: "<built-in|aiconfigurator>",
    help: "who estimates: what we ship, or the installed aiconfigurator package",
    group: "Estimator",
    eras: ["own"],
    setting: "estimator",
  },

  {
    name: "image",
    value: "<image>",
    help: "image of the profiler, from which others are named",
    group: "Deployment",
    eras: ["own"],
    setting: "profilerImage",
  },
  {
    name: "dgd-image",
    aliases: ["workers-image"],
    value: "<image>",
    help: "image of frontend and workers",
    group: "Deployment",
    eras: ["0.6", "0.8"],
    setting: "workersImage",
  },
  {
    name: "namespace",
    value: "<name>",
    help: "Kubernetes namespace",
    group: "Deployment",
    eras: ALL,
    setting: "namespace",
  },
  {
    name: "service-name",
    value: "<name>",
    help: "service of the deployment that serves it",
    group: "Deployment",
    eras: ALL,
    setting: "serviceName",
  },
  {
    name: "model-cache-pvc-name",
    value: "<name>",
    help: "PVC with the model's weights",
    group: "Deployment",
    eras: ["0.8"],
    setting: "modelCachePvcName",
  },
  {
    name: "model-cache-pvc-path",
    value: "<path>",
    help: "the model's folder in it",
    group: "Deployment",
    eras: ["0.8"],
    setting: "modelCachePvcPath",
  },
  {
    name: "model-cache-pvc-mount-path",
    value: "<path>",
    help: "where it is mounted (default: /opt/model-cache)",
    group: "Deployment",
    eras: ["0.8"],
    setting: "modelCacheMountPath",
  },
  {
    name: "mocker",
    aliases: ["use-mocker"],
    help: "the deployment's workers are mockers",
    group: "Deployment",
    eras: ["own"],
    setting: "useMocker",
  },
  {
    name: "mocker-flavour",
    value: "<dynamo|understudy>",
    help: "whose mocker a mocker deployment runs",
    group: "Deployment",
    eras: ["own"],
    setting: "mockerFlavour",
  },
  {
    name: "auto-apply",
    help: "deploy the result where there is a cluster",
    group: "Deployment",
    eras: ["own"],
    setting: "autoApply",
  },

  {
    name: "output-dir",
    value: "<folder>",
    help: "where results go (default: profiling_results)",
    group: "Output",
    eras: ["0.3", "0.6", "0.8", "1.0"],
    setting: "outputDir",
  },
  {
    name: "pick-with-webui",
    help: "pick the engines on a page instead of automatically",
    group: "Output",
    eras: ["0.8"],
    setting: "pickWithWebui",
  },
  {
    name: "webui-port",
    value: "<port>",
    help: "its port (default: $PROFILER_WEBUI_PORT or 8000)",
    group: "Output",
    eras: ["0.8"],
    setting: "webuiPort",
  },
  {
    name: "webui-host",
    value: "<address>",
    help: "address it listens on (default: 127.0.0.1)",
    group: "Output",
    eras: ["own"],
    setting: "webuiHost",
  },
  {
    name: "webui-timeout",
    value: "<s>",
    help: "longest wait for a pick (default: 3600)",
    group: "Output",
    eras: ["own"],
    setting: "webuiTimeoutS",
  },

  planner("environment", "kubernetes or virtual", "<name>"),
  planner("no-operation", "decide, never scale"),
  planner("log-dir", "folder of its logs", "<folder>"),
  planner("adjustment-interval", "seconds between decisions", "<s>"),
  planner("max-gpu-budget", "GPUs that it may use", "<n>"),
  planner("min-endpoint", "replicas that always remain", "<n>"),
  planner("decode-engine-num-gpu", "GPUs of a decode engine", "<n>"),
  planner("prefill-engine-num-gpu", "GPUs of a prefill engine", "<n>"),
  planner("profile-results-dir", "folder of the profile", "<folder>"),
  planner("load-predictor", "constant, arima, prophet, kalman or linear", "<name>"),
  planner("load-prediction-window-size", "intervals that the predictor sees", "<n>"),
  planner("prometheus-port", "port of its own metrics; 0 for none", "<port>"),
  planner("no-correction", "trust the profile as it is"),
  planner("model-name", "model, where the environment is virtual", "<name>"),
];
