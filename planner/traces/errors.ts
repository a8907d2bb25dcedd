import { UserError } from "#common";

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
