import { decode, EtcdClient, type EtcdOptions, encode } from "../stores/etcd-client.ts";
import type { Campaign } from "./elector.ts";

export interface EtcdCampaignOptions {
  etcd: EtcdOptions;
  /** Key that the leader holds. */
  key: string;
  identity: string;
  /** etcd counts leases in whole seconds: this is rounded up. */
  leaseMs: number;
}

/**
 * A key bound to a lease of etcd's: the leader keeps the lease alive; without it etcd deletes the key, and whoever finds it
 * absent may write it.
 */
export class EtcdCampaign implements Campaign {
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #identity: string;
  readonly #ttlS: number;
  #lease: string | null = null;
  #holder: string | null = null;

  constructor({ etcd, key, identity, leaseMs }: EtcdCampaignOptions) {
    this.#client = new EtcdClient(etcd);
    this.#key = encode(key);
    this.#identity = identity;
    this.#ttlS = Math.ceil(leaseMs / 1000);
  }

  get holder(): string | null {
    return this.#holder;
  }

  async attempt(): Promise<boolean> {
    if (this.#lease !== null && !(await this.#keepAlive(this.#lease))) this.#lease = null;
    this.#lease ??= (await this.#client.call<{ ID: string }>("/v3/lease/grant", { TTL: String(this.#ttlS) })).ID;
    const key = this.#key;
    const put = { key, value: encode(this.#identity), lease: this.#lease };
    const answer = await this.#client.call<{
      succeeded?: boolean;
      responses?: { response_range?: { kvs?: { value?: string; lease?: string }[] } }[];
    }>("/v3/kv/txn", {
      compare: [{ key, target: "CREATE", result: "EQUAL", create_revision: "0" }],
      success: [{ request_put: put }],
      failure: [{ request_range: { key } }],
    });
    if (answer.succeeded) {
      this.#holder = this.#identity;
      return true;
    }
    const found = answer.responses?.[0]?.response_range?.kvs?.[0];
    this.#holder = found === undefined ? null : decode(found.value);
    return found?.lease === this.#lease;
  }

  /** etcd keeps the leases: it alone knows. */
  get leftMs(): null {
    return null;
  }

  async resign(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    this.#holder = null;
    if (lease !== null) await this.#client.call("/v3/lease/revoke", { ID: lease });
  }

  /** Those who wait hold a lease, too; it ends by itself. */
  async close(): Promise<void> {
    await this.#client.close();
  }

  async #keepAlive(lease: string): Promise<boolean> {
    const answer = await this.#client.call<{ result?: { TTL?: string } }>("/v3/lease/keepalive", { ID: lease });
    return Number(answer.result?.TTL ?? 0) > 0;
  }
}
