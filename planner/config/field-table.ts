import type { z } from "zod";
import { type FieldFacts, isNullable, presetOf, valueSchema } from "./fields.ts";
import { type FieldName, factsOf, fieldShape } from "./layers.ts";

/** A key of `planner.yaml` for those who show it or read it elsewhere. */
export interface PlannerField extends FieldFacts {
  name: FieldName;
  /** What a value must be, without null and default. */
  schema: z.ZodType;
  nullable: boolean;
  /** What stands where nothing is given. */
  preset: string;
  /** The same as a value, where it is a constant. */
  presetValue: unknown;
  description: string;
}

/** Every key, in the order in which they are shown. */
export function plannerFields(): PlannerField[] {
  return Object.entries(fieldShape).map(([name, schema]) => {
    const facts = factsOf(name);
    const presetValue = presetOf(schema);
    return {
      ...facts,
      name: name as FieldName,
      schema: valueSchema(schema),
      nullable: isNullable(schema),
      preset: facts.preset ?? presetWords(presetValue),
      presetValue,
      description: schema.description ?? "",
    };
  });
}

/** A default for people. */
export function presetWords(value: unknown): string {
  if (value === null) return "none";
  if (value === undefined) return "";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "none" : "see below";
  return typeof value === "number" ? String(value) : `\`${String(value)}\``;
}
