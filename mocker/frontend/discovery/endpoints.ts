import type { V1EndpointSlice, V1Pod } from "@kubernetes/client-node";
import { hostPort } from "#common/http";

/** Port of a worker's API where nothing says otherwise. */
const DEFAULT_PORT = 8000;
const PORT_NAMES = ["http", "api", "system"];

/** Addresses of the endpoints of a slice that take requests. `port` beats the slice's own. */
export function sliceUrls({ addressType, endpoints, ports }: V1EndpointSlice, port?: number): string[] {
  if (addressType === "FQDN") return [];
  const found = port ?? namedPort(ports ?? []);
  if (found === undefined) return [];
  return (endpoints ?? []).flatMap(({ addresses, conditions }) => {
    // Absent is to be taken as ready (the API's own words); an endpoint that ends takes nothing new.
    if (conditions?.ready === false || conditions?.terminating === true) return [];
    return addresses.map((address) => url(address, found));
  });
}

/** The address of a pod that runs; whether its worker is ready is for the health checks. */
export function podUrls({ metadata, spec, status }: V1Pod, port?: number): string[] {
  if (metadata?.deletionTimestamp !== undefined || status?.phase !== "Running" || !status.podIP) return [];
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const declared = namedPort(ports.map(({ name, containerPort }) => ({ name, port: containerPort })));
  return [url(status.podIP, port ?? declared ?? DEFAULT_PORT)];
}

function namedPort(ports: readonly { name?: string | undefined; port?: number | undefined }[]): number | undefined {
  const named = PORT_NAMES.map((name) => ports.find((port) => port.name === name)).find((port) => port !== undefined);
  return (named ?? ports[0])?.port;
}

function url(address: string, port: number): string {
  return `http://${hostPort(address, port)}`;
}
