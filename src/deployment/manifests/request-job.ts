import { stringify } from "yaml";
import { wrongType } from "../errors.ts";
import { isObject, type JsonObject, objectAt, textAt } from "../graph/json.ts";
import { mergeByName } from "../merge.ts";
import type { KubernetesObject } from "../types.ts";
import { deployTo, isPlaceholder, type ManifestOptions, PULL_SECRET } from "./options.ts";
import { REQUEST_ACCOUNT } from "./rbac.ts";
import { sampleRequest } from "./requests.ts";
import { hfToken, JOB_RESOURCES, messageBus } from "./script-job.ts";
import { copyResultsScript, relayStatusScript } from "./sidecar-scripts.ts";
import { resultsClaim } from "./storage.ts";

const OUTPUT_VOLUME = "profiling-output";
const OUTPUT = "/data";
const CONFIG_VOLUME = "profiling-config";
const CONFIG_FOLDER = "/config";
const CONFIG_FILE = "disagg.yaml";
const MODEL_CACHE = "/opt/model-cache";
const SIDECAR_IMAGE = "bitnami/kubectl:latest";
const UID = 1000;

interface RequestParts {
  name: string;
  /** Absent where whoever applies the Job says it. */
  namespace?: string;
  uid?: string;
  spec: JsonObject;
}

/**
 * The Job that an operator makes of a DynamoGraphDeploymentRequest: profiler and a sidecar that keeps the results in the
 * ConfigMap `dgdr-output-<name>`.
 * @throws UserError for a request of the other generation, or without an image
 */
export function requestJob(options: ManifestOptions): KubernetesObject[] {
  const request = options.request ?? sampleRequest("online", options);
  const parts = requestParts(request, options);
  return [request.apiVersion === "nvidia.com/v1beta1" ? specJob(parts, options) : configJob(parts, options)];
}

function requestParts(request: KubernetesObject, options: ManifestOptions): RequestParts {
  if (request.kind !== "DynamoGraphDeploymentRequest") {
    throw wrongType("kind", "DynamoGraphDeploymentRequest", request.kind);
  }
  const expected = options.dialect === "1.0" ? "nvidia.com/v1beta1" : "nvidia.com/v1alpha1";
  if (request.apiVersion !== expected) {
    throw wrongType("apiVersion", `${expected} for dialect ${options.dialect}`, request.apiVersion);
  }
  const spec = objectAt(request, "spec", "$");
  if (!spec) throw wrongType("spec", "an object", request.spec);
  const name = request.metadata?.name;
  if (name === undefined) throw wrongType("metadata.name", "a name", name);
  // Sidecars are shell scripts, whose own variables `envsubst` would take for placeholders: these Jobs have none.
  const namespace = isPlaceholder(options.namespace) ? request.metadata?.namespace : options.namespace;
  const uid = request.metadata?.uid;
  return { name, spec, ...(namespace !== undefined && { namespace }), ...(typeof uid === "string" && { uid }) };
}

/** 0.6 and 0.8: the config travels as text on the command line. */
function configJob(parts: RequestParts, options: ManifestOptions): KubernetesObject {
  const { name, spec } = parts;
  const profiling = objectAt(spec, "profilingConfig", "spec") ?? {};
  const image = imageOf(profiling, "profilerImage", "spec.profilingConfig");
  const base = objectAt(profiling, "configMapRef", "spec.profilingConfig");
  const claim =
    options.dialect === "0.6" ? resultsClaim(options) : textAt(profiling, "outputPVC", "spec.profilingConfig");
  const config = injected(
    spec,
    objectAt(profiling, "config", "spec.profilingConfig") ?? {},
    base !== undefined,
    options,
  );
  const discovery = spec.enableGpuDiscovery === true ? ["--enable-gpu-discovery"] : [];
  const estimated = usesEstimator(config);
  return job({
    ...parts,
    app: estimated ? "aic-profiler" : "dynamo-profiler",
    backoffLimit: 3,
    podSpec: {
      ...(profiling.nodeSelector !== undefined && { nodeSelector: profiling.nodeSelector }),
      ...(profiling.tolerations !== undefined && { tolerations: profiling.tolerations }),
    },
    containers: [
      {
        name: "profiler",
        image,
        command:
          options.flavour === "understudy"
            ? ["understudy", "profile"]
            : ["python", "-m", "benchmarks.profiler.profile_sla"],
        args: ["--profile-config", stringify(config, { version: "1.1" }), ...discovery, ...deployTo(options)],
        resources: profiling.resources ?? JOB_RESOURCES,
        env: [...requestEnv(parts), hfToken(), ...messageBus("$(DGDR_NAMESPACE)")],
        volumeMounts: [
          { name: OUTPUT_VOLUME, mountPath: OUTPUT },
          ...(base ? [{ name: CONFIG_VOLUME, mountPath: CONFIG_FOLDER, readOnly: true }] : []),
        ],
      },
      sidecar("output-copier", copyResultsScript(name, options.dialect)),
    ],
    volumes: [
      {
        name: OUTPUT_VOLUME,
        ...(claim === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: claim } }),
      },
      ...(base
        ? [
            {
              name: CONFIG_VOLUME,
              configMap: { name: base.name, items: [{ key: base.key ?? CONFIG_FILE, path: CONFIG_FILE }] },
            },
          ]
        : []),
    ],
  });
}

/** 1.0: the whole spec travels as JSON; phases are relayed while it runs. */
function specJob(parts: RequestParts, options: ManifestOptions): KubernetesObject {
  const { name, spec } = parts;
  const image = imageOf(spec, "image", "spec");
  const cache = objectAt(spec, "modelCache", "spec");
  const mountPath = (cache && textAt(cache, "pvcMountPath", "spec.modelCache")) ?? MODEL_CACHE;
  const overrides = objectAt(spec, "overrides", "spec");
  const made = job({
    ...parts,
    app: "dynamo-profiler",
    backoffLimit: 0,
    podSpec: { securityContext: { runAsNonRoot: true, runAsUser: UID, runAsGroup: UID, fsGroup: UID } },
    containers: [
      {
        name: "profiler",
        image,
        workingDir: "/workspace",
        command: options.flavour === "understudy" ? ["understudy", "profile"] : ["python", "-m", "dynamo.profiler"],
        args: ["--config", JSON.stringify(spec), "--output-dir", OUTPUT, ...deployTo(options)],
        resources: JOB_RESOURCES,
        env: [...requestEnv(parts), hfToken()],
        volumeMounts: [
          { name: OUTPUT_VOLUME, mountPath: OUTPUT },
          ...(cache ? [{ name: "model-cache", mountPath, readOnly: true }] : []),
        ],
      },
      sidecar("output-copier", relayStatusScript(name)),
    ],
    volumes: [
      { name: OUTPUT_VOLUME, emptyDir: {} },
      ...(cache ? [{ name: "model-cache", persistentVolumeClaim: { claimName: cache.pvcName, readOnly: true } }] : []),
    ],
  });
  return { ...made, spec: mergeByName(made.spec, overrides?.profilingJob ?? {}) };
}

interface JobParts {
  name: string;
  namespace?: string;
  app: string;
  backoffLimit: number;
  podSpec: JsonObject;
  containers: object[];
  volumes: object[];
}

function job({ name, namespace, app, backoffLimit, podSpec, containers, volumes }: JobParts): KubernetesObject {
  const labels = { app, dgdr: name, "nvidia.com/managed-by": "dynamo-operator" };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `profile-${name}`, ...(namespace !== undefined && { namespace }), labels },
    spec: {
      backoffLimit,
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: REQUEST_ACCOUNT,
          imagePullSecrets: [{ name: PULL_SECRET }],
          restartPolicy: "Never",
          ...podSpec,
          containers,
          volumes,
        },
      },
    },
  };
}

function sidecar(name: string, script: string): object {
  return {
    name,
    image: SIDECAR_IMAGE,
    command: ["/bin/bash", "-c"],
    args: [script],
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
    ],
    volumeMounts: [{ name: OUTPUT_VOLUME, mountPath: OUTPUT, readOnly: true }],
  };
}

function requestEnv({ name, uid }: RequestParts): object[] {
  return [
    { name: "DGDR_NAME", value: name },
    { name: "DGDR_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
    // By it the candidates' deployments are owned by the request; one that was never applied has none.
    ...(uid === undefined ? [] : [{ name: "DGDR_UID", value: uid }]),
  ];
}

/** What the controller adds to the config: model, backend, the base DGD and where results go. What it names itself wins. */
function injected(spec: JsonObject, config: JsonObject, hasBase: boolean, { dialect }: ManifestOptions): JsonObject {
  const outputDir = dialect === "0.8" && "outputDir" in config ? "outputDir" : "output_dir";
  return {
    ...config,
    deployment: { ...objectAt(config, "deployment", "config"), model: spec.model },
    engine: {
      ...objectAt(config, "engine", "config"),
      backend: spec.backend,
      ...(hasBase && { config: `${CONFIG_FOLDER}/${CONFIG_FILE}` }),
    },
    [outputDir]: OUTPUT,
  };
}

function usesEstimator({ sweep }: JsonObject): boolean {
  return isObject(sweep) && (sweep.use_ai_configurator === true || sweep.useAiConfigurator === true);
}

function imageOf(parent: JsonObject, key: string, path: string): string {
  const image = textAt(parent, key, path);
  if (!image) throw wrongType(`${path}.${key}`, "an image", image);
  return image;
}
