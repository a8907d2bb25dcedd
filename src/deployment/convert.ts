import { GPU_RESOURCE } from "./graph/component.ts";
import { readGraph } from "./graph/graph.ts";
import { isObject, type JsonObject, objectAt, objectsAt } from "./graph/json.ts";
import type { DgdVersion, KubernetesObject } from "./types.ts";

export interface Converted {
  object: KubernetesObject;
  /** What the other version has no place for, by JSON path; it is left out. */
  notes: string[];
}

/** Fields of components that both versions have, in the same shape. */
const SAME = [
  "replicas",
  "multinode",
  "minAvailable",
  "modelRef",
  "runtimeVersionOverride",
  "eppConfig",
  "providerOverride",
  "globalDynamoNamespace",
];
/** The same of `spec`. */
const SAME_SPEC = [
  "annotations",
  "labels",
  "backendFramework",
  "priorityClassName",
  "restart",
  "providerOverride",
  "experimental",
];
const PLAIN_RESOURCES = ["cpu", "memory"];

/**
 * A DynamoGraphDeployment in the other version's shape; a copy of itself where it has that version already.
 * @throws UserError for anything that is none
 */
export function convertGraph(dgd: KubernetesObject, version: DgdVersion): Converted {
  const graph = readGraph(dgd);
  if (graph.version === version) return { object: graph.object, notes: [] };
  const notes: string[] = [];
  const spec = version === "v1beta1" ? toComponents(graph.spec, notes) : toServices(graph.spec, notes);
  const { apiVersion: _, spec: __, status: ___, ...rest } = graph.object;
  return { object: { apiVersion: `nvidia.com/${version}`, ...rest, spec } as KubernetesObject, notes };
}

function toComponents(spec: JsonObject, notes: string[]): JsonObject {
  const { services, pvcs, envs, topologyConstraint, ...others } = spec;
  const result = pick(others, SAME_SPEC, "spec", notes);
  if (Array.isArray(envs)) result.env = envs;
  if (isObject(topologyConstraint)) {
    const { topologyProfile, ...constraint } = topologyConstraint;
    result.topologyConstraint = { clusterTopologyName: topologyProfile, ...constraint };
  }
  objectsAt({ pvcs }, "pvcs", "spec").forEach((claim, i) => {
    if (claim.create === true) notes.push(`spec.pvcs[${i}]: the PVC "${claim.name}" is to be created beforehand`);
  });
  result.components = Object.entries(isObject(services) ? services : {}).map(([name, fields]) =>
    toComponent(name, fields as JsonObject, notes),
  );
  return result;
}

function toComponent(name: string, service: JsonObject, notes: string[]): JsonObject {
  const path = `spec.services.${name}`;
  const {
    componentType,
    subComponentType,
    envFromSecret,
    envs,
    resources,
    extraPodSpec,
    extraPodMetadata,
    sharedMemory,
    volumeMounts,
    scalingAdapter,
    livenessProbe,
    readinessProbe,
    labels,
    annotations,
    checkpoint,
    topologyConstraint,
    // A namespace of Dynamo's is derived from the deployment's name in this version.
    dynamoNamespace: _,
    ...others
  } = service;
  const type = subComponentType === "prefill" || subComponentType === "decode" ? subComponentType : componentType;
  const { mainContainer, containers, ...pod } = isObject(extraPodSpec) ? extraPodSpec : {};
  const main: JsonObject = { name: "main", ...(isObject(mainContainer) ? mainContainer : {}) };
  if (Array.isArray(envs)) main.env = [...((main.env as unknown[]) ?? []), ...envs];
  if (typeof envFromSecret === "string") {
    main.envFrom = [...((main.envFrom as unknown[]) ?? []), { secretRef: { name: envFromSecret } }];
  }
  if (isObject(resources)) main.resources = { ...objectAt(main, "resources", path), ...podResources(resources) };
  if (livenessProbe) main.livenessProbe = livenessProbe;
  if (readinessProbe) main.readinessProbe = readinessProbe;

  const component: JsonObject = { name, ...(type !== undefined && { type }), ...pick(others, SAME, path, notes) };
  const podSpec: JsonObject = { ...pod };
  for (const mount of objectsAt({ volumeMounts }, "volumeMounts", path)) {
    const claim = String(mount.name);
    if (mount.useAsCompilationCache === true) {
      component.compilationCache = { pvcName: claim, ...(mount.mountPoint ? { mountPath: mount.mountPoint } : {}) };
      continue;
    }
    const volumes = (podSpec.volumes as JsonObject[] | undefined) ?? [];
    if (!volumes.some((volume) => volume.name === claim)) {
      podSpec.volumes = [...volumes, { name: claim, persistentVolumeClaim: { claimName: claim } }];
    }
    const mounts = (main.volumeMounts as JsonObject[] | undefined) ?? [];
    main.volumeMounts = [...mounts, { name: claim, mountPath: mount.mountPoint }];
  }
  podSpec.containers = [main, ...(Array.isArray(containers) ? containers : [])];
  const podMetadata = podMetadataOf(extraPodMetadata, labels, annotations);
  component.podTemplate = { ...(podMetadata && { metadata: podMetadata }), spec: podSpec };
  if (isObject(sharedMemory)) component.sharedMemorySize = sharedMemory.disabled === true ? "0" : sharedMemory.size;
  if (isObject(scalingAdapter) && scalingAdapter.enabled === true) component.scalingAdapter = {};
  if (isObject(checkpoint)) component.experimental = { checkpoint: { enabled: false, ...checkpoint } };
  if (isObject(topologyConstraint)) component.topologyConstraint = topologyConstraint;
  return component;
}

function podMetadataOf(own: unknown, labels: unknown, annotations: unknown): JsonObject | undefined {
  const metadata: JsonObject = isObject(own) ? { ...own } : {};
  // Those of a service are for all that is made of it, its pods among them.
  if (isObject(labels)) metadata.labels = { ...labels, ...(metadata.labels as JsonObject) };
  if (isObject(annotations)) metadata.annotations = { ...annotations, ...(metadata.annotations as JsonObject) };
  return Object.keys(metadata).length > 0 ? metadata : undefined;
}

/** `{limits: {gpu: "1"}}` as pods have it; `gpuType` names the resource where it is not NVIDIA's. */
function podResources(resources: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const kind of ["requests", "limits"]) {
    const given = resources[kind];
    if (!isObject(given)) continue;
    const { gpu, gpuType, custom, ...plain } = given;
    result[kind] = {
      ...plain,
      ...(gpu !== undefined && { [typeof gpuType === "string" ? gpuType : GPU_RESOURCE]: String(gpu) }),
      ...(isObject(custom) ? custom : {}),
    };
  }
  if (resources.claims) result.claims = resources.claims;
  return result;
}

function toServices(spec: JsonObject, notes: string[]): JsonObject {
  const { components, env, topologyConstraint, ...others } = spec;
  const result = pick(others, SAME_SPEC, "spec", notes);
  if (Array.isArray(env)) result.envs = env;
  if (isObject(topologyConstraint)) {
    const { clusterTopologyName, ...constraint } = topologyConstraint;
    result.topologyConstraint = { topologyProfile: clusterTopologyName, ...constraint };
  }
  const claims = new Set<string>();
  const services = objectsAt({ components }, "components", "spec").map((component, i) => [
    String(component.name),
    toService(component, `spec.components[${i}]`, claims, notes),
  ]);
  if (claims.size > 0) result.pvcs = [...claims].map((name) => ({ name, create: false }));
  result.services = Object.fromEntries(services);
  return result;
}

function toService(component: JsonObject, path: string, claims: Set<string>, notes: string[]): JsonObject {
  const {
    name: _,
    type,
    podTemplate,
    sharedMemorySize,
    scalingAdapter,
    compilationCache,
    experimental,
    topologyConstraint,
    ...others
  } = component;
  const template = isObject(podTemplate) ? podTemplate : {};
  const { containers, volumes, ...pod } = isObject(template.spec) ? template.spec : {};
  const all = objectsAt({ containers }, "containers", `${path}.podTemplate.spec`);
  const main = all.find((container) => container.name === "main");
  const side = all.filter((container) => container !== main);

  const service: JsonObject = {
    ...(type === "prefill" || type === "decode"
      ? { componentType: "worker", subComponentType: type }
      : type !== undefined && { componentType: type }),
    ...pick(others, SAME, path, notes),
  };
  const { name: __, resources, envFrom, volumeMounts, ...container } = main ?? {};
  const [secret, otherSources] = firstSecret(envFrom);
  if (secret !== undefined) service.envFromSecret = secret;
  if (isObject(resources)) service.resources = serviceResources(resources);

  const mounts: JsonObject[] = [];
  let podVolumes = objectsAt({ volumes }, "volumes", `${path}.podTemplate.spec`);
  const keptMounts: JsonObject[] = [];
  for (const mount of objectsAt({ volumeMounts }, "volumeMounts", `${path}.podTemplate.spec`)) {
    const claim = claimOf(podVolumes.find((volume) => volume.name === mount.name));
    const plain = Object.keys(mount).every((key) => key === "name" || key === "mountPath");
    const others = side.some((other) => JSON.stringify(other.volumeMounts ?? []).includes(`"${mount.name}"`));
    if (claim === undefined || !plain || others) keptMounts.push(mount);
    else {
      mounts.push({ name: claim, mountPoint: mount.mountPath });
      claims.add(claim);
      if (!keptMounts.some(({ name }) => name === mount.name)) {
        podVolumes = podVolumes.filter((volume) => volume.name !== mount.name);
      }
    }
  }
  if (isObject(compilationCache)) {
    const claim = String(compilationCache.pvcName);
    claims.add(claim);
    mounts.push({
      name: claim,
      ...(compilationCache.mountPath ? { mountPoint: compilationCache.mountPath } : {}),
      useAsCompilationCache: true,
    });
  }
  if (mounts.length > 0) service.volumeMounts = mounts;
  service.extraPodSpec = {
    ...pod,
    ...(podVolumes.length > 0 && { volumes: podVolumes }),
    ...(side.length > 0 && { containers: side }),
    ...(main && {
      mainContainer: {
        ...container,
        ...(otherSources.length > 0 && { envFrom: otherSources }),
        ...(keptMounts.length > 0 && { volumeMounts: keptMounts }),
      },
    }),
  };
  if (isObject(template.metadata)) service.extraPodMetadata = template.metadata;
  if (sharedMemorySize !== undefined) {
    service.sharedMemory = String(sharedMemorySize) === "0" ? { disabled: true } : { size: sharedMemorySize };
  }
  if (isObject(scalingAdapter)) service.scalingAdapter = { enabled: true };
  if (isObject(topologyConstraint)) service.topologyConstraint = topologyConstraint;
  if (isObject(experimental)) {
    const { checkpoint, ...more } = experimental;
    if (checkpoint) service.checkpoint = checkpoint;
    for (const key of Object.keys(more)) notes.push(`${path}.experimental.${key}: v1alpha1 has no such field`);
  }
  return service;
}

function firstSecret(envFrom: unknown): [secret: string | undefined, others: unknown[]] {
  const sources = Array.isArray(envFrom) ? envFrom : [];
  const plain = sources.findIndex(
    (source) =>
      isObject(source) &&
      Object.keys(source).length === 1 &&
      isObject(source.secretRef) &&
      Object.keys(source.secretRef).length === 1,
  );
  if (plain < 0) return [undefined, sources];
  return [String((sources[plain] as { secretRef: JsonObject }).secretRef.name), sources.filter((__, i) => i !== plain)];
}

function claimOf(volume: JsonObject | undefined): string | undefined {
  const claim = volume?.persistentVolumeClaim;
  if (!isObject(claim) || Object.keys(claim).some((key) => key !== "claimName")) return undefined;
  return String(claim.claimName);
}

function serviceResources(resources: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const kind of ["requests", "limits"]) {
    const given = resources[kind];
    if (!isObject(given)) continue;
    const { [GPU_RESOURCE]: gpu, ...others } = given;
    const custom = Object.entries(others).filter(([key]) => !PLAIN_RESOURCES.includes(key));
    result[kind] = {
      ...Object.fromEntries(
        Object.entries(others)
          .filter(([key]) => PLAIN_RESOURCES.includes(key))
          .map(([key, value]) => [key, String(value)]),
      ),
      ...(gpu !== undefined && { gpu: String(gpu) }),
      ...(custom.length > 0 && { custom: Object.fromEntries(custom.map(([key, value]) => [key, String(value)])) }),
    };
  }
  if (resources.claims) result.claims = resources.claims;
  return result;
}

/** The fields that both versions have; a note for each of the others. */
function pick(fields: JsonObject, known: readonly string[], path: string, notes: string[]): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    if (known.includes(key)) result[key] = value;
    else notes.push(`${path}.${key}: the other version has no such field`);
  }
  return result;
}
