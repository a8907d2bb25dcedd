import type { Campaign } from "../leadership/elector.ts";
import { type Pace, realPace } from "../pace.ts";
import type { KubernetesClient } from "./client.ts";
import { isStatus } from "./failure.ts";

export interface LeaseCampaignOptions {
  client: KubernetesClient;
  /** Of the Lease, in the client's namespace. */
  name: string;
  identity: string;
  /** The API counts leases in whole seconds: this is rounded up. */
  leaseMs: number;
  /** One attempt's requests, ms; less than the elector's renewal deadline. Default 5 000. */
  requestMs?: number;
  pace?: Pace;
}

interface Lease {
  apiVersion: "coordination.k8s.io/v1";
  kind: "Lease";
  metadata: { name: string; namespace: string; resourceVersion?: string };
  spec?: {
    holderIdentity?: string | null;
    leaseDurationSeconds?: number | null;
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number | null;
  };
}

const REQUEST_MS = 5_000;

/**
 * A Lease as client-go's leader election uses it, so that its tools show who leads. Whoever has not seen it change for its duration by
 * his own clock may take it over: clocks need not agree.
 */
export class LeaseCampaign implements Campaign {
  readonly #options: LeaseCampaignOptions;
  readonly #pace: Pace;
  #seen: { lease: Lease; atMs: number } | null = null;

  constructor(options: LeaseCampaignOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
  }

  get holder(): string | null {
    return this.#seen?.lease.spec?.holderIdentity || null;
  }

  get leftMs(): number | null {
    const seen = this.#seen;
    if (seen === null) return null;
    return seen.atMs + (seen.lease.spec?.leaseDurationSeconds ?? 0) * 1000 - this.#pace.nowMs();
  }

  async attempt(): Promise<boolean> {
    const lease = await this.#look();
    const { identity, leaseMs } = this.#options;
    const holder = lease?.spec?.holderIdentity || null;
    if (holder !== null && holder !== identity && this.leftMs! > 0) return false;
    const now = microTime();
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    return this.#cast(lease, {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: holder === identity ? (lease?.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: lease === null || holder === identity ? transitions : transitions + 1,
    });
  }

  async resign(): Promise<void> {
    const lease = await this.#look();
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    const now = microTime();
    // One second, as client-go writes it: nobody has to wait for who is gone.
    await this.#cast(lease, {
      ...lease.spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
    });
  }

  async close(): Promise<void> {
    await this.#options.client.close();
  }

  async #look(): Promise<Lease | null> {
    try {
      const lease = await this.#request<Lease>("GET");
      this.#saw(lease);
      return lease;
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      this.#seen = null;
      return null;
    }
  }

  /** Whether nobody else was quicker. */
  async #cast(before: Lease | null, spec: NonNullable<Lease["spec"]>): Promise<boolean> {
    const { client, name } = this.#options;
    const metadata = before?.metadata ?? { name, namespace: client.namespace };
    const lease: Lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    try {
      this.#saw(await this.#request<Lease>(before === null ? "POST" : "PUT", lease));
      return true;
    } catch (error) {
      if (isStatus(error, 409)) return false;
      throw error;
    }
  }

  #saw(lease: Lease): void {
    const isNew = this.#seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion;
    if (isNew) this.#seen = { lease, atMs: this.#pace.nowMs() };
  }

  #request<Body>(method: "GET" | "POST" | "PUT", body?: Lease): Promise<Body> {
    const { client, name, requestMs = REQUEST_MS } = this.#options;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${client.namespace}/leases`;
    return client.request<Body>({
      method,
      path: method === "POST" ? path : `${path}/${name}`,
      // The elector tries again by itself.
      retry: { deadlineMs: 0 },
      signal: AbortSignal.timeout(Math.ceil(requestMs)),
      ...(body === undefined ? {} : { body }),
    });
  }
}

/** MicroTime of the API: six digits of a second. */
function microTime(): string {
  return `${new Date().toISOString().slice(0, -1)}000Z`;
}
