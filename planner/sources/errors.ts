import { UserError } from "#common";

/** A source without anything to observe. */
export function noFrontends(): UserError {
  return new UserError({
    code: "PLANNER_SOURCE_NO_FRONTENDS",
    message: "found no frontend to observe, expected at least one address",
    hint: "give the address of a frontend, such as http://127.0.0.1:8000",
  });
}

/** An address that is none. */
export function badFrontendAddress(address: string): UserError {
  return new UserError({
    code: "PLANNER_SOURCE_BAD_ADDRESS",
    message: `found frontend address ${JSON.stringify(address)}, expected http:// or https:// with a host`,
    hint: "write it like http://127.0.0.1:8000, without a path",
  });
}

/** A file that is needed to ask Prometheus. */
export function prometheusFile(where: string, file: string, cause: unknown): UserError {
  return new UserError({
    code: "PLANNER_PROMETHEUS_FILE",
    where,
    message: `${file} can't be read: ${(cause as Error).message}`,
    hint: "give a file that this process may read",
    cause,
  });
}
