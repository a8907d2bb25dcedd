import type { IncomingHttpHeaders } from "node:http";
import { HEADERS, invalidRequest } from "#mocker/protocol";
import type { Job } from "../serving/job.ts";

/**
 * What routers are told of a request beside its prompt, where Dynamo's frontend looks for it: the session in the header
 * `X-Dynamo-Session-ID` (or `X-Session-Id`), priorities in the body under `nvext.agent_hints`.
 * @throws OpenAiError 400 for priorities that are no numbers
 */
export function routingHints(headers: IncomingHttpHeaders, json: Record<string, unknown>): Job["routing"] {
  const session = headers[HEADERS.dynamoSessionId] ?? headers[HEADERS.sessionId];
  const hints = memberOf(memberOf(json, "nvext"), "agent_hints");
  const priority = numberIn(hints, "priority");
  const strictPriority = numberIn(hints, "strict_priority");
  return {
    ...(typeof session === "string" && session !== "" ? { session } : {}),
    ...(priority === undefined ? {} : { priority: Math.max(0, priority) }),
    ...(strictPriority === undefined ? {} : { strictPriority: Math.max(0, Math.floor(strictPriority)) }),
  };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function numberIn(hints: unknown, name: string): number | undefined {
  const value = memberOf(hints, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const param = `nvext.agent_hints.${name}`;
  throw invalidRequest(`Invalid '${param}': expected a number.`, param);
}
