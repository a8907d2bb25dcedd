import { isIP } from "node:net";
import { foreignHost, foreignOrigin } from "../errors.ts";

/** What a request says of where it comes from. */
export interface RequestOrigin {
  host: string | undefined;
  origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers set and pages can't. */
  fetchSite: string | undefined;
}

/**
 * Refuses requests to a name that is not this server's: a page elsewhere may let its own name resolve to a loopback address and so
 * pass for this server's page (DNS rebinding). Addresses can't be rebound, so all of them pass, whatever port a tunnel gave them.
 * @param names what else this server is called: the `host` it was told to listen on
 * @throws Refused
 */
export function checkHost({ host }: RequestOrigin, names: readonly string[]): void {
  const name = hostName(host);
  const known =
    name !== null && (isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost") || names.includes(name));
  if (!known) throw foreignHost((host ?? "").slice(0, 100));
}

/**
 * Refuses what another page makes a browser send. Requests without these headers come from no browser.
 * @throws Refused
 */
export function checkOrigin({ host, origin, fetchSite }: RequestOrigin): void {
  if (fetchSite !== undefined && fetchSite !== "same-origin") throw foreignOrigin();
  if (origin === undefined) return;
  const parsed = URL.parse(origin);
  // Behind a TLS-ending proxy the page has https where this server sees http, so the scheme is not compared.
  if (parsed === null || host === undefined || parsed.host !== URL.parse(`${parsed.protocol}//${host}`)?.host) {
    throw foreignOrigin();
  }
}

/** Name or address of a `Host` header, without port and brackets. */
function hostName(host: string | undefined): string | null {
  if (host === undefined || !/^[\w.\-[\]:]+$/.test(host)) return null;
  const parsed = URL.parse(`http://${host}`);
  return parsed === null ? null : parsed.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}
