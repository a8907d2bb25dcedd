import type { IncomingHttpHeaders } from "node:http";
import { HEADERS, invalidRequest } from "#mocker/protocol";
import type { Job } from "../serving/job.ts";

/**
 * What routers are told of a request beside its prompt, where Dynamo's frontend looks for it: the session in the header
 * `X-Dynamo-Session-ID` (or `X-Session-Id`), priorities in the headers `x-dynamo-request-priority` and
 * `x-dynamo-request-strict-priority`, else in the body under `nvext.agent_hints`, the policy class in `x-dynamo-meta-policy-class`.
 * @throws OpenAiError 400 for priorities that are no numbers
 */
export function routingHints(headers: IncomingHttpHeaders, json: Record<string, unknown>): Job["routing"] {
  const session = headers[HEADERS.dynamoSessionId] ?? headers[HEADERS.sessionId];
  const hints = memberOf(memberOf(json, "nvext"), "agent_hints");
  const priority = numberIn(headers, HEADERS.requestPriority, hints, "priority");
  const strictPriority = numberIn(headers, HEADERS.requestStrictPriority, hints, "strict_priority");
  const policyClass = headers[HEADERS.policyClass];
  return {
    ...(typeof session === "string" && session !== "" ? { session } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(strictPriority === undefined ? {} : { strictPriority: Math.max(0, Math.floor(strictPriority)) }),
    ...(typeof policyClass === "string" && policyClass !== "" ? { policyClass } : {}),
  };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Of a header, else of the body's member. */
function numberIn(headers: IncomingHttpHeaders, header: string, hints: unknown, name: string): number | undefined {
  const said = headers[header];
  if (typeof said === "string" && said !== "") {
    const value = Number(said);
    if (Number.isFinite(value)) return value;
    throw invalidRequest(`Invalid header '${header}': expected a number.`, header);
  }
  const value = memberOf(hints, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const param = `nvext.agent_hints.${name}`;
  throw invalidRequest(`Invalid '${param}': expected a number.`, param);
}
