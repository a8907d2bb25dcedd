/** What is read of a cluster's objects. */

export interface ApiMeta {
  name: string;
  uid: string;
  resourceVersion: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface GraphObject {
  metadata: ApiMeta;
  status?: { state?: string; conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

export interface PodObject {
  metadata: ApiMeta;
  spec?: { containers?: { name: string; ports?: { name?: string; containerPort: number }[] }[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: {
      name: string;
      ready?: boolean;
      restartCount?: number;
      state?: { waiting?: { reason?: string; message?: string }; terminated?: { reason?: string } };
      lastState?: { terminated?: { reason?: string } };
    }[];
  };
}

/** Marks what a profiling run has brought up: the next one of the same key finds what this one leaves. */
export const RUN_LABEL = "understudy.dev/profiling-run";
/** Of operators until 0.5: `<deployment>-<component>`, in lower case. */
export const SELECTOR_LABEL = "nvidia.com/selector";
/** As v1beta1 demands it; what operators make of v1alpha1 is called so, too. */
export const MAIN_CONTAINER = "main";

export function graphsPath(apiVersion: string, namespace: string, name?: string): string {
  const collection = `/apis/${apiVersion}/namespaces/${namespace}/dynamographdeployments`;
  return name === undefined ? collection : `${collection}/${name}`;
}

export function podsPath(namespace: string, name?: string): string {
  return `/api/v1/namespaces/${namespace}/pods${name === undefined ? "" : `/${name}`}`;
}

export type Verdict = "ready" | "failed" | "waiting";

/** Ready as Dynamo's profiler has it: the condition Ready, and the state successful. */
export function verdictOf({ status }: GraphObject): { verdict: Verdict; message: string } {
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  const message = condition?.status === "True" ? "" : (condition?.message ?? "");
  if (condition?.status === "True" && status?.state === "successful") return { verdict: "ready", message };
  return { verdict: status?.state === "failed" ? "failed" : "waiting", message };
}

/** The container's own, else the only one. */
export function mainStatus({ status }: PodObject) {
  const all = status?.containerStatuses ?? [];
  return all.find(({ name }) => name === MAIN_CONTAINER) ?? all[0];
}

export function mainContainer({ spec }: PodObject) {
  const all = spec?.containers ?? [];
  return all.find(({ name }) => name === MAIN_CONTAINER) ?? all[0];
}

/** By their names, `decode-10` after `decode-9`. */
export function byName(a: PodObject, b: PodObject): number {
  return a.metadata.name.localeCompare(b.metadata.name, "en", { numeric: true });
}

/** kubelet's words for a container that can't be started as it is. */
const STUCK = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "CreateContainerConfigError",
  "CreateContainerError",
]);

/** What keeps a pod from starting that does not pass by itself, in the words of scheduler and kubelet; null where nothing does. */
export function hindranceOf({ status }: PodObject): { reason: string; message: string } | null {
  const unplaced = status?.conditions?.find(
    ({ type, reason }) => type === "PodScheduled" && reason === "Unschedulable",
  );
  if (unplaced?.status === "False") return { reason: "Unschedulable", message: unplaced.message ?? "" };
  for (const { state } of status?.containerStatuses ?? []) {
    const { reason = "", message = "" } = state?.waiting ?? {};
    if (STUCK.has(reason)) return { reason, message };
  }
  return null;
}
