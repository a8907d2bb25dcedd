import { z } from "zod";
import { dgdrV1alpha1Schema, dgdrV1beta1Schema } from "./dgdr-schema.ts";
import { type FieldFacts, fieldFacts, isNullable, shapeOf, unwrap } from "./field.ts";
import { profilingConfigSchema } from "./legacy-schema.ts";
import { legacyPlannerSchema, plannerConfigSchema } from "./planner-schema.ts";

/** A key of a document, for its reference. */
export interface ReferenceRow {
  /** `spec.hardware.gpuSku` */
  path: string;
  type: string;
  preset: string;
  description: string;
  required: boolean;
  aliases: readonly string[];
}

export interface ReferenceTable {
  id: "v1alpha1" | "profiling-config" | "planner" | "v1beta1" | "planner-config";
  rows: ReferenceRow[];
}

/** Every field of every document, from the schemas that documents are checked with. */
export function referenceTables(): ReferenceTable[] {
  const tables: [ReferenceTable["id"], z.ZodType][] = [
    ["v1alpha1", dgdrV1alpha1Schema],
    ["profiling-config", profilingConfigSchema],
    ["planner", legacyPlannerSchema],
    ["v1beta1", dgdrV1beta1Schema],
    ["planner-config", plannerConfigSchema],
  ];
  return tables.map(([id, schema]) => ({ id, rows: rowsOf(schema, "") }));
}

function rowsOf(schema: z.ZodType, above: string): ReferenceRow[] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([key, child]) => {
    const facts: FieldFacts = fieldFacts.get(child) ?? {};
    const path = above === "" ? key : `${above}.${key}`;
    const row: ReferenceRow = {
      path,
      type: shapeOf(child) ? "section" : typeName(child),
      preset: facts.preset ?? "",
      description: child.description ?? "",
      required: facts.required === true,
      aliases: facts.aliases ?? [],
    };
    return [row, ...rowsOf(child, path)];
  });
}

interface Json {
  [key: string]: unknown;
}

/** What a value may be, in words. */
export function typeName(schema: z.ZodType): string {
  const json = leafJson(schema);
  const orNull = isNullable(schema) ? " or null" : "";
  if (json.const !== undefined) return `\`${String(json.const)}\``;
  if (Array.isArray(json.enum)) {
    return `${json.enum
      .filter((word) => word !== "")
      .map((word) => `\`${word}\``)
      .join(", ")}${orNull}`;
  }
  const names: Readonly<Record<string, string>> = {
    integer: "whole number",
    boolean: "`true`, `false`",
    string: "text",
    object: "keys and values",
    array: "list",
  };
  const name = names[String(json.type)] ?? String(json.type ?? "anything");
  return `${name}${bounds(json)}${orNull}`;
}

function bounds({ minimum, maximum, exclusiveMinimum }: Json): string {
  const top = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`;
  if (typeof minimum !== "number" || minimum <= Number.MIN_SAFE_INTEGER) return "";
  return top === undefined ? ` ≥ ${minimum}` : ` ${minimum} to ${top}`;
}

function leafJson(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(unwrap(schema), { io: "input", target: "draft-7" }) as Json;
  return json;
}

/** JSON Schemas for editors, by what they are for. Keys of the profiling config stand in snake_case and camelCase. */
export function editorSchemas(): { dgdr: Json; profilingConfig: Json } {
  const v1alpha1 = objectJson(dgdrV1alpha1Schema, false);
  const config = objectJson(profilingConfigSchema, true);
  const planner = { type: "object", additionalProperties: true };
  const withPlanner = { ...config, properties: { ...(config.properties as Json), planner } };
  const spec = (v1alpha1.properties as Json).spec as Json;
  const profiling = (spec.properties as Json).profilingConfig as Json;
  (profiling.properties as Json).config = { ...withPlanner, description: "The profiling config" };
  const v1beta1 = objectJson(dgdrV1beta1Schema, false);
  const features = ((v1beta1.properties as Json).spec as Json).properties as Json;
  const featureKeys = (features.features as Json).properties as Json;
  featureKeys.planner = {
    ...objectJson(plannerConfigSchema, false),
    additionalProperties: true,
    description: "Planner settings",
  };
  // A file may hold what a request refers to, beside it.
  const others = {
    type: "object",
    required: ["apiVersion", "kind"],
    properties: { kind: { enum: ["ConfigMap", "DynamoGraphDeployment"] } },
  };
  return {
    dgdr: { title: "DynamoGraphDeploymentRequest", anyOf: [v1alpha1, v1beta1, others] },
    profilingConfig: { title: "Profiling config", ...withPlanner },
  };
}

function objectJson(schema: z.ZodType, bothSpellings: boolean): Json {
  const properties: Json = {};
  const required: string[] = [];
  for (const [key, child] of Object.entries(shapeOf(schema) ?? {})) {
    const facts: FieldFacts = fieldFacts.get(child) ?? {};
    const inner = shapeOf(child) ? objectJson(child, bothSpellings) : valueJson(child);
    const described = child.description === undefined ? inner : { ...inner, description: child.description };
    const camel = camelCase(key);
    const spellings = [key, ...(facts.aliases ?? [])];
    for (const spelling of bothSpellings ? [...spellings, camel, ...(facts.aliases ?? []).map(camelCase)] : spellings) {
      properties[spelling] = described;
    }
    if (facts.required) required.push(key);
  }
  return {
    type: "object",
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function valueJson(schema: z.ZodType): Json {
  const json = leafJson(schema);
  return isNullable(schema) ? { anyOf: [json, { type: "null" }] } : json;
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
