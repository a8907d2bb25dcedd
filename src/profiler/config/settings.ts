import { z } from "zod";
import { GPU_SKUS } from "../discovery/skus.ts";

/**
 * Everything that a request can say, once, whatever documents and flags call it: what values it may have. The schemas of the
 * documents are put together from these, and flags are checked by them.
 */
export const settings = {
  model: z.string().min(1),
  backend: z.enum(["auto", "vllm", "sglang", "trtllm"]),
  baseConfig: z.string(),
  isMoe: z.boolean(),
  maxContextLength: z.int().min(0),

  isl: z.int().min(1),
  osl: z.int().min(1),
  ttft: z.number(),
  itl: z.number(),
  e2eLatency: z.number(),
  optimization: z.enum(["latency", "throughput"]),
  requestRate: z.number().positive(),
  concurrency: z.number().positive(),

  gpuSku: z.enum(GPU_SKUS),
  gpuType: z.string(),
  vramMib: z.number().positive(),
  totalGpus: z.int().min(1),
  minGpusPerEngine: z.int().min(0),
  maxGpusPerEngine: z.int().min(0),
  gpusPerNode: z.int().min(0),
  interconnect: z.string(),
  rdma: z.boolean(),
  enableGpuDiscovery: z.boolean(),

  strategy: z.enum(["rapid", "thorough"]),
  useAiConfigurator: z.boolean(),
  prefillGranularity: z.int().min(1).max(1000),
  decodeGranularity: z.int().min(1).max(1000),
  interpolation: z.enum(["rapid", "thorough", "none"]),
  skipExisting: z.boolean(),
  forceRerun: z.boolean(),
  dryRun: z.boolean(),
  deploymentTimeoutS: z.number().positive(),

  estimator: z.enum(["built-in", "aiconfigurator"]),
  aicSystem: z.enum(GPU_SKUS),
  aicModelName: z.string(),
  aicHfId: z.string(),
  aicBackend: z.enum(["", "vllm", "sglang", "trtllm"]),
  aicBackendVersion: z.string(),

  profilerImage: z.string(),
  workersImage: z.string(),
  namespace: z.string(),
  serviceName: z.string(),
  modelCachePvcName: z.string(),
  modelCachePvcPath: z.string(),
  modelCacheMountPath: z.string(),
  useMocker: z.boolean(),
  mockerFlavour: z.enum(["dynamo", "understudy"]),
  autoApply: z.boolean(),

  deploymentName: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  runtimeVersionOverride: z
    .string()
    .regex(/^(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/, "expected a version such as 1.4.0"),
  overridesDgd: z.record(z.string(), z.unknown()),
  overridesJob: z.record(z.string(), z.unknown()),

  outputDir: z.string().min(1),
  pickWithWebui: z.boolean(),
  webuiPort: z.int().min(0).max(65_535),
  webuiHost: z.string().min(1),
  webuiTimeoutS: z.number().positive(),
} satisfies Record<string, z.ZodType>;

export type SettingName = keyof typeof settings;
export type SettingValue<Name extends SettingName> = z.output<(typeof settings)[Name]>;
