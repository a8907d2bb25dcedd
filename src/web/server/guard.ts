import { isOwnHost, isOwnOrigin, type RequestOrigin } from "#common/http";
import { foreignHost, foreignOrigin } from "../errors.ts";

/**
 * Refuses requests to a name that is not this server's.
 * @param names what else this server is called: the `host` it was told to listen on
 * @throws Refused
 */
export function checkHost(request: RequestOrigin, names: readonly string[]): void {
  if (!isOwnHost(request, names)) throw foreignHost((request.host ?? "").slice(0, 100));
}

/**
 * Refuses what another page makes a browser send.
 * @throws Refused
 */
export function checkOrigin(request: RequestOrigin): void {
  if (!isOwnOrigin(request)) throw foreignOrigin();
}
