import { wrongType } from "../errors.ts";

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at `key`; null and absent are absent. @throws UserError for anything else, with its place */
export function objectAt(parent: JsonObject, key: string, path: string): JsonObject | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw wrongType(`${path}.${key}`, "an object", value);
  return value;
}

/** The list at `key`; null and absent are absent. @throws UserError for anything else, with its place */
export function listAt(parent: JsonObject, key: string, path: string): unknown[] | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrongType(`${path}.${key}`, "a list", value);
  return value;
}

/** The objects of the list at `key`, none where it is absent. */
export function objectsAt(parent: JsonObject, key: string, path: string): JsonObject[] {
  return (listAt(parent, key, path) ?? []).map((item, i) => {
    if (!isObject(item)) throw wrongType(`${path}.${key}[${i}]`, "an object", item);
    return item;
  });
}

export function textAt(parent: JsonObject, key: string, path: string): string | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(`${path}.${key}`, "a text", value);
  return value;
}

/** A list of texts, or one text, as YAML of `command` and `args` is written by hand. Numbers are texts without quotes. */
export function textsAt(parent: JsonObject, key: string, path: string): string[] | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list)) throw wrongType(`${path}.${key}`, "a list of texts", value);
  return list.map((item, i) => {
    if (typeof item === "number" || typeof item === "boolean") return String(item);
    if (typeof item !== "string") throw wrongType(`${path}.${key}[${i}]`, "a text", item);
    return item;
  });
}

export function countAt(parent: JsonObject, key: string, path: string): number | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw wrongType(`${path}.${key}`, "a whole number of at least 0", value);
  }
  return value;
}

/** The object at `key`, made where it is absent. */
export function ensureObject(parent: JsonObject, key: string, path: string): JsonObject {
  const found = objectAt(parent, key, path);
  if (found) return found;
  const made: JsonObject = {};
  parent[key] = made;
  return made;
}

/** The list of objects at `key`, made where it is absent. */
export function ensureList(parent: JsonObject, key: string, path: string): JsonObject[] {
  if (parent[key] === undefined || parent[key] === null) parent[key] = [];
  objectsAt(parent, key, path);
  return parent[key] as JsonObject[];
}
