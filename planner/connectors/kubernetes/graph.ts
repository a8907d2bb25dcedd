/** DynamoGraphDeployments of both versions, as one. */
import { argumentsOf, type Container, containerGpus, gpusOf, mainContainer } from "./containers.ts";

export type GraphVersion = "v1alpha1" | "v1beta1";

export const GROUP = "nvidia.com";
export const GRAPHS = "dynamographdeployments";
export const ADAPTERS = "dynamographdeploymentscalingadapters";

/** What a DynamoGraphDeployment says as far as it concerns a planner; everything may be missing. */
export interface GraphObject {
  metadata: { name: string; namespace?: string; uid?: string; generation?: number; resourceVersion?: string };
  spec?: {
    services?: Record<string, ServiceObject | null>;
    components?: ComponentObject[];
  };
  status?: {
    observedGeneration?: number;
    conditions?: { type?: string; status?: string; reason?: string; message?: string; observedGeneration?: number }[];
    components?: Record<string, ComponentStatus>;
  };
}

interface ServiceObject {
  componentType?: string;
  subComponentType?: string;
  replicas?: number;
  resources?: { limits?: { gpu?: string }; requests?: { gpu?: string } };
  multinode?: { nodeCount?: number };
  scalingAdapter?: { enabled?: boolean };
  extraPodSpec?: { mainContainer?: Container };
}

interface ComponentObject {
  name: string;
  type?: string;
  replicas?: number;
  minAvailable?: number;
  multinode?: { nodeCount?: number };
  podTemplate?: { spec?: { containers?: Container[] } };
}

export interface ComponentStatus {
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
}

/** One component that may be a worker's. */
export interface GraphComponent {
  name: string;
  /** `prefill`, `decode`, `worker` …: v1alpha1's subComponentType, else its componentType. */
  type: string | null;
  /** It has no part of its own: of v1alpha1, no subComponentType. */
  isUntyped: boolean;
  replicas: number;
  /** Fewest replicas but 0 that the platform takes; null: no limit. */
  minAvailable: number | null;
  /** Pods of one replica. */
  nodes: number;
  /** GPUs of one replica on all its nodes; null where the resources don't say. */
  gpus: number | null;
  args: readonly string[];
  /** Whether a scaling adapter is to be looked for: in v1alpha1 only where one is asked for. */
  mayHaveAdapter: boolean;
  /** JSON pointer of the replicas. */
  replicasPath: string;
  /** JSON pointer and value that prove that the path still means this component. */
  identity: { path: string; value: string } | null;
  status: ComponentStatus | null;
}

export interface Graph {
  name: string;
  namespace: string;
  uid: string | null;
  version: GraphVersion;
  generation: number | null;
  /** Where a watch goes on from. */
  resourceVersion: string;
  /** The status tells of this generation or of none in particular. */
  isStatusFresh: boolean;
  ready: boolean;
  notReadyReason: string | null;
  components: readonly GraphComponent[];
}

export function graphOf(object: GraphObject, version: GraphVersion, namespace: string): Graph {
  const { metadata, status } = object;
  const generation = metadata.generation ?? null;
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  const observed = status?.observedGeneration ?? condition?.observedGeneration;
  const ready = condition?.status === "True";
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? namespace,
    uid: metadata.uid ?? null,
    version,
    generation,
    resourceVersion: metadata.resourceVersion ?? "",
    isStatusFresh: observed === undefined || generation === null || observed >= generation,
    ready,
    notReadyReason: ready ? null : whyNotReady(condition),
    components: version === "v1alpha1" ? services(object) : components(object),
  };
}

function whyNotReady(condition: { reason?: string; message?: string } | undefined): string {
  if (condition === undefined) return "the deployment has no Ready condition yet";
  const said = [condition.reason, condition.message].filter(Boolean).join(": ");
  return `the deployment is not ready${said === "" ? "" : ` (${said})`}`;
}

function services({ spec }: GraphObject): GraphComponent[] {
  return Object.entries(spec?.services ?? {}).map(([name, service]) => {
    const nodes = service?.multinode?.nodeCount ?? 1;
    const { limits, requests } = service?.resources ?? {};
    return {
      name,
      type: service?.subComponentType || service?.componentType || null,
      isUntyped: !service?.subComponentType,
      replicas: service?.replicas ?? 0,
      minAvailable: null,
      nodes,
      gpus: gpusOf(limits?.gpu ?? requests?.gpu, nodes),
      args: argumentsOf(service?.extraPodSpec?.mainContainer),
      mayHaveAdapter: service?.scalingAdapter?.enabled === true,
      replicasPath: `/spec/services/${pointer(name)}/replicas`,
      identity: null,
      status: null,
    };
  });
}

function components({ spec, status }: GraphObject): GraphComponent[] {
  return (spec?.components ?? []).map((component, index) => {
    const { name, multinode, podTemplate } = component;
    const main = mainContainer(podTemplate?.spec?.containers);
    const nodes = multinode?.nodeCount ?? (multinode === undefined ? 1 : 2);
    return {
      name,
      type: component.type ?? null,
      isUntyped: component.type === undefined,
      replicas: component.replicas ?? 1,
      minAvailable: component.minAvailable ?? null,
      nodes,
      gpus: gpusOf(containerGpus(main), nodes),
      args: argumentsOf(main),
      mayHaveAdapter: true,
      replicasPath: `/spec/components/${index}/replicas`,
      identity: { path: `/spec/components/${index}/name`, value: name },
      status: status?.components?.[name] ?? null,
    };
  });
}

/** A part of a JSON pointer (RFC 6901 §3). */
function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
