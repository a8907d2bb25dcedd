import { UserError } from "#common";
import type { Refusal } from "./types.ts";

/** The catalogue of what can keep the WebUI from being shown, and of what its server refuses. */

export const nothingToPick = (phase: "prefill" | "decode"): UserError =>
  new UserError({
    code: "WEB_NOTHING_TO_PICK",
    message: `found no ${phase} result, expected at least one to pick from`,
    hint: "see above why candidates were left out; --max-num-gpus-per-engine widens the search",
    exitCode: 1,
  });

export const portTaken = (host: string, port: number, cause: unknown): UserError =>
  new UserError({
    code: "WEB_PORT_TAKEN",
    where: "--webui-port",
    message: `port ${port} of ${host} is in use`,
    hint: "--webui-port 0 takes any free one",
    cause,
  });

export const cannotListen = (host: string, port: number, cause: Error): UserError =>
  new UserError({
    code: "WEB_LISTEN",
    where: "--webui-port",
    message: `can't listen on ${host}:${port}: ${cause.message}`,
    hint: "ports below 1024 need privileges",
    cause,
  });

export const pageNotBuilt = (why: string): UserError =>
  new UserError({
    code: "WEB_PAGE_NOT_BUILT",
    message: `the WebUI's page could not be built: ${why}`,
    hint: "run npm install: building the page needs its development dependencies",
    exitCode: 1,
  });

/** A request that is not served: what is answered instead. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  body(): Refusal {
    return { error: { code: this.code, message: this.message } };
  }
}

export const invalidSelection = (message: string): Refused => new Refused(400, "invalid_selection", message);

export const selectionMade = (): Refused =>
  new Refused(409, "selection_made", "The selection was made before; it can't be changed any more.");

export const foreignHost = (host: string): Refused =>
  new Refused(403, "foreign_host", `This page is not served under the name ${JSON.stringify(host)}.`);

export const foreignOrigin = (): Refused =>
  new Refused(403, "foreign_origin", "A selection is taken from the profiler's own page alone.");

export const notFound = (): Refused => new Refused(404, "not_found", "There is nothing here.");

export const wrongMethod = (): Refused =>
  new Refused(405, "wrong_method", "Pages and data are read with GET; POST /selection picks.");

export const notJson = (): Refused =>
  new Refused(415, "not_json", "A selection is JSON, sent with the content type application/json.");

export const malformed = (message: string): Refused => new Refused(400, "malformed", message);

export const tooLarge = (limitBytes: number): Refused =>
  new Refused(413, "too_large", `A selection takes ${limitBytes} bytes at most.`);
