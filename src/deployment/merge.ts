import { convertGraph } from "./convert.ts";
import { unknownOverride, wrongType } from "./errors.ts";
import { readGraph } from "./graph/graph.ts";
import { isObject, type JsonObject } from "./graph/json.ts";
import type { DgdVersion, KubernetesObject } from "./types.ts";

/**
 * A partial deployment over a whole one: objects key by key, lists item by item where items have names, other values and lists
 * replaced; an explicit null removes. Each is read in the override's own version.
 * @throws UserError for a component that the deployment has not, and that is not whole itself
 */
export function applyOverrides(
  dgd: KubernetesObject,
  overrides: JsonObject,
  where = "overrides.dgd",
): KubernetesObject {
  const version = readGraph(dgd).version;
  const theirs = overrideVersion(overrides, where) ?? version;
  const base = theirs === version ? dgd : convertGraph(dgd, theirs).object;
  checkComponents(base, overrides, theirs, where);
  const merged = readGraph(mergeByName(base, overrides), where).object;
  return theirs === version ? merged : convertGraph(merged, version).object;
}

function overrideVersion({ apiVersion }: JsonObject, where: string): DgdVersion | undefined {
  if (apiVersion === undefined) return undefined;
  if (apiVersion === "nvidia.com/v1alpha1") return "v1alpha1";
  if (apiVersion === "nvidia.com/v1beta1") return "v1beta1";
  throw wrongType(`${where}.apiVersion`, "nvidia.com/v1alpha1 or nvidia.com/v1beta1", apiVersion);
}

function checkComponents(base: KubernetesObject, overrides: JsonObject, version: DgdVersion, where: string): void {
  const names = readGraph(base)
    .components()
    .map(({ name }) => name);
  for (const [name, fields] of overriddenComponents(overrides, version)) {
    const whole = version === "v1alpha1" ? fields.extraPodSpec !== undefined : fields.podTemplate !== undefined;
    const place = `${where}.spec.${version === "v1alpha1" ? "services" : "components"}`;
    if (!names.includes(name) && !(whole && JSON.stringify(fields).includes('"image"'))) {
      throw unknownOverride(place, name, names);
    }
  }
}

function overriddenComponents({ spec }: JsonObject, version: DgdVersion): [name: string, fields: JsonObject][] {
  if (!isObject(spec)) return [];
  if (version === "v1beta1") {
    const list = Array.isArray(spec.components) ? spec.components.filter(isObject) : [];
    return list.map((component) => [String(component.name), component]);
  }
  if (!isObject(spec.services)) return [];
  return Object.entries(spec.services).filter((entry): entry is [string, JsonObject] => isObject(entry[1]));
}

/** Deep merge; lists whose items all have a `name` are merged item by item, other lists are replaced. */
export function mergeByName<T>(base: T, over: unknown): T {
  if (isObject(base) && isObject(over)) {
    const merged: JsonObject = { ...base };
    for (const [key, value] of Object.entries(over)) {
      if (value === null) delete merged[key];
      else merged[key] = mergeByName(merged[key], value);
    }
    return merged as T;
  }
  if (isNamedList(base) && isNamedList(over)) {
    const merged = base.map((item) => {
      const change = over.find(({ name }) => name === item.name);
      return change ? mergeByName(item, change) : item;
    });
    const added = over.filter(({ name }) => !base.some((item) => item.name === name));
    return [...merged, ...added] as T;
  }
  return over as T;
}

function isNamedList(value: unknown): value is (JsonObject & { name: string })[] {
  return Array.isArray(value) && value.every((item) => isObject(item) && typeof item.name === "string");
}
