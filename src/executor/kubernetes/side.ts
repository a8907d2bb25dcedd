import { ApiFailure, KubernetesClient, orNull } from "#planner/connectors";
import type { KubernetesObject } from "#src/deployment";
import { notInPod } from "../errors.ts";
import type { ShardSide } from "../types.ts";
import { COMPONENTS, type JobOwner, owned, startName } from "./objects.ts";
import { resultMaps } from "./results.ts";

const LOOK_MS = 500;
/** A result is worth waiting for an API server that restarts. */
const RETRY = { deadlineMs: 300_000 };

interface LeaseObject {
  spec?: { acquireTime?: string };
}

/**
 * A shard in a pod: its result goes into ConfigMaps that belong to the Job. They take no volume that several nodes can write to,
 * no way from the executor to the pods, and outlive the pod; its log would be cut where the node keeps few.
 * @throws UserError EXECUTOR_NOT_IN_POD
 */
export async function kubernetesShardSide(
  index: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ShardSide & { close(): Promise<void> }> {
  const told = (name: string) => {
    const value = env[name];
    if (value === undefined || value === "") throw notInPod(name);
    return value;
  };
  const pod = told("UNDERSTUDY_SHARD_POD");
  const owner: JobOwner = { name: told("UNDERSTUDY_SHARD_JOB"), uid: told("UNDERSTUDY_SHARD_JOB_UID") };
  const client = await KubernetesClient.open({ namespace: told("UNDERSTUDY_SHARD_NAMESPACE"), retry: RETRY });
  const configMaps = `/api/v1/namespaces/${client.namespace}/configmaps`;
  const start = `/apis/coordination.k8s.io/v1/namespaces/${client.namespace}/leases/${startName(owner.name)}`;

  /** One that is there already was made by a request whose answer was lost. */
  const create = async (body: KubernetesObject) => {
    try {
      await client.request({ method: "POST", path: configMaps, body });
    } catch (error) {
      if (!(error instanceof ApiFailure && error.reason === "AlreadyExists")) throw error;
    }
  };

  return {
    async begin() {
      const name = `${owner.name}-ready-${index}-${pod.slice(0, 8)}`;
      await create({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: owned(owner, name, COMPONENTS.ready),
        data: { index: String(index) },
      });
      for (;;) {
        const lease = await orNull(client.request<LeaseObject>({ path: start }));
        if (lease?.spec?.acquireTime !== undefined) return Date.parse(lease.spec.acquireTime);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async finish(result) {
      for (const map of resultMaps(owner, index, pod, result)) await create(map);
    },
    close: () => client.close(),
  };
}
