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
    ...(factsOf(name).aliases ?? []).map((alias) => [alias, { ...(schema as Json), deprecated: true }]),
  ]);
  return { $schema, title: "Planner", ...rest, properties: Object.fromEntries(all) as Json };
}
