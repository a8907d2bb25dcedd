/** What one replica of a component runs; `command` is any other command of ours. */
export type ReplicaKind = "worker" | "frontend" | "planner" | "profiler" | "command";

/** A file that a replica finds: of a ConfigMap or a Secret that its pod mounts. */
export interface MountedFile {
  /** Where the manifest mounts it, such as `/workspace/profile/prefill_raw_data.json`. */
  mountPath: string;
  content: Uint8Array;
}

/** A folder that is mounted, and empty until something is written or lies on the claim already. */
export interface MountedFolder {
  mountPath: string;
  /** Name of the volume claim that all who name it share; null: the replica's own. */
  claim: string | null;
  /** Folder of the claim that is mounted, without a slash in front; null: the whole claim. */
  subPath: string | null;
}

/** What a manifest says of one replica, translated to our own command line. */
export interface ReplicaTemplate {
  kind: ReplicaKind;
  /**
   * Our own command and its flags, without the program: `["mocker", "--disaggregation-mode", "prefill", …]`. Ports, addresses, folders
   * of leases and the like are left out: they are the runner's to add. `%{metadata.name}` and `%{metadata.uid}` stand for the
   * replica's own name and id, here and in `env`: `forReplica` fills them in.
   */
  argv: readonly string[];
  /** Environment of the manifest, references to ConfigMaps and Secrets resolved, and what Dynamo's operator adds. */
  env: Readonly<Record<string, string>>;
  /** Environment of whoever runs it: paths in it are this machine's, whatever is mounted where. */
  hostEnv?: Readonly<Record<string, string>>;
  /** Places in the container where something is mounted: paths at and under them in `argv` and `env` are the manifest's (`rewritePaths`). */
  mounts: readonly string[];
  files: readonly MountedFile[];
  folders: readonly MountedFolder[];
  /** Workers that one replica stands for (`--num-workers`, `multinode` does not count). */
  workersPerReplica: number;
  /** Port that the manifest has it serve on; null where it says none. */
  port: number | null;
  /** Of a planner: the Prometheus that its manifest names and that may be reached from outside a cluster; null: frontend and workers are to be scraped. */
  prometheus: string | null;
  /** Probes of the manifest; null where it has none: the kind's own health endpoint is asked then. */
  probes: { readiness: Probe | null; liveness: Probe | null; startup: Probe | null };
  /** How long a replica may take to end what it has, s. */
  terminationGraceSeconds: number;
}

/** As the pod's probe of the same name. */
export interface Probe {
  path: string;
  /** Port as the manifest names it; the runner maps it to the replica's own. */
  port: number | string;
  initialDelaySeconds: number;
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
  successThreshold: number;
}

/** One service (v1alpha1) or component (v1beta1) to run. */
export interface ComponentPlan {
  /** The manifest's own name, such as `VllmPrefillWorker`. */
  name: string;
  role: "frontend" | "prefill" | "decode" | "worker" | "planner" | "other";
  replicas: number;
  /** GPUs of one replica by its resources, over all its nodes; null where they don't say. */
  gpusPerReplica: number | null;
  /** Replicas below which it counts as unavailable; null where the manifest does not say. */
  minAvailable: number | null;
  /** Whether a scaling adapter stands for its replicas. */
  hasScalingAdapter: boolean;
  template: ReplicaTemplate;
  /** A change of it is a change of the replicas themselves: they are rolled over. Hash of the template. */
  revision: string;
}

/** A DynamoGraphDeployment, ready to be run. */
export interface DeploymentPlan {
  namespace: string;
  name: string;
  apiVersion: "nvidia.com/v1alpha1" | "nvidia.com/v1beta1";
  /** Name that it serves its model under; null where nobody says. */
  model: string | null;
  components: readonly ComponentPlan[];
  /** What was translated or left aside, one sentence each, for the user to read. */
  notes: readonly string[];
}
