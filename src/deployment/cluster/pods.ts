import { DYNAMO_LABELS, type LocalComponent, type LocalDeployment, type LocalReplica } from "#planner/connectors";
import {
  type ApiObject,
  apiTime,
  GROUP,
  MANAGED_BY,
  ownerOf,
  type ResourceVersionName,
  TIME_SCALE_ANNOTATION,
} from "./objects.ts";

/** What a replica on this machine looks like as a pod. */
export interface PodPicture {
  name: string;
  object: Record<string, unknown>;
  status: PodStatus;
}

export interface PodStatus {
  phase: "Pending" | "Running" | "Failed";
  podIP?: string;
  podIPs?: { ip: string }[];
  hostIP?: string;
  startTime?: string;
  conditions: {
    type: string;
    status: "True" | "False";
    reason?: string;
    message?: string;
    lastTransitionTime: string;
  }[];
  containerStatuses: ContainerStatus[];
}

interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: Record<string, unknown>;
}

export const POD_CONTAINER = "main";
const DEFAULT_IMAGE = "llm-understudy:latest";

/** Name of a replica's pod: RFC 1123, as components' names may be written in capitals. */
export function podName(graph: string, replica: string): string {
  return `${graph}-${replica}`.toLowerCase();
}

/** Component types as labels say them: a prefill worker is a worker whose sub-component is prefill. */
function typeLabels(role: LocalComponent["role"]): Record<string, string> {
  if (role === "other") return {};
  if (role === "prefill" || role === "decode") {
    return { [DYNAMO_LABELS.type]: "worker", [DYNAMO_LABELS.subType]: role };
  }
  return { [DYNAMO_LABELS.type]: role };
}

/**
 * The pods of a deployment: what a planner counts and people look at. They are bound to a node of our own from the start, so that
 * no scheduler and no kubelet takes them up.
 * @param image of each component, as the manifest names it
 */
export function podPictures(
  graph: ApiObject,
  version: ResourceVersionName,
  running: LocalDeployment,
  { node, timeScale }: { node: string; timeScale: number },
  image: (component: string) => string | undefined,
): PodPicture[] {
  const owner = ownerOf(graph, { apiVersion: `${GROUP}/${version}`, kind: "DynamoGraphDeployment" });
  return running.replicas.flatMap((replica) => {
    const component = running.components.find(({ name }) => name === replica.component);
    if (component === undefined) return [];
    const found = image(component.name) ?? DEFAULT_IMAGE;
    const port = replica.url === null ? null : Number(new URL(replica.url).port);
    const name = podName(running.name, replica.name);
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace: running.namespace,
        labels: {
          ...MANAGED_BY,
          [DYNAMO_LABELS.graph]: running.name,
          [DYNAMO_LABELS.component]: component.name.toLowerCase(),
          [DYNAMO_LABELS.namespace]: running.namespace,
          ...typeLabels(component.role),
        },
        ...(timeScale === 1 ? {} : { annotations: { [TIME_SCALE_ANNOTATION]: String(timeScale) } }),
        ownerReferences: [owner],
      },
      spec: {
        nodeName: node,
        hostNetwork: true,
        restartPolicy: "Always",
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 0,
        tolerations: [{ operator: "Exists" }],
        containers: [
          {
            name: POD_CONTAINER,
            image: found,
            ...(port === null ? {} : { ports: [{ name: "http", containerPort: port }] }),
          },
        ],
      },
    };
    return [{ name, object, status: podStatus(replica, found) }];
  });
}

function podStatus(replica: LocalReplica, image: string): PodStatus {
  const { state, url, startedAt, message } = replica;
  const isReady = state === "ready";
  const isUp = isReady || state === "not-ready" || state === "draining" || state === "starting";
  const since = apiTime(Date.parse(startedAt));
  const ip = url === null ? null : new URL(url).hostname.replace(/^\[|\]$/g, "");
  const condition = (type: string, met: boolean) => ({
    type,
    status: met ? ("True" as const) : ("False" as const),
    lastTransitionTime: since,
    ...(met || message === null ? {} : { reason: "ContainersNotReady", message }),
  });
  return {
    phase: isUp ? "Running" : state === "failed" ? "Failed" : "Pending",
    ...(ip === null ? {} : { hostIP: ip, podIP: ip, podIPs: [{ ip }] }),
    startTime: since,
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", true),
      condition("ContainersReady", isReady),
      condition("Ready", isReady),
    ],
    containerStatuses: [
      {
        name: POD_CONTAINER,
        image,
        imageID: "",
        ready: isReady,
        started: isUp,
        restartCount: replica.restarts,
        state: containerState(replica, isUp, since),
      },
    ],
  };
}

function containerState({ state, message }: LocalReplica, isUp: boolean, since: string): Record<string, unknown> {
  const said = message === null ? {} : { message };
  if (isUp) return { running: { startedAt: since } };
  if (state === "back-off") return { waiting: { reason: "CrashLoopBackOff", ...said } };
  if (state === "failed") return { terminated: { exitCode: 1, reason: "Error", ...said } };
  return { waiting: { reason: "ContainerCreating", ...said } };
}
