import type { Profile } from "#profiles";
import type { KubernetesObject } from "#src/deployment";
import type { Backend, ModelFacts } from "#src/estimator";
import type { PlannerBounds } from "../selection/bounds.ts";
import type { PairCost } from "../selection/cost.ts";
import type { PipelineLog } from "../sweep/hooks.ts";
import type {
  DecodeResult,
  EngineSource,
  Mapping,
  Pick,
  PrefillResult,
  ProfilingRequest,
  SearchStrategy,
  SweepResults,
} from "../types.ts";
import type { ConsoleLine } from "./log.ts";

/** Everything a page needs to let a person choose. */
export interface ChoiceContent {
  results: SweepResults;
  sla: { ttftMs: number; itlMs: number };
  isl: number;
  osl: number;
  model: string;
  backend: string;
  /** The deployment of two mappings as YAML. */
  configOf: (prefill: Mapping, decode: Mapping) => string;
  warnings: readonly string[];
}

/** A page that shows the results; made by another room, which this one does not know. */
export interface ChoicePage {
  /** Text of `webui_data.json`. */
  data(content: ChoiceContent): string;
  /** Waits for a person. @returns rows of the prefill and of the decode results */
  choose(
    content: ChoiceContent,
    options: {
      port: number;
      host: string;
      timeoutMs: number;
      signal: AbortSignal;
      log: (level: "info" | "error", text: string) => void;
    },
  ): Promise<{ prefill: number; decode: number }>;
}

/** The cluster that candidates are deployed to. */
export interface ProfilingCluster {
  /** Default: $KUBECONFIG, ~/.kube/config, the pod's own account. */
  kubeconfig?: string;
  context?: string;
  /** Where a candidate answers, with `{name}`, `{namespace}` and `{port}`; default: its service within the cluster, its frontend's pod outside. */
  endpointUrlTemplate?: string;
  /** Tells the request that the run works for (DGDR_NAME, DGDR_NAMESPACE, DGDR_UID), and whether this is a pod. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** What a run needs from outside. */
export interface RunServices {
  /** Ends the run: what is deployed is cleaned up, and the status file says so. */
  signal: AbortSignal;
  /** Lines for people who watch. */
  console?: (line: ConsoleLine) => void;
  now: () => Date;
  /** So many random hex digits, for generated names. */
  hexDigits: (count: number) => string;
  /** Name and version of this program, for a profile's provenance. */
  tool: string;
  page?: ChoicePage;
  /** What is known of the model, null for nothing; the estimator's knowledge where absent. */
  facts?: ModelFacts | null;
  /** Loads per context length to add where ITL bends most. */
  refine?: number;
  /** Python that has the aiconfigurator package. */
  python?: string;
  /** $ of one GPU for one hour; 3 where absent. */
  gpuHourPrice?: number;
  /** Times as fast as real engines that local mockers play, at most. */
  speedup?: number;
  /** Candidates are deployed to it instead of local mockers. */
  cluster?: ProfilingCluster;
  /** Makes the engines to ask, instead of the built-in estimator or local mockers: another driver, or a test's. */
  openSource?: (kind: SearchStrategy, context: SourceContext) => EngineSource | Promise<EngineSource>;
}

/** What an engine source is made for. */
export interface SourceContext {
  request: ProfilingRequest;
  backend: Backend;
  /** Output folder. */
  folder: string;
  /** The DGD of one candidate, converted to prefill only or decode only. */
  candidate: (phase: "prefill" | "decode", mapping: Mapping) => KubernetesObject;
  candidateYaml: (phase: "prefill" | "decode", mapping: Mapping) => string;
  /** Writes a file of a candidate's folder. */
  write: (name: string, data: string) => void;
  log: PipelineLog;
  facts: ModelFacts | null;
  python?: string;
  speedup?: number;
  cluster?: ProfilingCluster;
}

/** What came of a run. */
export interface ProfilingResult {
  request: ProfilingRequest;
  backend: string;
  sweep: SweepResults;
  /** Rows of the sweep that were chosen; absent where a pick was made otherwise. */
  chosen: { prefill?: PrefillResult; decode?: DecodeResult; by?: "sweep" | "user" };
  bounds: PlannerBounds;
  /** What a thousand requests take, of the pairs of engines that no other pair beats. */
  costs: PairCost[];
  /** $ of one GPU for one hour that the costs are made with. */
  gpuHourPrice: number;
  pick?: Pick;
  profile?: Profile;
  /** Replicas and request rate that the surfaces give. */
  capacity?: { prefillReplicas: number; decodeReplicas: number; gpus: number; requestRate: number };
  /** Final targets: those that are kept, or the best that can be had. */
  sla: { ttftMs: number; itlMs: number };
  /** Written files, relative to the output folder, in the order in which they were written. */
  files: string[];
  /** The one to deploy. */
  deployment?: string;
  warnings: string[];
  elapsedMs: number;
}
