import { z } from "zod";

export type FieldGroup =
  | "Deployment"
  | "Targets"
  | "Performance model"
  | "Budget"
  | "Throughput scaling"
  | "Load scaling"
  | "Forecast"
  | "Metrics"
  | "Service"
  | "Plugins"
  | "Connectors"
  | "Strategy";

/** What a key of the planner's configuration means, beside what its schema says. */
export interface FieldFacts {
  group: FieldGroup;
  /** Further names for the same key. */
  aliases?: readonly string[];
  /** Environment variables that give it, the first that is set, beside UNDERSTUDY_PLANNER_<KEY>. */
  env?: readonly string[];
  /** The default in words, where it is no constant. */
  preset?: string;
  /** Ours: Dynamo's planner does not know it. */
  own?: true;
  /** Not to be shown. */
  secret?: true;
}

export const fieldFacts = z.registry<FieldFacts>();

/** A key with its description and facts. */
export function described<Schema extends z.ZodType>(schema: Schema, description: string, facts: FieldFacts): Schema {
  const copy = schema.describe(description);
  fieldFacts.add(copy, facts);
  return copy;
}

/** Makes keys of one group. */
export function keysOf(group: FieldGroup, common: Omit<FieldFacts, "group"> = {}) {
  return <Schema extends z.ZodType>(
    schema: Schema,
    description: string,
    facts: Omit<FieldFacts, "group"> = {},
  ): Schema => described(schema, description, { group, ...common, ...facts });
}

/** A schema without what only says that a value may be missing. */
export function valueSchema(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType === undefined ? schema : valueSchema(innerType);
}

/** What stands where nothing is given; undefined where a value must be. */
export function presetOf(schema: z.ZodType): unknown {
  const { type, defaultValue, innerType } = schema.def as {
    type: string;
    defaultValue?: unknown;
    innerType?: z.ZodType;
  };
  if (type === "default" || type === "prefault") return defaultValue;
  return innerType === undefined ? undefined : presetOf(innerType);
}

/** Whether null may stand for a value. */
export function isNullable(schema: z.ZodType): boolean {
  const { type, innerType } = schema.def as { type: string; innerType?: z.ZodType };
  return type === "nullable" || (innerType !== undefined && isNullable(innerType));
}
