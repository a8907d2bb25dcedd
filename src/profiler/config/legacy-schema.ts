import { z } from "zod";
import { field, plain, section } from "./field.ts";

const MIN_PRESET = "1; from model and GPU where a GPU is known, or for 0";
const MAX_PRESET = "8; from model and GPU where a GPU is known, or for 0";
const AS_HARDWARE = (name: string) => `As \`hardware.${name}\``;

const aicSystem = field("aicSystem", "GPU that the estimator plays, such as `h200_sxm`; required for rapid profiling", {
  preset: "the GPU that is known otherwise",
});
const aicModelName = field("aicModelName", "Model by the AI Configurator's own name, such as `QWEN3_32B`", {
  preset: "the deployment's model",
});
const aicHfId = field("aicHfId", "Model by its Hugging Face id", { preset: "the deployment's model" });
const aicBackend = field("aicBackend", "Backend that the estimator plays", { preset: "the engine's backend" });
const aicBackendVersion = field("aicBackendVersion", 'Its version, such as `"1.3.0rc20"`', {
  preset: "the newest well-covered one",
});

/**
 * The profiling config of 0.6 and 0.8: `--profile-config`, and `spec.profilingConfig.config` of a DGDR v1alpha1. Keys in snake_case
 * here; documents may write camelCase and hyphens as well.
 */
export const profilingConfigSchema = z.object({
  output_dir: field("outputDir", "Folder of the results", { preset: "`profiling_results`" }),
  deployment_ready_timeout_s: field("deploymentTimeoutS", "As `deployment.deployment_timeout`"),
  deployment: section(
    {
      namespace: field("namespace", "Kubernetes namespace of candidates", { preset: "`dynamo-sla-profiler`" }),
      service_name: field("serviceName", "Service of the deployment that answers requests"),
      model: field("model", "Model; set from `spec.model` of a DGDR"),
      dgd_image: field("workersImage", "Image of frontend and workers", { preset: "the base DGD's" }),
      deployment_timeout: field("deploymentTimeoutS", "Longest wait for a candidate to be ready, s", {
        preset: "1800",
      }),
      model_cache: section(
        {
          pvc_name: field("modelCachePvcName", "PVC with the model's weights"),
          pvc_path: field("modelCachePvcPath", "Folder of the model in it"),
          mount_path: field("modelCacheMountPath", "Where it is mounted", { preset: "`/opt/model-cache`" }),
        },
        "Weights from a volume instead of a download (0.8)",
      ),
    },
    "What is deployed",
  ),
  engine: section(
    {
      backend: field("backend", "Inference backend; set from `spec.backend` of a DGDR", { preset: "`vllm`" }),
      config: field("baseConfig", "File of the DGD to start from; set from `configMapRef` of a DGDR"),
      max_context_length: field("maxContextLength", "Longest context to profile, tokens; 0: the model's own", {
        preset: "0",
      }),
      is_moe_model: field("isMoe", "Sweep expert layouts (TEP, DEP) instead of tensor parallelism", {
        preset: "read off the model's architecture",
      }),
    },
    "The engine",
  ),
  hardware: section(
    {
      min_num_gpus_per_engine: field(
        "minGpusPerEngine",
        "Fewest GPUs of one engine; larger values skip small layouts",
        {
          aliases: ["min_num_gpus"],
          preset: MIN_PRESET,
        },
      ),
      max_num_gpus_per_engine: field("maxGpusPerEngine", "Most GPUs of one engine; the sweep stops there", {
        aliases: ["max_num_gpus"],
        preset: MAX_PRESET,
      }),
      num_gpus_per_node: field("gpusPerNode", "GPUs of one node: stride of the MoE sweep, bound of dense engines", {
        preset: "8; the GPU's own where it is known",
      }),
      enable_gpu_discovery: field("enableGpuDiscovery", "As `spec.enableGpuDiscovery`", { preset: "`false`" }),
      gpu_type: field("gpuType", "Hint on the GPU, such as `h200_sxm`; anything that says it otherwise counts more", {
        aliases: ["gpu_model"],
      }),
      gpu_vram_mib: field("vramMib", "Memory of one GPU, MiB", { preset: "the GPU's own" }),
    },
    "GPUs",
  ),
  sweep: section(
    {
      skip_existing_results: field("skipExisting", "Keep the results of candidates that an earlier run left", {
        preset: "`false`",
      }),
      force_rerun: field("forceRerun", "Measure all again, over `skip_existing_results`", { preset: "`false`" }),
      prefill_interpolation_granularity: field("prefillGranularity", "Input lengths to sample", { preset: "16" }),
      decode_interpolation_granularity: field(
        "decodeGranularity",
        "Loads, and context lengths, to sample: cost grows with its square",
        { preset: "6" },
      ),
      use_ai_configurator: field("useAiConfigurator", "Rapid: numbers of the estimator instead of measurements", {
        preset: "`false`",
      }),
      aic_system: aicSystem,
      aic_model_name: aicModelName,
      aic_hf_id: aicHfId,
      aic_backend: aicBackend,
      aic_backend_version: aicBackendVersion,
      dry_run: field("dryRun", "Deploy and measure nothing", { preset: "`false`" }),
      pick_with_webui: field("pickWithWebui", "Pick the engines on a page (0.8)", { preset: "`false`" }),
      webui_port: field("webuiPort", "Its port", { preset: "`$PROFILER_WEBUI_PORT` or 8000" }),
      min_num_gpus_per_engine: field("minGpusPerEngine", AS_HARDWARE("min_num_gpus_per_engine"), {
        aliases: ["min_num_gpus"],
      }),
      max_num_gpus_per_engine: field("maxGpusPerEngine", AS_HARDWARE("max_num_gpus_per_engine"), {
        aliases: ["max_num_gpus"],
      }),
      num_gpus_per_node: field("gpusPerNode", AS_HARDWARE("num_gpus_per_node")),
    },
    "How it is swept",
  ),
  sla: section(
    {
      isl: field("isl", "Input length, tokens", { preset: "3000" }),
      osl: field("osl", "Output length, tokens", { preset: "500" }),
      ttft: field("ttft", "Time to first token, target, ms: tighter means more GPUs for prefill", { preset: "50" }),
      itl: field("itl", "Inter-token latency, target, ms: tighter means more GPUs for decode", { preset: "10" }),
    },
    "Targets; required in a DGDR",
  ),
  aic: section(
    {
      system: aicSystem,
      model_name: aicModelName,
      hf_id: aicHfId,
      backend: aicBackend,
      backend_version: aicBackendVersion,
      aic_system: aicSystem,
      aic_model_name: aicModelName,
      aic_hf_id: aicHfId,
      aic_backend: aicBackend,
      aic_backend_version: aicBackendVersion,
    },
    "The estimator; the same keys count in `sweep` and at the top, with `aic_` before them",
  ),
  planner: plain(
    z.record(z.string(), z.unknown()),
    "Settings of the planner, each with `planner_` before its name (or without); passed on",
    { free: true },
  ),
  aic_system: aicSystem,
  aic_model_name: aicModelName,
  aic_hf_id: aicHfId,
  aic_backend: aicBackend,
  aic_backend_version: aicBackendVersion,
});
