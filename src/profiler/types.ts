import type { KubernetesObject } from "#src/deployment";
import type { Backend, EngineLayout, Estimate } from "#src/estimator";

/**
 * Which generation of Dynamo's profiler the input is written for, and so which names and shapes the output has:
 * `0.3` a hand-applied Job with flags; `0.6` DGDR v1alpha1 with snake_case keys; `0.8` the same in camelCase, with WebUI, mocker
 * config and ConfigMaps; `1.0` DGDR v1beta1, `final_config.yaml`. Where an input fits several, the newest one it fits.
 */
export type Dialect = "0.3" | "0.6" | "0.8" | "1.0";

export type SearchStrategy = "rapid" | "thorough";

/** What is asked of the profiler, whatever it was written in. Made by `readProfilingRequest`; nothing below reads files or flags. */
export interface ProfilingRequest {
  dialect: Dialect;
  /** Where it came from, for errors and generated names. */
  source: {
    kind: "dgdr" | "dgdr-spec" | "profiling-config" | "flags";
    /** File, `--config`, or `command line`. */
    where: string;
    name?: string;
    namespace?: string;
  };
  /** Hugging Face id, or a folder with a `config.json`. */
  model: string;
  backend: Backend | "auto";
  strategy: SearchStrategy;
  /** Where single numbers come from in rapid mode. */
  estimator: "built-in" | "aiconfigurator";
  /** `aic_*` settings: what the estimator is to use where it is not what the rest says. */
  aic: { model?: string; system?: string; backend?: Backend; backendVersion?: string };
  hardware: HardwareRequest;
  workload: {
    /** Input tokens. */
    isl: number;
    /** Output tokens. */
    osl: number;
    requestRate?: number;
    concurrency?: number;
  };
  sla: SlaRequest;
  sweep: SweepRequest;
  /** Present where a planner is wanted. */
  planner?: PlannerRequest;
  mocker: { enabled: boolean; flavour: "dynamo" | "understudy" };
  engine: {
    /** Known only where the user says so; else read off the model. */
    isMoe?: boolean;
    /** 0 where the model's own limit counts. */
    maxContextLength: number;
  };
  deployment: DeploymentRequest;
  webui?: { port: number; host: string; timeoutMs: number };
  outputDir: string;
  autoApply: boolean;
  /** What was odd but acceptable in the input: unknown keys, overruled values, fallbacks. */
  warnings: string[];
}

export interface HardwareRequest {
  /** GPU system by the estimator's names, such as `h200_sxm`; absent where nothing says it. */
  gpuSku?: string;
  /** Memory of one GPU, MiB; the system's own where absent. */
  vramMib?: number;
  gpusPerNode: number;
  /** GPU budget of the whole deployment. */
  totalGpus?: number;
  /** GPUs of one engine; absent: from model size and GPU memory. */
  minGpusPerEngine?: number;
  maxGpusPerEngine?: number;
  interconnect?: string;
  rdma?: boolean;
  /** True where the values above were found rather than given. */
  discovered: boolean;
}

export interface SlaRequest {
  ttftMs: number;
  itlMs: number;
  /** Set: TTFT and ITL are not targets of their own. */
  e2eLatencyMs?: number;
  optimization?: "latency" | "throughput";
  /** Which of both the user gave, rather than a default. */
  given: { ttft: boolean; itl: boolean };
}

export interface SweepRequest {
  prefillGranularity: number;
  decodeGranularity: number;
  /** Keep results that an earlier run left in the output folder. */
  skipExisting: boolean;
  dryRun: boolean;
  /** Sampling of the interpolation: `none` writes no profile. */
  interpolation: "rapid" | "thorough" | "none";
}

export interface PlannerRequest {
  /** All settings by their snake_case names, without prefix; passed on as they are. */
  settings: Record<string, unknown>;
  enableThroughputScaling: boolean;
  enableLoadScaling: boolean;
  mode: "disagg" | "agg" | "prefill" | "decode";
  maxGpuBudget?: number;
}

export interface DeploymentRequest {
  apiVersion: "v1alpha1" | "v1beta1";
  /** Name of the generated DGD; absent: made from backend and mode. */
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Image of frontend and workers; absent: the profiler image renamed, or the base's. */
  workersImage?: string;
  /** Image the profiler itself runs in. */
  profilerImage?: string;
  runtimeVersionOverride?: string;
  /** The DGD to start from, where the user gave one. */
  base?: KubernetesObject;
  modelCache?: { pvcName: string; pvcPath: string; mountPath: string };
  /** Partial DGD merged over the generated one, lists by name. */
  overrides?: Record<string, unknown>;
  /** Partial JobSpec for the profiling Job. */
  jobOverrides?: Record<string, unknown>;
  serviceName?: string;
  /** Longest wait for a candidate to be ready, ms. */
  timeoutMs: number;
}

/** One way to lay an engine out, with its names. */
export interface Mapping {
  layout: EngineLayout;
  kind: "TP" | "TEP" | "DEP";
  /** `TP=4`, for people. */
  label: string;
  /** `TP4`, for paths. */
  tag: string;
}

/** One line of the prefill sweep. */
export interface PrefillResult {
  mapping: Mapping;
  ttftMs: number;
  /** Prompt tokens/s/GPU. */
  throughputPerGpu: number;
  origin: "measured" | Estimate["origin"];
}

/** One point of the decode sweep. */
export interface DecodeResult {
  mapping: Mapping;
  /** Requests at once on the whole engine. */
  concurrency: number;
  itlMs: number;
  /** Output tokens/s/GPU. */
  throughputPerGpu: number;
  maxKvTokens: number;
  origin: "measured" | Estimate["origin"];
}

/** A candidate that gave no number, and why. */
export interface SkippedCandidate {
  phase: "prefill" | "decode";
  label: string;
  reason: string;
  /** What the user can do about it, where the reason itself does not say. */
  remedy?: string;
}

export interface SweepResults {
  prefill: PrefillResult[];
  decode: DecodeResult[];
  skipped: SkippedCandidate[];
}

/** What answers for one engine of one mapping, while it is open: an estimator, or a deployed candidate under load. */
export interface OpenEngine {
  readonly mapping: Mapping;
  /** KV capacity of the whole engine, tokens; 0 where unknown. */
  readonly maxKvTokens: number;
  readonly origin: "measured" | Estimate["origin"];
  /** What it knows of itself for a profile's provenance. */
  readonly facts?: { backendVersion?: string; kvBytesPerToken?: number; startupMs?: number };
  /** TTFT of one prompt (a DEP burst where the mapping has attention ranks), ms. */
  prefill(isl: number): Promise<{ ttftMs: number; origin?: Estimate["origin"] }>;
  /** `requests` at once of the same prompts as in a warm-up before. Null where the run failed: the point is skipped. */
  decode(
    requests: number,
    isl: number,
    osl: number,
  ): Promise<{ itlMs: number; throughputPerGpu: number; origin?: Estimate["origin"] } | null>;
  /** Ends whatever was started for it. Idempotent. */
  close(): Promise<void>;
}

/** Gives engines to measure, one at a time. */
export interface EngineSource {
  readonly kind: SearchStrategy;
  /**
   * @param folder where its files go, within the output folder: `prefill_4gpus_TP4`
   * @throws CandidateFailed (errors.ts) where this one can't be had: it is skipped with the reason; anything else ends the run
   */
  open(phase: "prefill" | "decode", mapping: Mapping, folder: string, signal: AbortSignal): Promise<OpenEngine>;
  /** Ends all that is left, on every way out. Idempotent. */
  close(): Promise<void>;
}

export type ProfilingPhase =
  | "Initializing"
  | "SweepingPrefill"
  | "SweepingDecode"
  | "SelectingConfig"
  | "BuildingCurves"
  | "GeneratingDGD"
  | "Done";

/** One engine of a picked deployment. */
export interface PickedEngine {
  layout: EngineLayout;
  replicas: number;
  /** Requests at once of one attention rank. */
  batchSize: number;
}

/** What the picker chose: separate prefill and decode engines, or engines that do both. */
export interface Pick {
  mode: "disagg" | "agg";
  backend: Backend;
  backendVersion?: string;
  /** How it came about. */
  by: "autoscale" | "load-match" | "default" | "naive" | "sweep" | "user";
  prefill?: PickedEngine;
  decode?: PickedEngine;
  agg?: PickedEngine;
  /** Times expected of it, ms; 0 where nothing estimated them (naive). */
  ttftMs: number;
  itlMs: number;
  tokensPerSecondPerGpu: number;
  tokensPerSecondPerUser: number;
  requestsPerSecond: number;
  /** GPUs of the whole pick, all replicas. */
  gpus: number;
  /** Below 100 where the budget does not serve the load. */
  loadServedPercent?: number;
  /** Best rows it was chosen from, best first, for tables. */
  alternatives: Omit<Pick, "alternatives" | "warnings">[];
  warnings: string[];
}
