import {
  CONTAINER_SECURITY,
  type KubernetesObject,
  ownLabels,
  POD_SECURITY,
  resources,
  SCRATCH_MOUNT,
  SCRATCH_VOLUME,
} from "#src/deployment";
import { jobPiece, SECRET_FILE } from "../pack.ts";
import type { ShardJob } from "../types.ts";

/** What the Kubernetes objects of a job are made of. */
export interface JobSettings {
  /** Of the Job; what belongs to it has names that begin so. */
  name: string;
  image: string;
  serviceAccount: string;
  deadlineSeconds: number;
}

export interface JobOwner {
  name: string;
  uid: string;
}

/** Where pods find the job's pieces. */
const JOB_MOUNT = "/etc/understudy/job";
/** What is left where whoever ran it could not take it away: a while to be looked at. */
const LEFT_SECONDS = 3600;
/** Another try of a shard that computes alone: its pod may have been unlucky. */
const RETRIES = 2;
/** Exit code of input that is refused: no other try goes better. */
const BAD_INPUT = 2;
const GRACE_SECONDS = 5;
const CONTAINER = "shard";

/** Names and labels of what belongs to a job. */
export const pieceName = (job: string, index: number) => `${job}-job-${index}`;
export const secretName = (job: string) => `${job}-secret`;
export const startName = (job: string) => `${job}-start`;
export const COMPONENTS = { input: "shard-input", ready: "shard-ready", result: "shard-result" } as const;
export const selectorOf = (job: string, component: string) =>
  `app.kubernetes.io/instance=${job},app.kubernetes.io/component=${component}`;
const INDEX = "batch.kubernetes.io/job-completion-index";

/** Metadata of what is deleted with the Job. @param component of its labels */
export function owned(owner: JobOwner, name: string, component: string) {
  return {
    name,
    labels: ownLabels(owner.name, component),
    // Without blockOwnerDeletion, which would take a right on the Job's finalizers.
    ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: owner.name, uid: owner.uid, controller: false }],
  };
}

export function piece(owner: JobOwner, index: number, bytes: Uint8Array): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: owned(owner, pieceName(owner.name, index), COMPONENTS.input),
    immutable: true,
    binaryData: { [jobPiece(index)]: Buffer.from(bytes).toString("base64") },
  };
}

export function secretOf(owner: JobOwner, secret: unknown): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: owned(owner, secretName(owner.name), COMPONENTS.input),
    immutable: true,
    stringData: { [SECRET_FILE]: JSON.stringify(secret) },
  };
}

/** The instant at which all begin: a Lease, because a Role that reads Leases reads nobody's configuration. */
export function startLease(owner: JobOwner, unixMs: number): KubernetesObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: owned(owner, startName(owner.name), COMPONENTS.input),
    spec: { holderIdentity: owner.name, acquireTime: new Date(unixMs).toISOString().replace("Z", "000Z") },
  };
}

/** The Job. @param pieces how many ConfigMaps hold its input */
export function indexedJob(job: ShardJob, pieces: number, hasSecret: boolean, settings: JobSettings): KubernetesObject {
  const labels = ownLabels(settings.name, CONTAINER);
  const shards = job.shards.length;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: settings.name, labels },
    spec: {
      completionMode: "Indexed",
      completions: shards,
      parallelism: shards,
      backoffLimitPerIndex: job.startTogether ? 0 : RETRIES,
      // What has begun together is nothing without one of its parts; of independent shards the others go on.
      ...(job.startTogether ? { maxFailedIndexes: 0 } : {}),
      podFailurePolicy: {
        rules: [
          {
            action: "FailIndex",
            onExitCodes: { containerName: CONTAINER, operator: "In", values: [BAD_INPUT] },
          },
          // A node that is drained is no fault of the shard's.
          {
            action: job.startTogether ? "FailJob" : "Ignore",
            onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
          },
        ],
      },
      activeDeadlineSeconds: settings.deadlineSeconds,
      ttlSecondsAfterFinished: LEFT_SECONDS,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          // It has nothing to put away, and a simulation hears no signal.
          terminationGracePeriodSeconds: GRACE_SECONDS,
          serviceAccountName: settings.serviceAccount,
          securityContext: POD_SECURITY,
          containers: [shardContainer(settings)],
          volumes: [
            {
              name: "job",
              projected: {
                sources: [
                  ...Array.from({ length: pieces }, (_, i) => ({ configMap: { name: pieceName(settings.name, i) } })),
                  ...(hasSecret ? [{ secret: { name: secretName(settings.name) } }] : []),
                ],
              },
            },
            SCRATCH_VOLUME,
          ],
        },
      },
    },
  };
}

function shardContainer({ image }: JobSettings) {
  const label = (name: string, key: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${key}']` } },
  });
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    name: CONTAINER,
    image,
    command: ["understudy", "shard"],
    args: ["--job", JOB_MOUNT, "--to", "kubernetes"],
    env: [
      field("UNDERSTUDY_SHARD_NAMESPACE", "metadata.namespace"),
      field("UNDERSTUDY_SHARD_POD", "metadata.uid"),
      label("UNDERSTUDY_SHARD_JOB", "batch.kubernetes.io/job-name"),
      label("UNDERSTUDY_SHARD_JOB_UID", "batch.kubernetes.io/controller-uid"),
      label("JOB_COMPLETION_INDEX", INDEX),
    ],
    resources: resources("shard"),
    securityContext: CONTAINER_SECURITY,
    // The end of a failed shard's log is in its pod's status, which can be read without a right on logs.
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [SCRATCH_MOUNT, { name: "job", mountPath: JOB_MOUNT, readOnly: true }],
  };
}

/** Pod of a Job, as far as it tells why a shard does not run or failed. */
export interface PodObject {
  metadata?: { name?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type?: string; status?: string; reason?: string; message?: string }[];
    containerStatuses?: {
      state?: {
        waiting?: { reason?: string; message?: string };
        terminated?: { exitCode?: number; reason?: string; message?: string };
      };
    }[];
  };
}

export function indexOfPod({ metadata }: PodObject): number {
  return Number(metadata?.labels?.[INDEX] ?? metadata?.annotations?.[INDEX] ?? Number.NaN);
}
