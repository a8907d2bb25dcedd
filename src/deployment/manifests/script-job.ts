import { HF_SECRET } from "../blueprints.ts";
import type { KubernetesObject } from "../types.ts";
import { deployTo, type ManifestOptions } from "./options.ts";
import { SCRIPT_ACCOUNT } from "./rbac.ts";
import { resultsClaim } from "./storage.ts";

export const SCRIPT_JOB = "profile-sla";
const RESULTS = "/workspace/profiling_results";
/** What a sweep takes on the side of the client. */
export const JOB_RESOURCES = { requests: { cpu: "16", memory: "10Gi" } };

/** The profiling Job of 0.3: applied by hand, everything on the command line, results on a PVC. */
export function scriptJob(options: ManifestOptions): KubernetesObject[] {
  const { namespace } = options;
  const volume = "output-volume";
  return [
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: SCRIPT_JOB, namespace },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            serviceAccountName: SCRIPT_ACCOUNT,
            restartPolicy: "Never",
            containers: [
              {
                name: SCRIPT_JOB,
                image: options.image,
                resources: JOB_RESOURCES,
                env: [hfToken(), ...messageBus(namespace)],
                workingDir: "/workspace",
                command:
                  options.flavour === "understudy"
                    ? ["understudy", "profile"]
                    : ["python", "benchmarks/profiler/profile_sla.py"],
                args: [...scriptArguments(options), ...deployTo(options)],
                volumeMounts: [{ name: volume, mountPath: RESULTS }],
              },
            ],
            volumes: [{ name: volume, persistentVolumeClaim: { claimName: resultsClaim(options) } }],
          },
        },
      },
    },
  ];
}

function scriptArguments(options: ManifestOptions): string[] {
  return [
    ...["--config", options.configFile],
    ...["--output-dir", RESULTS],
    ...["--namespace", options.namespace],
    ...["--min-num-gpus-per-engine", String(options.minGpusPerEngine)],
    ...["--max-num-gpus-per-engine", String(options.maxGpusPerEngine)],
    ...["--isl", String(options.isl)],
    ...["--osl", String(options.osl)],
    ...["--ttft", String(options.ttftMs)],
    ...["--itl", String(options.itlMs)],
  ];
}

/** The Hugging Face token, where there is such a secret. */
export function hfToken(): object {
  return {
    name: "HUGGING_FACE_HUB_TOKEN",
    valueFrom: { secretKeyRef: { name: HF_SECRET, key: "HF_TOKEN", optional: true } },
  };
}

/** Where Dynamo's platform of that time has its message bus and its store. */
export function messageBus(namespace: string): object[] {
  return [
    { name: "NATS_SERVER", value: `nats://${namespace}-nats:4222` },
    { name: "ETCD_ENDPOINTS", value: `${namespace}-etcd:2379` },
  ];
}
