import { nearest } from "#common";
import type { RequestHints } from "#scenarios/workload";
import { traceBadField, traceBadJson } from "../errors.ts";

const MAX_TOKENS = 2 ** 31 - 1;

/** The fields of one line of a trace. */
export type Fields = Record<string, unknown>;

/** @param where `file:line` @throws UserError SCENARIOS_TRACE_BAD_JSON */
export function parseFields(line: string, where: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw badJson(where, error);
  }
  if (isFields(value)) return value;
  throw traceBadJson(where, `a JSON ${Array.isArray(value) ? "array" : value === null ? "null" : typeof value}`);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A length in tokens. @throws UserError SCENARIOS_TRACE_BAD_FIELD */
export function tokens(row: Fields, key: string, where: string): number {
  const value = row[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_TOKENS) return value;
  let hint: string | undefined;
  if (value === undefined) {
    const near = nearest(key, Object.keys(row));
    if (near !== undefined) hint = `did you mean "${key}" by "${near}"?`;
    else if (key === "input_length" && "text_input" in row) {
      hint = "texts are not tokenised: give the prompt's length in tokens as input_length";
    }
  }
  throw traceBadField(where, key, value, "a whole number of tokens, at least 1", hint);
}

/** ms; undefined where there are none. @throws UserError SCENARIOS_TRACE_BAD_FIELD */
export function optionalTime(row: Fields, key: string, where: string): number | undefined {
  const value = row[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw traceBadField(where, key, value, "milliseconds, 0 or more");
}

/** Content ids of a prompt's blocks; none where the key is absent. @throws UserError SCENARIOS_TRACE_BAD_FIELD */
export function hashIds(row: Fields, key: string, where: string): number[] {
  const value = row[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw traceBadField(where, key, value, "a list of whole numbers");
  for (let i = 0; i < value.length; i++) {
    const id: unknown = value[i];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      throw traceBadField(where, `${key}[${i}]`, id, "a whole number, 0 or more");
    }
  }
  return value as number[];
}

/** A name; null where there is none. @throws UserError SCENARIOS_TRACE_BAD_FIELD */
export function optionalName(row: Fields, key: string, where: string): string | null {
  const value = row[key];
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw traceBadField(where, key, value, "a string or a number");
}

/**
 * What a row tells routers, with the names of ai-dynamo 1.6.1's replay: `priority` (a whole number), `strict_priority` (0 or more) and
 * `policy_class`; undefined where it tells nothing. @throws UserError SCENARIOS_TRACE_BAD_FIELD
 */
export function optionalHints(row: Fields, where: string): RequestHints | undefined {
  const priority = optionalWhole(row, "priority", -MAX_PRIORITY, where);
  const strictPriority = optionalWhole(row, "strict_priority", 0, where);
  const { policy_class: policyClass } = row;
  if (policyClass !== undefined && policyClass !== null && typeof policyClass !== "string") {
    throw traceBadField(where, "policy_class", policyClass, "the name of a policy class");
  }
  if (priority === undefined && strictPriority === undefined && !policyClass) return undefined;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(strictPriority === undefined ? {} : { strictPriority }),
    ...(policyClass ? { policyClass } : {}),
  };
}

const MAX_PRIORITY = 2 ** 31 - 1;

function optionalWhole(row: Fields, key: string, least: number, where: string): number | undefined {
  const value = row[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= MAX_PRIORITY) return value;
  throw traceBadField(where, key, value, `a whole number${least === 0 ? ", 0 or more" : ""}`);
}

function badJson(where: string, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(text)?.[1];
  // V8 quotes the line in some of its messages and counts the position in others.
  const reason =
    text.replace(/, (\.\.\.)?".*is not valid JSON$| in JSON at position.*$| \(line.*$/s, "").split("\n")[0] ?? "";
  const column = position === undefined ? "" : `:${Number(position) + 1}`;
  return traceBadJson(`${where}${column}`, [...reason].slice(0, 80).join(""));
}
