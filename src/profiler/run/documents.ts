import type { Profile } from "#profiles";
import {
  decodeOnly,
  deploymentGpus,
  type KubernetesObject,
  prefillOnly,
  type RenderPlan,
  renderDeployment,
  yamlStream,
} from "#src/deployment";
import type { EngineLayout } from "#src/estimator";
import type { SweepPhase } from "../space/mapping.ts";
import type { Mapping, Pick } from "../types.ts";
import { tooManyGpusWithOverrides } from "./errors.ts";
import { imagesOf } from "./images.ts";
import { plannerSettings } from "./planner-settings.ts";
import type { Run } from "./run-context.ts";

/** What a deployment is made of. */
export interface Engines {
  prefill?: { layout: EngineLayout; replicas: number };
  decode?: { layout: EngineLayout; replicas: number };
  agg?: { layout: EngineLayout; replicas: number };
}

export interface DocumentParts {
  planner: boolean;
  mocker: boolean;
  profile?: Profile;
  /** Targets that the planner is to keep. */
  sla: { ttftMs: number; itlMs: number };
  backendVersion?: string;
}

export function pairOf(
  prefill: Mapping,
  decode: Mapping,
  { prefillReplicas, decodeReplicas } = { prefillReplicas: 1, decodeReplicas: 1 },
): Engines {
  return {
    prefill: { layout: prefill.layout, replicas: prefillReplicas },
    decode: { layout: decode.layout, replicas: decodeReplicas },
  };
}

export function enginesOf({ prefill, decode, agg }: Pick): Engines {
  return {
    ...(prefill === undefined ? {} : { prefill }),
    ...(decode === undefined ? {} : { decode }),
    ...(agg === undefined ? {} : { agg }),
  };
}

/** The documents of a deployment, ConfigMaps first, as one YAML stream in the style of the dialect. */
export function deploymentYaml(run: Run, engines: Engines, parts: DocumentParts): string {
  return yamlStream(renderDeployment(deploymentPlan(run, engines, parts)), run.request.dialect);
}

/**
 * The same, to be applied: not beyond the GPUs that there are, whatever the user's base and overrides add.
 * @throws UserError PROFILER_TOO_MANY_GPUS
 */
export function finalYaml(run: Run, engines: Engines, parts: DocumentParts): string {
  const documents = renderDeployment(deploymentPlan(run, engines, parts));
  const { totalGpus } = run.request.hardware;
  const asked = totalGpus === undefined ? 0 : deploymentGpus(documents.at(-1)!);
  if (totalGpus !== undefined && asked > totalGpus) throw tooManyGpusWithOverrides(asked, totalGpus);
  return yamlStream(documents, run.request.dialect);
}

/** The deployment that candidates are made of: both engines, without planner. */
export function baseDeployment(run: Run, engines: Engines): KubernetesObject {
  const sla = run.request.sla;
  return renderDeployment(deploymentPlan(run, engines, { planner: false, mocker: false, sla })).at(-1)!;
}

/** A candidate's own deployment: the base with one engine alone. */
export function candidateDeployment(
  { request, backend }: Run,
  base: KubernetesObject,
  phase: SweepPhase,
  mapping: Mapping,
): KubernetesObject {
  const convert = phase === "prefill" ? prefillOnly : decodeOnly;
  return convert(base, {
    backend,
    dialect: request.dialect,
    layout: mapping.layout,
    gpusPerNode: request.hardware.gpusPerNode,
    isMoe: mapping.kind !== "TP",
  });
}

export function candidateYaml(run: Run, base: KubernetesObject, phase: SweepPhase, mapping: Mapping): string {
  return yamlStream([candidateDeployment(run, base, phase, mapping)], run.request.dialect);
}

function deploymentPlan(run: Run, engines: Engines, parts: DocumentParts): RenderPlan {
  const { request, backend, services } = run;
  const { deployment, hardware, planner } = request;
  const mode = engines.agg === undefined ? "disagg" : "agg";
  const images = imagesOf(deployment, backend, request.mocker.flavour);
  return {
    version: deployment.apiVersion,
    dialect: request.dialect,
    name: deployment.name ?? defaultName(run, mode, parts),
    ...optional("namespace", deployment.namespace),
    ...optional("labels", deployment.labels),
    ...optional("annotations", deployment.annotations),
    backend,
    model: request.model,
    mode,
    ...engines,
    gpusPerNode: hardware.gpusPerNode,
    image: images.workers,
    ...optional("base", parts.mocker ? undefined : deployment.base),
    ...optional("modelCache", deployment.modelCache),
    ...optional("runtimeVersionOverride", deployment.runtimeVersionOverride),
    ...optional("profile", parts.profile),
    ...optional("overrides", deployment.overrides),
    ...(parts.planner
      ? {
          planner: {
            dialect: plannerDialect(run),
            image: images.planner,
            settings: plannerSettings(run, parts.sla),
            scaling: planner !== undefined && isAdvisory(planner.settings) ? "none" : (planner?.mode ?? "disagg"),
          },
        }
      : {}),
    ...(parts.mocker
      ? {
          mocker: {
            flavour: request.mocker.flavour,
            image: images.mocker,
            speedupRatio: 1,
            ...(parts.profile === undefined ? estimatorOf(run, parts.backendVersion) : {}),
          },
        }
      : {}),
    suffix: { plannerConfig: services.hexDigits(4), profileData: services.hexDigits(4) },
  };
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}

function plannerDialect({ request }: Run): "0.6" | "0.8" | "1.0" {
  return request.dialect === "0.3" ? "0.6" : request.dialect;
}

function defaultName({ backend, request, services }: Run, mode: "disagg" | "agg", parts: DocumentParts): string {
  if (parts.mocker) return "mocker-disagg";
  return request.dialect === "1.0" ? `${backend}-${mode}-${services.hexDigits(8)}` : `${backend}-${mode}`;
}

/** A planner that only says what it would do scales nothing. */
function isAdvisory(settings: Record<string, unknown>): boolean {
  return settings.no_operation === true || settings.advisory === true;
}

function estimatorOf({ backend, request }: Run, backendVersion: string | undefined) {
  const system = request.aic.system ?? request.hardware.gpuSku;
  if (system === undefined || backendVersion === undefined) return {};
  return { estimator: { backend, backendVersion, system } };
}
