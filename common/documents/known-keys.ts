import type { z } from "zod";
import type { Path } from "./path.ts";

/** What a schema's definition holds, as far as walking it needs. */
interface Definition {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
  values?: unknown[];
  getter?: () => z.ZodType;
}

/** The schemas that a place in the data may have: several below unions. */
function schemasAt(schema: z.ZodType, path: Path): Definition[] {
  const definition = schema.def as unknown as Definition;
  const inner = definition.innerType ?? definition.in ?? definition.getter?.();
  if (inner !== undefined) return schemasAt(inner, path);
  if (definition.options !== undefined) return definition.options.flatMap((option) => schemasAt(option, path));
  if (path.length === 0) return [definition];
  const [key, ...rest] = path;
  const child = definition.shape
    ? Object.hasOwn(definition.shape, String(key))
      ? definition.shape[String(key)]
      : undefined
    : (definition.element ?? definition.valueType);
  return child === undefined ? [] : schemasAt(child, rest);
}

/** Keys that this object at this place may have: of several kinds of objects, of those that its literals (`strategy: static`) allow. */
export function knownKeys(schema: z.ZodType, path: Path, value: unknown): string[] {
  const shapes = schemasAt(schema, path).flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
  const meant = shapes.filter((shape) => isAllowed(shape, value));
  return [...new Set((meant.length > 0 ? meant : shapes).flatMap((shape) => Object.keys(shape)))];
}

function isAllowed(shape: Record<string, z.ZodType>, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(shape).every(([key, child]) => {
    const kinds = schemasAt(child, []);
    if (!Object.hasOwn(value, key) || kinds.some(({ type }) => type !== "literal")) return true;
    return kinds.some(({ values }) => values?.includes((value as Record<string, unknown>)[key]));
  });
}

/** Words that may stand at this place. */
export function knownWords(schema: z.ZodType, path: Path): string[] {
  const words = schemasAt(schema, path).flatMap((definition) => {
    const { entries } = definition as unknown as { entries?: Record<string, unknown> };
    return [...(definition.values ?? []), ...Object.values(entries ?? {})];
  });
  return [...new Set(words.filter((word) => typeof word === "string"))];
}
