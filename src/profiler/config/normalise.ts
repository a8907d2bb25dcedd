import type { z } from "zod";
import { didYouMean } from "#common";
import type { Path, YamlSource } from "#common/documents";
import { keyTwice } from "./errors.ts";
import { fieldFacts, isNullable, shapeOf, unwrap } from "./field.ts";

/** A document with every key in the schema's own spelling. */
export interface Normalised {
  value: Record<string, unknown>;
  /** Where the value at a path of `value` stands in the document: `file:line:column (path as written)`. */
  locate(path: Path): string;
  /** The same as a path in the document's own spelling, from its root. */
  written(path: Path): Path;
  /** What was left out: keys that nothing knows. */
  warnings: string[];
  /** Spellings that were seen, which tell generations apart. */
  spellings: { snake: boolean; camel: boolean };
}

/**
 * Renames keys to those of the schema, whatever their spelling (snake_case, camelCase, hyphens, aliases); leaves out unknown ones with
 * a warning, and values that are null or empty texts as if absent, except null where the schema gives it a meaning; turns numbers and
 * switches written as texts into what they mean.
 * @param root where `value` stands in the source
 * @throws UserError PROFILER_KEY_TWICE
 */
export function normalise(source: YamlSource, value: unknown, root: Path, schema: z.ZodType): Normalised {
  const walk = new Walk(source);
  const normal = walk.object(value as Record<string, unknown>, root, [], schema);
  return {
    value: normal,
    locate: (path) => source.locate([...root, ...walk.written(path)]),
    written: (path) => [...root, ...walk.written(path)],
    warnings: walk.warnings,
    spellings: walk.spellings,
  };
}

class Walk {
  readonly warnings: string[] = [];
  readonly spellings = { snake: false, camel: false };
  /** Key as written, by the canonical path that ends in it. */
  private readonly names = new Map<string, string>();
  private readonly source: YamlSource;

  constructor(source: YamlSource) {
    this.source = source;
  }

  /** The path as the document has it. */
  written(path: Path): Path {
    return path.map((key, i) => this.names.get(pathKey(path.slice(0, i + 1))) ?? key);
  }

  object(value: Record<string, unknown>, at: Path, path: Path, schema: z.ZodType): Record<string, unknown> {
    const shape = shapeOf(schema) ?? {};
    const known = knownNames(shape);
    const normal: Record<string, unknown> = {};
    const seen = new Map<string, string>();
    for (const [key, child] of Object.entries(value)) {
      const name = known.get(plainName(key));
      if (name === undefined) {
        const near = didYouMean(
          key,
          [...Object.keys(shape)].map((each) => inStyleOf(key, each)),
        );
        this.warnings.push(
          `${this.source.locateKey(at, key)}: unknown key "${clip(key)}" is ignored${near ? `; ${near}` : ""}`,
        );
        continue;
      }
      const other = seen.get(name);
      if (other !== undefined) throw keyTwice(this.source.locateKey(at, key), key, other);
      seen.set(name, key);
      this.look(key);
      const below = [...path, name];
      this.names.set(pathKey(below), key);
      const kept = this.value(child, [...at, key], below, shape[name]!);
      if (kept !== undefined) normal[name] = kept;
    }
    return normal;
  }

  private value(value: unknown, at: Path, path: Path, schema: z.ZodType): unknown {
    if (value === null) return isNullable(schema) ? null : undefined;
    if (value === "") return undefined;
    const inner = shapeOf(schema);
    if (inner !== undefined && isMap(value)) return this.object(value, at, path, schema);
    return fieldFacts.get(schema)?.free ? value : meant(value, unwrap(schema));
  }

  private look(key: string): void {
    if (key.includes("_")) this.spellings.snake = true;
    else if (/[a-z][A-Z]/.test(key)) this.spellings.camel = true;
  }
}

/** Canonical keys by their plain names. */
function knownNames(shape: Readonly<Record<string, z.ZodType>>): Map<string, string> {
  const known = new Map<string, string>();
  for (const [key, schema] of Object.entries(shape)) {
    for (const spelling of [key, ...(fieldFacts.get(schema)?.aliases ?? [])]) known.set(plainName(spelling), key);
  }
  return known;
}

/** What all spellings of a key have in common. */
export function plainName(key: string): string {
  return key.replace(/[-_\s]/g, "").toLowerCase();
}

/** `min_num_gpus` as `minNumGpus` beside a key in camelCase, and the other way round. */
function inStyleOf(example: string, key: string): string {
  if (example.includes("_") || example.includes("-")) {
    const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return example.includes("-") ? snake.replaceAll("_", "-") : snake;
  }
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const NUMBER = /^[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SWITCHES: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

/** A number or a switch that is written as a text: flags are, and YAML 1.1 has `yes` and `1_000`. */
export function meant(value: unknown, schema: z.ZodType): unknown {
  if (typeof value !== "string") return value;
  const { type } = schema.def as { type: string };
  const text = value.trim();
  if (type === "number" && NUMBER.test(text)) return Number(text.replaceAll("_", ""));
  if (type === "boolean") return Object.hasOwn(SWITCHES, text.toLowerCase()) ? SWITCHES[text.toLowerCase()] : value;
  return value;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
