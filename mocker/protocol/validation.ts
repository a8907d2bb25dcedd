import type { z } from "zod";
import { invalidJson, invalidRequest, type OpenAiError } from "./errors.ts";

/** A body checked against a schema; what is wrong is told as OpenAI tells it. @throws OpenAiError 400 */
export function checked<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidJson(`expected a JSON object, but got ${nameOf(body)} instead.`);
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw asOpenAiError(result.error.issues[0]!, body);
}

function asOpenAiError(issue: z.core.$ZodIssue, body: unknown): OpenAiError {
  const param = pathText(issue.path);
  const found = valueAt(body, issue.path);
  switch (issue.code) {
    case "invalid_type":
      return found === undefined ? missing(param) : wrongType(param, expectedName(issue.expected), found);
    case "invalid_value": {
      if (found === undefined) return missing(param);
      const supported = issue.values.map((value) => `'${String(value)}'`).join(", ");
      return invalidRequest(
        `Invalid value: ${shown(found)}. Supported values are: ${supported}.`,
        param,
        "invalid_value",
      );
    }
    case "too_small":
      if (issue.origin === "array") return tooShort(param, "array", issue.minimum);
      if (issue.origin === "string") return tooShort(param, "string", issue.minimum);
      return outOfRange(param, found, "below", issue.inclusive === false ? ">" : ">=", issue.minimum);
    case "too_big":
      if (issue.origin === "array" || issue.origin === "string") {
        return invalidRequest(
          `Invalid '${param}': ${issue.origin} too long. Expected at most ${issue.maximum}.`,
          param,
          `${issue.origin}_above_max_length`,
        );
      }
      return outOfRange(param, found, "above", issue.inclusive === false ? "<" : "<=", issue.maximum);
    case "invalid_union":
      if (found !== undefined && "discriminator" in issue && issue.discriminator !== undefined) {
        return invalidRequest(
          `Invalid value: ${shown(found)}. Supported values are: ${issue.message}.`,
          param,
          "invalid_value",
        );
      }
      return found === undefined ? missing(param) : wrongType(param, issue.message, found);
    default:
      return found === undefined && issue.code !== "custom"
        ? missing(param)
        : invalidRequest(`Invalid '${param}': ${issue.message}`, param, "invalid_value");
  }
}

export function missing(param: string): OpenAiError {
  return invalidRequest(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}

export function wrongType(param: string, expected: string, found: unknown): OpenAiError {
  return invalidRequest(
    `Invalid type for '${param}': expected ${expected}, but got ${nameOf(found)} instead.`,
    param,
    "invalid_type",
  );
}

function tooShort(param: string, origin: "array" | "string", minimum: number | bigint): OpenAiError {
  return invalidRequest(
    `Invalid '${param}': empty ${origin}. Expected ${origin === "array" ? "an array" : "a string"} with minimum length ${minimum}, but got an empty ${origin} instead.`,
    param,
    `empty_${origin}`,
  );
}

function outOfRange(
  param: string,
  found: unknown,
  side: "below" | "above",
  relation: string,
  limit: number | bigint,
): OpenAiError {
  const kind = Number.isInteger(found) ? "integer" : "decimal";
  const bound = side === "below" ? "minimum" : "maximum";
  return invalidRequest(
    `Invalid '${param}': ${kind} ${side} ${bound} value. Expected a value ${relation} ${limit}, but got ${shown(found)} instead.`,
    param,
    `${kind}_${side}_${side === "below" ? "min" : "max"}_value`,
  );
}

/** `messages[0].content`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`))
    .join("");
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function expectedName(expected: string): string {
  if (expected === "int") return "an integer";
  if (expected === "number") return "a decimal";
  if (expected === "record") return "an object";
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? `'${value}'` : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
