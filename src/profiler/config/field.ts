import { z } from "zod";
import { type SettingName, settings } from "./settings.ts";

/** What a document's key means to us, beside what its schema says. */
export interface FieldFacts {
  /** The setting it gives; several keys may give one, the first in the order of the schema counts. */
  setting?: SettingName;
  /** What counts where it is absent, for the reference: a value, or words such as "`profiling_results`". */
  preset?: string;
  /** Further spellings at the same place, beside the usual ones (snake_case, camelCase, hyphens). */
  aliases?: readonly string[];
  /** True where a document without it is refused. */
  required?: true;
  /** Keys below are the user's own, to be kept as they are. */
  free?: true;
}

export const fieldFacts = z.registry<FieldFacts>();

/** A key that gives a setting. */
export function field(setting: SettingName, description: string, facts: Omit<FieldFacts, "setting"> = {}): z.ZodType {
  const schema: z.ZodType = settings[setting];
  return schema
    .optional()
    .describe(description)
    .register(fieldFacts, { ...facts, setting });
}

/** A key that may be null, which means something else than its absence. */
export function nullableField(
  setting: SettingName,
  description: string,
  facts: Omit<FieldFacts, "setting"> = {},
): z.ZodType {
  const schema: z.ZodType = settings[setting];
  return schema
    .nullable()
    .optional()
    .describe(description)
    .register(fieldFacts, { ...facts, setting });
}

/** A key that is no setting: looked at, or passed on, in some other way. */
export function plain(schema: z.ZodType, description: string, facts: FieldFacts = {}): z.ZodType {
  return schema.optional().describe(description).register(fieldFacts, facts);
}

/** Keys that belong together. */
export function section(shape: Record<string, z.ZodType>, description: string, facts: FieldFacts = {}): z.ZodType {
  return plain(z.object(shape), description, facts);
}

/** A schema without what only says that a value may be missing. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const inner = (schema.def as { innerType?: z.ZodType }).innerType;
  return inner === undefined ? schema : unwrap(inner);
}

/** Keys of an object's schema, or undefined for any other. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const { def } = unwrap(schema) as { def: { shape?: Record<string, z.ZodType> } };
  return def.shape;
}

export function isNullable(schema: z.ZodType): boolean {
  const { type, innerType } = schema.def as { type: string; innerType?: z.ZodType };
  return type === "nullable" || (innerType !== undefined && isNullable(innerType));
}
