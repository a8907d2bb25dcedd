import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { referencePath } from "../reference.ts";

type Json = Record<string, unknown>;

/** As CustomResourceDefinitions have it: OpenAPI v3, structural. */
interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  anyOf?: Schema[];
  nullable?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-embedded-resource"?: boolean;
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
}

/** Folders of reference/crds: `v1alpha1` is the older one; `v1beta1` serves both versions. */
export type CrdEra = "v1alpha1" | "v1beta1";

const KINDS: Record<string, string> = {
  DynamoGraphDeployment: "dynamographdeployments",
  DynamoGraphDeploymentRequest: "dynamographdeploymentrequests",
  DynamoGraphDeploymentScalingAdapter: "dynamographdeploymentscalingadapters",
};

const loaded = new Map<string, Schema>();

function schemaOf(kind: string, version: string, era: CrdEra): Schema {
  const key = `${era}/${kind}/${version}`;
  const known = loaded.get(key);
  if (known) return known;
  const file = referencePath("crds", era, `nvidia.com_${KINDS[kind]}.yaml`);
  const crd = parse(readFileSync(file, "utf8")) as {
    spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
  };
  for (const { name, schema } of crd.spec.versions) loaded.set(`${era}/${kind}/${name}`, schema.openAPIV3Schema);
  const found = loaded.get(key);
  if (!found) throw new Error(`no version ${version} of ${kind} in ${file}`);
  return found;
}

/**
 * What a strict API server would object to in an object of NVIDIA's kinds: wrong types, missing and unknown fields, enums,
 * patterns, bounds, duplicate keys of list maps, and the rules that those CRDs give in CEL as far as they bear on what is
 * generated. Empty where all is well.
 */
export function crdErrors(object: unknown, era: CrdEra): string[] {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const version = apiVersion.split("/")[1]!;
  const schema = schemaOf(kind, version, era);
  const errors: string[] = [];
  check(object, { ...schema, required: [...(schema.required ?? []), "spec"] }, "$", errors, true);
  if (kind === "DynamoGraphDeployment" && version === "v1beta1") componentRules(object as Json, errors);
  return errors;
}

function check(value: unknown, schema: Schema, path: string, errors: string[], isRoot = false): void {
  if (value === null) {
    if (!schema.nullable) errors.push(`${path}: null`);
    return;
  }
  if (schema["x-kubernetes-int-or-string"]) {
    if (typeof value !== "string" && !Number.isInteger(value)) errors.push(`${path}: neither integer nor string`);
  } else if (schema.type && !hasType(value, schema.type)) {
    errors.push(`${path}: ${JSON.stringify(value)} is no ${schema.type}`);
    return;
  }
  if (schema.enum && !schema.enum.includes(value)) errors.push(`${path}: ${JSON.stringify(value)} not in the enum`);
  if (typeof value === "string") checkText(value, schema, path, errors);
  if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) errors.push(`${path}: below ${schema.minimum}`);
    if (schema.maximum !== undefined && value > schema.maximum) errors.push(`${path}: above ${schema.maximum}`);
  }
  if (Array.isArray(value)) checkList(value, schema, path, errors);
  else if (typeof value === "object") checkObject(value as Json, schema, path, errors, isRoot);
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function checkText(value: string, { pattern, minLength, maxLength }: Schema, path: string, errors: string[]): void {
  if (pattern !== undefined && !new RegExp(pattern).test(value)) errors.push(`${path}: "${value}" against ${pattern}`);
  if (minLength !== undefined && value.length < minLength) errors.push(`${path}: shorter than ${minLength}`);
  if (maxLength !== undefined && value.length > maxLength) errors.push(`${path}: longer than ${maxLength}`);
}

function checkList(value: unknown[], schema: Schema, path: string, errors: string[]): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) errors.push(`${path}: too few items`);
  if (schema.maxItems !== undefined && value.length > schema.maxItems) errors.push(`${path}: too many items`);
  value.forEach((item, i) => {
    check(item, schema.items ?? {}, `${path}[${i}]`, errors);
  });
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] === "map" && keys) {
    const ids = value.map((item) => JSON.stringify(keys.map((key) => (item as Json)[key])));
    if (new Set(ids).size < ids.length) errors.push(`${path}: two items of the same ${keys.join(", ")}`);
  }
}

function checkObject(value: Json, schema: Schema, path: string, errors: string[], isRoot: boolean): void {
  for (const key of schema.required ?? []) if (!(key in value)) errors.push(`${path}.${key}: missing`);
  for (const [key, field] of Object.entries(value)) {
    const known = schema.properties?.[key];
    const more = schema.additionalProperties;
    if (isRoot && key === "metadata") checkMetadata(field as Json, errors);
    else if (known) check(field, known, `${path}.${key}`, errors);
    else if (typeof more === "object") check(field, more, `${path}.${key}`, errors);
    else if (schema.properties && !schema["x-kubernetes-preserve-unknown-fields"] && more !== true) {
      errors.push(`${path}.${key}: unknown field`);
    }
  }
}

function checkMetadata(metadata: Json, errors: string[]): void {
  const name = String(metadata.name ?? "");
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) errors.push(`$.metadata.name: "${name}"`);
  for (const kind of ["labels", "annotations"]) {
    for (const [key, value] of Object.entries((metadata[kind] ?? {}) as Json)) {
      if (typeof value !== "string") errors.push(`$.metadata.${kind}.${key}: no text`);
    }
  }
}

function componentRules({ spec }: Json, errors: string[]): void {
  const components = ((spec as Json).components ?? []) as Json[];
  const names = components.map(({ name }) => String(name).toLowerCase());
  if (new Set(names).size < names.length) errors.push("$.spec.components: names must be unique case-insensitively");
  for (const { name, podTemplate } of components) {
    const containers = (((podTemplate as Json | undefined)?.spec as Json | undefined)?.containers ?? []) as Json[];
    if (!containers.some((container) => container.name === "main")) {
      errors.push(`$.spec.components(${name}): no container named main`);
    }
  }
}
