import type { KubernetesObject } from "../types.ts";
import type { ManifestOptions } from "./options.ts";

/** Where results stay: claimed by one node's Job in 0.3, shared with planners since. */
const SCRIPT_CLAIM = { name: "profiling-pvc", accessMode: "ReadWriteOnce" };
const SHARED_CLAIM = { name: "dynamo-pvc", accessMode: "ReadWriteMany" };
const SIZE = "50Gi";
const ACCESS_IMAGE = "ubuntu:22.04";
const UID = 1000;

export function resultsClaim({ dialect, claim }: ManifestOptions): string {
  return claim.name ?? (dialect === "0.3" ? SCRIPT_CLAIM : SHARED_CLAIM).name;
}

export function persistentVolumeClaim(options: ManifestOptions): KubernetesObject[] {
  const { dialect, namespace, claim } = options;
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: resultsClaim(options), namespace },
      spec: {
        accessModes: [claim.accessMode ?? (dialect === "0.3" ? SCRIPT_CLAIM : SHARED_CLAIM).accessMode],
        ...(claim.storageClass !== undefined && { storageClassName: claim.storageClass }),
        resources: { requests: { storage: claim.size ?? SIZE } },
      },
    },
  ];
}

/** A pod that mounts the results, to copy them from after the Job. */
export function accessPod(options: ManifestOptions): KubernetesObject[] {
  const volume = "profiling-storage";
  return [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "pvc-access-pod", namespace: options.namespace, labels: { app: "pvc-access" } },
      spec: {
        restartPolicy: "Never",
        securityContext: { runAsNonRoot: true, runAsUser: UID, fsGroup: UID },
        containers: [
          {
            name: "shell",
            image: ACCESS_IMAGE,
            command: ["sleep", "3000"],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
            resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "200m", memory: "256Mi" } },
            volumeMounts: [{ name: volume, mountPath: "/data" }],
          },
        ],
        volumes: [{ name: volume, persistentVolumeClaim: { claimName: resultsClaim(options) } }],
      },
    },
  ];
}
