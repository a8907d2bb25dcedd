import { badStoreAddress } from "../errors.ts";
import { Elector, type ElectorOptions, electionTimes } from "../leadership/elector.ts";
import { EtcdCampaign } from "../leadership/etcd-campaign.ts";
import { StoreCampaign } from "../leadership/store-campaign.ts";
import type { Leadership } from "../types.ts";
import type { EtcdOptions } from "./etcd-client.ts";
import { EtcdStore } from "./etcd-store.ts";
import { FileStore } from "./file-store.ts";
import { HttpStore } from "./http-store.ts";
import type { KeyValueStore } from "./types.ts";

/** Where a store is. */
export type StoreLocation =
  | { kind: "etcd"; endpoints: readonly string[] }
  | { kind: "file"; folder: string }
  | { kind: "http"; url: string };

/** By whom and how a store is asked; each kind takes what it knows. */
export interface StoreAccess {
  /** etcd. */
  username?: string;
  password?: string;
  /** HTTP: bearer token. */
  token?: string;
  /** PEM of the authority that signed the server's certificate. */
  ca?: string;
}

/** Nothing is asked of the store yet. @throws UserError for an address that is none */
export function openStore(location: StoreLocation, access: StoreAccess = {}): KeyValueStore {
  switch (location.kind) {
    case "file":
      return new FileStore(location.folder);
    case "http": {
      const { token, ca } = access;
      checkUrl(location.url, location.url);
      const tls = ca === undefined ? {} : { ca };
      return new HttpStore({ url: location.url, ...tls, ...(token === undefined ? {} : { token }) });
    }
    case "etcd":
      return new EtcdStore(etcdOptions(location.endpoints, access));
  }
}

/**
 * Of several planners with the same `key` of the same store, one alone leads: in etcd by a lease of its own, elsewhere by a ballot.
 * @throws UserError for an address that is none
 */
export function storeLeadership(
  location: StoreLocation,
  access: StoreAccess,
  options: ElectorOptions & { key: string },
): Leadership {
  const { key, identity, pace } = options;
  const { leaseMs } = electionTimes(options.times);
  if (location.kind === "etcd") {
    const etcd = etcdOptions(location.endpoints, access);
    return new Elector(new EtcdCampaign({ etcd, key, identity, leaseMs }), options);
  }
  const store = openStore(location, access);
  const campaign = new StoreCampaign({ store, key, identity, leaseMs, ...(pace === undefined ? {} : { pace }) });
  return new Elector(campaign, options);
}

function etcdOptions(endpoints: readonly string[], { username, password, ca }: StoreAccess): EtcdOptions {
  for (const endpoint of endpoints) checkUrl(endpoint, `etcd:${endpoints.join(",")}`);
  return {
    endpoints: endpoints.map((endpoint) => endpoint.replace(/\/+$/, "")),
    ...(ca === undefined ? {} : { ca }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Names and passwords have places of their own: an address is shown in messages. */
function checkUrl(text: string, whole: string): void {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!isPlain || !/^https?:$/.test(url.protocol)) throw badStoreAddress(whole);
}
