import { patternExample } from "./pattern-example.ts";
import type { JsonSchema } from "./requests.ts";

/** Where an example's free texts come from. */
export interface ExampleWords {
  /** A short word, for values with little room. */
  word(): string;
  /** Text of a string that may hold anything; called once for each such string, in order. */
  free(): string;
}

type Keywords = { readonly [keyword: string]: unknown };

/** Beyond this depth only what a schema demands is made, so that recursive ones come to an end. */
const FULL_DEPTH = 4;
const MAX_DEPTH = 24;
/** Values that an example has at most, and characters of one string: a schema of a few bytes can demand any number. */
const MAX_VALUES = 10_000;
const MAX_CHARACTERS = 100_000;

/**
 * A value that satisfies a JSON schema in the forms that clients use for tools and structured output: types, properties,
 * arrays, enumerations, formats, patterns, lengths, ranges, `anyOf`/`oneOf`/`allOf`, and references within the schema. All
 * properties that are declared are there. Keywords that exclude (`not`, `if`, `dependentSchemas`) are not heeded.
 */
export function jsonExample(schema: JsonSchema, words: ExampleWords): unknown {
  return new ExampleMaker(schema, words).make(schema, 0);
}

class ExampleMaker {
  readonly #root: JsonSchema;
  readonly #words: ExampleWords;
  #valuesLeft = MAX_VALUES;

  constructor(root: JsonSchema, words: ExampleWords) {
    this.#root = root;
    this.#words = words;
  }

  make(schema: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH || --this.#valuesLeft < 0) return null;
    if (!isObject(schema)) return schema === true ? { text: this.#words.free() } : null;
    const keywords = this.#resolved(schema, 0);
    if ("const" in keywords) return keywords.const;
    if (Array.isArray(keywords.enum) && keywords.enum.length > 0) return keywords.enum[0];
    const alternatives = keywords.anyOf ?? keywords.oneOf;
    if (Array.isArray(alternatives) && alternatives.length > 0) {
      const { anyOf: _any, oneOf: _one, ...rest } = keywords;
      return this.make(merged(rest, this.#alternative(alternatives, depth)), depth + 1);
    }
    switch (typeOf(keywords, depth)) {
      case "object":
        return this.#object(keywords, depth);
      case "array":
        return this.#array(keywords, depth);
      case "string":
        return this.#string(keywords);
      case "integer":
        return numberOf(keywords, true);
      case "number":
        return numberOf(keywords, false);
      case "boolean":
        return true;
      default:
        return null;
    }
  }

  /** References followed, and `allOf` merged in. */
  #resolved(schema: Keywords, hops: number): Keywords {
    let keywords = schema;
    if (typeof schema.$ref === "string" && hops < 16) {
      const { $ref, ...rest } = schema;
      const target = this.#referenced(schema.$ref);
      keywords = isObject(target) ? merged(rest, this.#resolved(target, hops + 1)) : rest;
    }
    if (Array.isArray(keywords.allOf)) {
      const { allOf, ...rest } = keywords;
      keywords = (allOf as unknown[]).reduce<Keywords>(
        (all, part) => (isObject(part) ? merged(all, this.#resolved(part, hops + 1)) : all),
        rest,
      );
    }
    return keywords;
  }

  /** `#/$defs/name`, or `#`. */
  #referenced(reference: string): unknown {
    if (!reference.startsWith("#")) return undefined;
    let value: unknown = this.#root;
    for (const step of reference.slice(1).split("/").slice(1)) {
      const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      value = isObject(value) ? value[key] : Array.isArray(value) ? (value as unknown[])[Number(key)] : undefined;
    }
    return value;
  }

  /** The first that is not null; deep down, null where it will do. */
  #alternative(alternatives: readonly unknown[], depth: number): Keywords {
    const schemas = alternatives.filter(isObject).map((schema) => this.#resolved(schema, 0));
    const nothing = schemas.find((schema) => schema.type === "null");
    const something = schemas.find((schema) => schema.type !== "null");
    return (depth >= FULL_DEPTH ? nothing : undefined) ?? something ?? nothing ?? {};
  }

  #object(keywords: Keywords, depth: number): Keywords {
    const properties = isObject(keywords.properties) ? keywords.properties : {};
    const required = new Set(Array.isArray(keywords.required) ? (keywords.required as unknown[]) : []);
    const names = Object.keys(properties).filter((name) => depth < FULL_DEPTH || required.has(name));
    const entries: [string, unknown][] = names.map((name) => [name, this.make(properties[name], depth + 1)]);
    for (const name of required) {
      if (typeof name === "string" && !Object.hasOwn(properties, name)) entries.push([name, this.#words.free()]);
    }
    const additional = keywords.additionalProperties;
    const fewest = typeof keywords.minProperties === "number" ? keywords.minProperties : 0;
    // An object of which nothing is said but that it is one still says something.
    const wanted = Math.max(fewest, names.length === 0 && required.size === 0 && depth < FULL_DEPTH ? 1 : 0);
    for (let i = 1; entries.length < wanted && additional !== false && this.#valuesLeft > 0; i++) {
      const name = i === 1 ? "text" : `text${i}`;
      entries.push([name, this.make(isObject(additional) ? additional : { type: "string" }, depth + 1)]);
    }
    // fromEntries defines own properties, so that one called __proto__ is a property like others.
    return Object.fromEntries(entries);
  }

  #array(keywords: Keywords, depth: number): unknown[] {
    const first = Array.isArray(keywords.prefixItems) ? (keywords.prefixItems as unknown[]) : [];
    const fewest = typeof keywords.minItems === "number" ? keywords.minItems : 0;
    const most = typeof keywords.maxItems === "number" ? keywords.maxItems : Number.POSITIVE_INFINITY;
    const count = Math.min(
      most,
      Math.max(fewest, first.length, depth < FULL_DEPTH && keywords.items !== false ? 1 : 0),
    );
    const items = keywords.items ?? { type: "string" };
    const made: unknown[] = [];
    while (made.length < count && this.#valuesLeft > 0) made.push(this.make(first[made.length] ?? items, depth + 1));
    return made;
  }

  #string(keywords: Keywords): string {
    if (typeof keywords.pattern === "string") {
      const example = patternExample(keywords.pattern);
      if (example !== null) return example;
    }
    if (typeof keywords.format === "string") {
      const example = FORMATS[keywords.format];
      if (example !== undefined) return example;
    }
    const shortest = Math.min(MAX_CHARACTERS, typeof keywords.minLength === "number" ? keywords.minLength : 0);
    const longest = typeof keywords.maxLength === "number" ? keywords.maxLength : Number.POSITIVE_INFINITY;
    if (longest === Number.POSITIVE_INFINITY && shortest === 0) return this.#words.free();
    let text = this.#words.word();
    while (text.length < shortest) text += ` ${this.#words.word()}`;
    return text.slice(0, longest).trimEnd().padEnd(Math.min(shortest, longest), "a");
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2025-01-31T12:00:00Z",
  date: "2025-01-31",
  time: "12:00:00Z",
  duration: "PT1H",
  email: "someone@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  "uri-reference": "/example",
  url: "https://example.com/",
  uuid: "123e4567-e89b-12d3-a456-426614174000",
};

function typeOf(keywords: Keywords, depth: number): string {
  const { type } = keywords;
  if (typeof type === "string") return type;
  if (Array.isArray(type)) {
    const types = type.filter((name): name is string => typeof name === "string");
    if (depth >= FULL_DEPTH && types.includes("null")) return "null";
    return types.find((name) => name !== "null") ?? "null";
  }
  if ("items" in keywords || "prefixItems" in keywords) return "array";
  if ("pattern" in keywords || "format" in keywords || "minLength" in keywords || "maxLength" in keywords)
    return "string";
  if ("minimum" in keywords || "maximum" in keywords || "multipleOf" in keywords) return "number";
  return "object";
}

function numberOf(keywords: Keywords, whole: boolean): number {
  const step = typeof keywords.multipleOf === "number" && keywords.multipleOf > 0 ? keywords.multipleOf : whole ? 1 : 0;
  const nudge = step > 0 ? step : 0.5;
  let low = limit(keywords.minimum, Number.NEGATIVE_INFINITY);
  let high = limit(keywords.maximum, Number.POSITIVE_INFINITY);
  const above = limit(keywords.exclusiveMinimum, Number.NEGATIVE_INFINITY);
  const below = limit(keywords.exclusiveMaximum, Number.POSITIVE_INFINITY);
  if (step === 0 && above >= low && below <= high && Number.isFinite(above) && Number.isFinite(below)) {
    return (above + below) / 2;
  }
  if (above >= low) low = step > 0 ? (Math.floor(above / step) + 1) * step : above + nudge;
  if (below <= high) high = step > 0 ? (Math.ceil(below / step) - 1) * step : below - nudge;
  const value = Math.min(high, Math.max(low, whole ? 1 : 1.5));
  if (step === 0) return value;
  const up = Math.ceil(value / step) * step;
  return up <= high ? up : Math.floor(high / step) * step;
}

function limit(found: unknown, otherwise: number): number {
  return typeof found === "number" ? found : otherwise;
}

/** What both schemas demand, as far as it can be told without solving them. */
function merged(a: Keywords, b: Keywords): Keywords {
  const all: Record<string, unknown> = { ...b, ...a };
  if (isObject(a.properties) && isObject(b.properties)) all.properties = { ...b.properties, ...a.properties };
  if (Array.isArray(a.required) && Array.isArray(b.required)) all.required = [...a.required, ...b.required];
  if (typeof a.minimum === "number" && typeof b.minimum === "number") all.minimum = Math.max(a.minimum, b.minimum);
  if (typeof a.maximum === "number" && typeof b.maximum === "number") all.maximum = Math.min(a.maximum, b.maximum);
  return all;
}

function isObject(value: unknown): value is Keywords {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
