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

/** A trace that cannot be read. */
export function traceUnreadable(where: string, found: string, hint?: string): UserError {
  return new UserError({
    code: "PLANNER_TRACE_UNREADABLE",
    where,
    message: `found ${found}, expected a request trace (JSONL, plain or .gz)`,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A line of a trace that says nothing of a request. */
export function traceBadLine(where: string, found: string, expected: string): UserError {
  return new UserError({
    code: "PLANNER_TRACE_BAD_LINE",
    where,
    message: `found ${found}, expected ${expected}`,
    hint: "a line is a Mooncake request (timestamp, input_length, output_length) or an event of dynamo.request.trace.v1",
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
