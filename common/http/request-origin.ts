import { isIP } from "node:net";

/** What an HTTP request says of where it comes from. */
export interface RequestOrigin {
  host: string | undefined;
  origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers set and pages can't. */
  fetchSite: string | undefined;
}

/**
 * Whether a request is addressed to this server by a name of its own: a page elsewhere may let its own name resolve to a loopback
 * address and so pass for this server's page (DNS rebinding). Addresses can't be rebound, so all of them pass, whatever port a
 * tunnel gave them.
 * @param names what else this server is called: the `host` it was told to listen on
 */
export function isOwnHost({ host }: RequestOrigin, names: readonly string[]): boolean {
  const name = hostName(host);
  return (
    name !== null && (isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost") || names.includes(name))
  );
}

/** Whether no other page made a browser send it. Requests without these headers come from no browser. */
export function isOwnOrigin({ host, origin, fetchSite }: RequestOrigin): boolean {
  if (fetchSite !== undefined && fetchSite !== "same-origin") return false;
  if (origin === undefined) return true;
  const parsed = URL.parse(origin);
  // Behind a TLS-ending proxy the page has https where this server sees http, so the scheme is not compared.
  return parsed !== null && host !== undefined && parsed.host === URL.parse(`${parsed.protocol}//${host}`)?.host;
}

/** Name or address of a `Host` header, without port and brackets. */
function hostName(host: string | undefined): string | null {
  if (host === undefined || !/^[\w.\-[\]:]+$/.test(host)) return null;
  const parsed = URL.parse(`http://${host}`);
  return parsed === null ? null : parsed.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}
