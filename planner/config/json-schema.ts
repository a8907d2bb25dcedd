import { z } from "zod";
import { factsOf } from "./layers.ts";
import { plannerDocumentSchema } from "./schema.ts";

interface Json {
  [key: string]: unknown;
}

/** JSON Schema of `planner.yaml`, for editors; further names of a key stand beside it. */
export function plannerJsonSchema(): Json {
  const { $schema, properties, ...rest } = z.toJSONSchema(plannerDocumentSchema, {
    io: "input",
    target: "draft-7",
  }) as Json & { properties: Json };
  const all = Object.entries(properties).flatMap(([name, schema]) => [
    [name, schema],
    ...aliasesOf(name).map((alias) => [alias, { ...(schema as Json), deprecated: true }]),
  ]);
  return {
    $schema,
    title: "Planner",
    ...rest,
    properties: { $schema: { type: "string" }, ...(Object.fromEntries(all) as Json) },
    allOf: [...onlyOneName(Object.keys(properties)), ...RULES],
  };
}

function aliasesOf(name: string): readonly string[] {
  return factsOf(name).aliases ?? [];
}

/** A key is given by one of its names. */
function onlyOneName(names: readonly string[]): Json[] {
  return names.flatMap((name) => {
    const spellings = [name, ...aliasesOf(name)];
    return spellings.flatMap((one, i) => spellings.slice(i + 1).map((other) => ({ not: { required: [one, other] } })));
  });
}

/** Rules between keys that a document alone can be held against. */
const RULES: Json[] = [
  needs("environment", { const: "global-planner" }, { global_planner_namespace: { type: "string" } }),
  needs("enable_power_awareness", { const: true }, { total_gpu_power_limit: { type: "number" } }),
  needs("kubernetes_selector", { type: "string" }, { kubernetes_target: { const: "deployments" } }),
];

/** With such a value of `key` there are the others, with such values. */
function needs(key: string, value: Json, others: Json): Json {
  return {
    if: { properties: { [key]: value }, required: [key] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word
    then: { properties: others, required: Object.keys(others) },
  };
}
