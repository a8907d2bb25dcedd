import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { HEADERS } from "./types.ts";

/** The client's, where it is fit to be repeated in a header; or one of our own. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const header = headers[HEADERS.requestId];
  return typeof header === "string" && /^[\x21-\x7e]{1,256}$/.test(header) ? header : randomUUID();
}
