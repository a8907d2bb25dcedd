import type { DiscoveredHardware } from "../discovery/select-gpus.ts";
import type {
  DeploymentRequest,
  Dialect,
  PlannerRequest,
  ProfilingRequest,
  SearchStrategy,
  SweepRequest,
} from "../types.ts";
import type { BaseDgd } from "./base-dgd.ts";
import type { Draft } from "./draft.ts";
import { badEnvironment, missing, nothingGiven, refused } from "./errors.ts";
import { aicOf, strategyOf } from "./estimator-choice.ts";
import { hardwareOf } from "./hardware.ts";
import { GRANULARITY, MODEL_CACHE_MOUNT, OUTPUT_DIR, presetsOf, WEBUI } from "./presets.ts";
import { targetsOf, workloadOf } from "./targets.ts";

/** Everything that was read, ready to become a request. */
export interface Material {
  draft: Draft;
  dialect: Dialect;
  source: ProfilingRequest["source"];
  /** Place of a key of the main document, for what is missing in it. */
  locate(key: string): string;
  planner?: PlannerRequest;
  base?: BaseDgd;
  discovered?: DiscoveredHardware;
  namespaceRestricted: boolean;
  deploymentNamespace?: string;
  environment: Readonly<Record<string, string | undefined>>;
}

/** @throws UserError as its parts do */
export function buildRequest(material: Material): ProfilingRequest {
  const { draft, dialect, source, base, discovered } = material;
  const fromSpec = dialect === "1.0" && source.kind !== "flags";
  if (fromSpec && !draft.has("profilerImage")) {
    throw missing(
      material.locate("image"),
      "'image' is required in the DGDR spec.",
      "the profiler's image, such as nvcr.io/…/dynamo-planner:1.4.0",
    );
  }
  const model = draft.get("model") ?? base?.model;
  if (model === undefined) throw noModel(material);
  const backend = backendOf(draft, dialect, base);
  const strategy = strategyOf(draft, { dialect, hasDocument: source.kind !== "flags" });
  const aicSystem = strategy === "rapid" ? draft.get("aicSystem") : undefined;
  const hardware = hardwareOf(draft, {
    dialect,
    strict: fromSpec,
    where: material.locate("hardware"),
    namespaceRestricted: material.namespaceRestricted,
    ...(discovered === undefined ? {} : { discovered }),
    ...(aicSystem === undefined ? {} : { aicSystem }),
  });
  const aic = aicOf(draft, strategy, dialect, hardware.gpuSku !== undefined);
  if (strategy === "rapid" && hardware.gpuSku === undefined) throw noGpu(material);
  refuseOldMoe(draft, dialect, backend);
  const sla = targetsOf(draft, dialect);
  const workload = workloadOf(draft, dialect);
  const sweep = sweepOf(draft, dialect, strategy, material.planner);
  const planner = plannerFor(material.planner, dialect, sweep);
  return {
    dialect,
    source,
    model,
    backend,
    strategy,
    estimator: draft.get("estimator") ?? "built-in",
    aic,
    hardware,
    workload,
    sla,
    sweep,
    ...(planner === undefined ? {} : { planner }),
    mocker: { enabled: draft.get("useMocker") ?? false, flavour: draft.get("mockerFlavour") ?? "dynamo" },
    engine: {
      ...(draft.get("isMoe") === undefined ? {} : { isMoe: draft.get("isMoe")! }),
      maxContextLength: draft.get("maxContextLength") ?? 0,
    },
    deployment: deploymentOf(material, dialect),
    ...webuiOf(draft, material.environment),
    outputDir: draft.get("outputDir") ?? OUTPUT_DIR,
    autoApply: draft.get("autoApply") ?? fromSpec,
    warnings: draft.warnings,
  };
}

function noModel({ source, locate }: Material): Error {
  if (source.kind === "flags") return nothingGiven();
  const name = source.kind === "profiling-config" ? "deployment.model" : "spec.model";
  return missing(locate("model"), `${name} is required`, "a Hugging Face id such as Qwen/Qwen3-32B; or --model");
}

function noGpu({ source, locate }: Material): Error {
  const where = source.kind === "flags" ? "--strategy" : locate("hardware");
  return missing(where, "rapid profiling estimates for a GPU, and none is named", "add --gpu h200_sxm, or another one");
}

function backendOf(draft: Draft, dialect: Dialect, base: BaseDgd | undefined): ProfilingRequest["backend"] {
  const said = draft.get("backend");
  if (said === undefined) return base?.backend ?? presetsOf(dialect).backend;
  if (base?.backend !== undefined && said !== "auto" && said !== base.backend) {
    draft.warnings.push(
      `${base.where}: this deployment runs ${base.backend}, but ${draft.where("backend")} says ${said}`,
    );
  }
  return said;
}

/** MoE of 0.6 was for SGLang alone. */
function refuseOldMoe(draft: Draft, dialect: Dialect, backend: string): void {
  if ((dialect !== "0.3" && dialect !== "0.6") || draft.get("isMoe") !== true || backend === "sglang") return;
  throw refused(
    "MOE_REFUSED",
    draft.where("isMoe"),
    "MoE model support is only available for SGLang",
    "use backend sglang, or a config in camelCase (0.8) or a v1beta1 request, which sweep MoE on all backends",
  );
}

function sweepOf(
  draft: Draft,
  dialect: Dialect,
  strategy: SearchStrategy,
  planner: PlannerRequest | undefined,
): SweepRequest {
  return {
    prefillGranularity: draft.get("prefillGranularity") ?? GRANULARITY.prefill,
    decodeGranularity: draft.get("decodeGranularity") ?? GRANULARITY.decode,
    skipExisting: draft.get("skipExisting") === true && draft.get("forceRerun") !== true,
    dryRun: draft.get("dryRun") ?? false,
    interpolation: draft.get("interpolation") ?? interpolationOf(draft, dialect, strategy, planner),
  };
}

/** Of old, every run is sampled the way it was swept; a v1beta1 request samples for a planner, or for a mocker to replay. */
function interpolationOf(
  draft: Draft,
  dialect: Dialect,
  strategy: SearchStrategy,
  planner: PlannerRequest | undefined,
): SweepRequest["interpolation"] {
  if (dialect !== "1.0") return strategy;
  if (planner === undefined) return draft.get("useMocker") === true ? "rapid" : "none";
  return (planner.settings.pre_deployment_sweeping_mode as SweepRequest["interpolation"] | undefined) ?? "rapid";
}

/** The planner is told how it was sampled for. */
function plannerFor(
  planner: PlannerRequest | undefined,
  dialect: Dialect,
  { interpolation }: SweepRequest,
): PlannerRequest | undefined {
  if (planner === undefined || dialect !== "1.0") return planner;
  return { ...planner, settings: { ...planner.settings, pre_deployment_sweeping_mode: interpolation } };
}

function deploymentOf({ draft, base, source, deploymentNamespace }: Material, dialect: Dialect): DeploymentRequest {
  const pvcName = draft.get("modelCachePvcName");
  const overrides = draft.get("overridesDgd");
  const metadata = (overrides?.metadata ?? {}) as { name?: unknown };
  const fromOverride = typeof metadata.name === "string" && metadata.name !== "" ? metadata.name : undefined;
  const generated = dialect === "1.0" && source.name !== undefined ? `${source.name}-dgd` : undefined;
  const optional = {
    name: fromOverride ?? draft.get("deploymentName") ?? generated,
    namespace: deploymentNamespace ?? draft.get("namespace") ?? source.namespace,
    labels: draft.get("labels"),
    annotations: draft.get("annotations"),
    workersImage: draft.get("workersImage"),
    profilerImage: draft.get("profilerImage"),
    runtimeVersionOverride: draft.get("runtimeVersionOverride"),
    base: base?.object,
    modelCache:
      pvcName === undefined
        ? undefined
        : {
            pvcName,
            pvcPath: draft.get("modelCachePvcPath") ?? "",
            mountPath: draft.get("modelCacheMountPath") ?? MODEL_CACHE_MOUNT,
          },
    overrides,
    jobOverrides: draft.get("overridesJob"),
    serviceName: draft.get("serviceName"),
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return {
    ...given,
    apiVersion: dialect === "1.0" ? "v1beta1" : "v1alpha1",
    timeoutMs: (draft.get("deploymentTimeoutS") ?? presetsOf(dialect).timeoutS) * 1000,
  };
}

/** @throws UserError PROFILER_BAD_ENVIRONMENT */
function webuiOf(draft: Draft, environment: Material["environment"]): Pick<ProfilingRequest, "webui"> {
  if (draft.get("pickWithWebui") !== true) return {};
  const port = draft.get("webuiPort") ?? portOf(environment) ?? WEBUI.port;
  const timeoutMs = (draft.get("webuiTimeoutS") ?? WEBUI.timeoutS) * 1000;
  return { webui: { port, host: draft.get("webuiHost") ?? WEBUI.host, timeoutMs } };
}

function portOf(environment: Material["environment"]): number | undefined {
  const text = environment.PROFILER_WEBUI_PORT;
  if (text === undefined || text === "") return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw badEnvironment("PROFILER_WEBUI_PORT", text);
}
