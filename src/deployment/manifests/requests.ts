import { backendImage } from "../images.ts";
import type { KubernetesObject } from "../types.ts";
import { isPlaceholder, type ManifestOptions, REGISTRY, RELEASES } from "./options.ts";

export type SampleName = "online" | "aic" | "moe";

interface Sample {
  name: string;
  model: string;
  backend: "vllm" | "sglang" | "trtllm";
  sla: { isl: number; osl: number; ttft: number; itl: number };
  aic?: { system: string; model: string; version: string };
  /** ConfigMap with the DGD to start from. */
  base?: { name: string; key: string };
}

/** The three requests that the documents begin with. */
const SAMPLES: Record<SampleName, Sample> = {
  online: {
    name: "sla-online",
    model: "Qwen/Qwen3-0.6B",
    backend: "vllm",
    sla: { isl: 3000, osl: 150, ttft: 200, itl: 20 },
  },
  aic: {
    name: "sla-aic",
    model: "Qwen/Qwen3-32B",
    backend: "trtllm",
    sla: { isl: 3000, osl: 150, ttft: 500, itl: 30 },
    aic: { system: "h200_sxm", model: "QWEN3_32B", version: "0.20.0" },
  },
  moe: {
    name: "sla-moe",
    model: "deepseek-ai/DeepSeek-R1",
    backend: "sglang",
    sla: { isl: 3000, osl: 150, ttft: 200, itl: 20 },
    base: { name: "deepseek-r1-config", key: "tep16p-dep16d-disagg.yaml" },
  },
};

/** A DynamoGraphDeploymentRequest to start from, with the keys of its generation. */
export function sampleRequest(which: SampleName, options: ManifestOptions): KubernetesObject {
  const sample = SAMPLES[which];
  const placeholder = isPlaceholder(options.image);
  const runtime = `${REGISTRY}/${backendImage("runtime", sample.backend)}:${RELEASES[options.dialect]}`;
  const image = placeholder ? runtime : options.image;
  const metadata = {
    name: sample.name,
    // Requests are read by the profiler itself, too, where nobody fills placeholders in.
    ...(isPlaceholder(options.namespace) ? {} : { namespace: options.namespace }),
  };
  return options.dialect === "1.0" ? v1beta1(sample, metadata, image) : v1alpha1(sample, metadata, image, options);
}

function v1alpha1(
  { model, backend, sla, aic, base }: Sample,
  metadata: { name: string; namespace?: string },
  image: string,
  { dialect }: ManifestOptions,
): KubernetesObject {
  const camel = dialect === "0.8";
  const sweep = camel
    ? {
        useAiConfigurator: aic !== undefined,
        ...(aic && { aicSystem: aic.system, aicHfId: model, aicBackendVersion: aic.version }),
      }
    : {
        use_ai_configurator: aic !== undefined,
        ...(aic && { aic_system: aic.system, aic_model_name: aic.model, aic_backend_version: aic.version }),
      };
  // Since 0.8 the model's architecture says whether it has experts.
  const engine = base && !camel ? { engine: { is_moe_model: true } } : {};
  return {
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeploymentRequest",
    metadata,
    spec: {
      model,
      backend,
      profilingConfig: {
        profilerImage: image,
        config: { ...engine, sweep, sla },
        ...(base && { configMapRef: base }),
      },
      deploymentOverrides: { workersImage: image },
      autoApply: true,
    },
  };
}

function v1beta1(sample: Sample, metadata: { name: string; namespace?: string }, image: string): KubernetesObject {
  const { model, backend, sla, aic } = sample;
  return {
    apiVersion: "nvidia.com/v1beta1",
    kind: "DynamoGraphDeploymentRequest",
    metadata,
    spec: {
      model,
      backend,
      image,
      searchStrategy: aic ? "rapid" : "thorough",
      hardware: { gpuSku: aic?.system ?? "h200_sxm", numGpusPerNode: 8 },
      workload: { isl: sla.isl, osl: sla.osl },
      sla: { ttft: sla.ttft, itl: sla.itl },
      autoApply: true,
    },
  };
}
