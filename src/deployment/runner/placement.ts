/** A worker host as far as placing needs it. */
export interface HostLoad {
  id: string;
  replicas: number;
}

/**
 * Where a new replica goes: into a process of its own while there are fewer than `mostHosts`, else into the one that has fewest.
 * A Node process costs some 60 MB and half a second of start, a worker in it a fraction of both.
 * @returns a host's id, or null: a new one
 */
export function placeReplica(hosts: readonly HostLoad[], mostHosts: number): string | null {
  const empty = hosts.find(({ replicas }) => replicas === 0);
  if (empty !== undefined) return empty.id;
  if (hosts.length < mostHosts) return null;
  return hosts.reduce((least, host) => (host.replicas < least.replicas ? host : least)).id;
}
