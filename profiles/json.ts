import { badJson, badValue, missingKey } from "./errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses JSON. Python's json module writes bare `NaN` and `Infinity`, which JSON does not have: they are read as
 * numbers.
 * @throws UserError PROFILES_JSON_SYNTAX with file:line:column
 */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const quoted = text.replace(/(?<=[[:,\s])(-?(?:NaN|Infinity))(?=\s*[,\]}])/g, '"$1"');
    try {
      return JSON.parse(quoted);
    } catch {
      const message = error instanceof Error ? error.message : String(error);
      throw badJson(`${where}${position(text, message)}`, message.replace(/ in JSON at position.*$/s, ""));
    }
  }
}

/** @throws UserError PROFILES_BAD_VALUE */
export function jsonObject(value: unknown, where: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badValue(where, value, "an object");
  return value as JsonObject;
}

/**
 * A number; the strings "NaN", "Infinity" and "-Infinity" stand for what JSON cannot say.
 * @throws UserError PROFILES_BAD_VALUE
 */
export function jsonNumber(value: unknown, where: string): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  throw badValue(where, value, "a number");
}

/** @throws UserError PROFILES_MISSING_KEY, PROFILES_BAD_VALUE */
export function jsonNumbers(object: JsonObject, key: string, where: string): number[] {
  const value = jsonField(object, key, where);
  if (!Array.isArray(value)) throw badValue(`${where}.${key}`, value, "an array of numbers");
  return value.map((item: unknown, i) => jsonNumber(item, `${where}.${key}[${i}]`));
}

/** @throws UserError PROFILES_MISSING_KEY */
export function jsonField(object: JsonObject, key: string, where: string): unknown {
  if (!Object.hasOwn(object, key)) throw missingKey(where, key, Object.keys(object));
  return object[key];
}

/** What JSON cannot say becomes a string, so that it survives the way back. */
export function jsonSafe(values: readonly number[]): (number | string)[] {
  return values.map((value) => (Number.isFinite(value) ? value : String(value)));
}

/** `:line:column` of a V8 message ("… at position 12 …"), or nothing. */
function position(text: string, message: string): string {
  const at = /position (\d+)/.exec(message)?.[1];
  if (at === undefined) return /end of JSON/.test(message) ? `:${text.split("\n").length}` : "";
  const before = text.slice(0, Number(at)).split("\n");
  return `:${before.length}:${before.at(-1)!.length + 1}`;
}
