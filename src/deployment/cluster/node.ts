import type { Pace } from "#planner/connectors";
import { namespacePlayed } from "../errors.ts";
import { type Kubelet, startKubelet } from "./kubelet/kubelet.ts";
import { apiTime, MANAGED_BY } from "./objects.ts";
import type { ClusterWrites } from "./writes.ts";

export interface NodeOptions {
  writes: ClusterWrites;
  /** RFC 1123. */
  name: string;
  /** Who plays it. */
  holder: string;
  /** File of what a pod's container writes; null where there is no such pod here. */
  logOf: (namespace: string, pod: string) => string | null;
  pace: Pace;
  /** Unix ms. */
  now: () => number;
  trouble: (why: string) => void;
}

/** As kubelets have them (node-lease duration and renewal). */
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
/** Only pods that are bound to it by name come here. */
const TAINT = { key: "understudy.dev/runner", value: "true", effect: "NoSchedule" } as const;

/**
 * The node that this machine is to the cluster: pods that stand for processes here are bound to it, and its lease keeps the node controller
 * from taking them for lost.
 */
export class VirtualNode {
  readonly #options: NodeOptions;
  readonly #stop = new AbortController();
  #renewing: Promise<void> | null = null;
  #kubelet: Kubelet | null = null;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** @throws UserError DEPLOYMENT_NAMESPACE_PLAYED where somebody else keeps its lease */
  async start(): Promise<void> {
    const { writes, name, now, logOf } = this.#options;
    await this.#renew(true);
    this.#kubelet = await startKubelet({ name, logOf, now });
    const { address, port } = this.#kubelet;
    await writes.create("/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { ...MANAGED_BY, "kubernetes.io/hostname": name, type: "virtual-kubelet" } },
      spec: { taints: [TAINT] },
    });
    const time = apiTime(now());
    await writes.status(`/api/v1/nodes/${name}`, {
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "RunnerIsReady",
          message: "a runner plays this node",
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
      addresses: [{ type: "InternalIP", address }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
      nodeInfo: { ...NODE_INFO },
    });
    this.#renewing = this.#keepRenewing();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
    await this.#kubelet?.close();
  }

  async remove(): Promise<void> {
    const { writes, name } = this.#options;
    await writes.delete(`/api/v1/nodes/${name}`);
    await writes.delete(`${LEASES}/${name}`);
  }

  async #keepRenewing(): Promise<void> {
    const { pace, trouble } = this.#options;
    for (;;) {
      await pace.sleep(RENEW_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      await this.#renew(false).catch((error: unknown) => trouble((error as Error).message));
    }
  }

  async #renew(asFirst: boolean): Promise<void> {
    const { writes, name, holder, now } = this.#options;
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: new Date(now()).toISOString().replace("Z", "000Z"),
    };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name }, spec };
    const { isNew, object } = await writes.create(LEASES, lease);
    if (isNew) return;
    const { holderIdentity, renewTime } = object.spec as { holderIdentity?: string; renewTime?: string };
    const isFresh = renewTime !== undefined && now() - Date.parse(renewTime) < LEASE_SECONDS * 1000;
    if (asFirst && isFresh && holderIdentity !== undefined && holderIdentity !== holder) {
      throw namespacePlayed(name, holderIdentity);
    }
    await writes.mergeSeen(`${LEASES}/${name}`, object, { spec });
  }
}

/** All required of a node's status; of a kubelet there is no more than its logs. */
const NODE_INFO = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "",
  osImage: "",
  containerRuntimeVersion: "understudy://",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: process.platform,
  architecture: process.arch,
} as const;
