import { UserError } from "#common";

/** A hand-off between a prefill and a decode worker that can't be. */
export class HandoffError extends Error {
  /** `unknown`: never heard of; `failed`: cancelled, released, expired, or its worker is gone. */
  readonly kind: "unknown" | "failed";

  constructor(kind: "unknown" | "failed", message: string) {
    super(message);
    this.name = "HandoffError";
    this.kind = kind;
  }
}

/** A port that somebody else listens on (EADDRINUSE) or that we may not have (EACCES). */
export function portUnavailable(host: string, port: number, systemCode: string): UserError {
  const taken = systemCode === "EADDRINUSE";
  return new UserError({
    code: "WORKER_PORT_TAKEN",
    where: `${host}:${port}`,
    message: taken ? "something listens there already" : `can't listen there (${systemCode})`,
    hint: taken ? "give another --port, or 0 for any free one" : "give another --host or --port",
    exitCode: 1,
  });
}

/** Reasons a generation ended without having finished. */
export const STOPPED = "the worker was stopped";
export const NOT_READY = "the worker takes no requests now";
