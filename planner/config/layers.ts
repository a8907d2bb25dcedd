import { readFileSync } from "node:fs";
import type { z } from "zod";
import { didYouMean, parseDurationMs, UserError } from "#common";
import { type Path, readYamlDocument, withPath, type YamlSource } from "#common/documents";
import { type ConfigProblem, configNoMap, configNotFound, configUnreadable, YAML_ERRORS } from "./errors.ts";
import { type FieldFacts, fieldFacts, isNullable, valueSchema } from "./fields.ts";
import { type PlannerDocument, plannerDocumentSchema } from "./schema.ts";

export type FieldName = keyof PlannerDocument;

/** Every field's schema by its name, in the order in which they are shown. */
export const fieldShape: Readonly<Record<string, z.ZodType>> = plannerDocumentSchema.shape;

/** A value of one layer and how to point at it. */
export interface Given {
  value: unknown;
  /** Place of the value, or of what lies below it. */
  locate(path: Path): string;
  /** Place of a key below it. */
  locateKey(path: Path, key: string): string;
}

/** What one source of configuration says. */
export interface Layer {
  origin: "flag" | "env" | "file";
  values: Map<FieldName, Given>;
}

/** A flag as it was given. */
export interface GivenFlag {
  /** With dashes. */
  flag: string;
  field: FieldName;
  value: string | boolean;
}

export function factsOf(name: string): FieldFacts {
  return fieldFacts.get(fieldShape[name]!)!;
}

/** Fields by every name that they have. */
export const fieldNames: ReadonlyMap<string, FieldName> = new Map(
  Object.keys(fieldShape).flatMap((name) =>
    [name, ...(factsOf(name).aliases ?? [])].map((alias): [string, FieldName] => [alias, name as FieldName]),
  ),
);

/**
 * The document behind `--config`: a file of YAML or JSON, `-` for stdin, or the text itself.
 * @throws UserError PLANNER_CONFIG_NOT_FOUND, …_UNREADABLE, …_INVALID_YAML, …_TOO_LARGE, …_NOT_A_MAP
 */
export function fileLayer(argument: string, problems: ConfigProblem[], readFile: (path: string) => string): Layer {
  const source = documentOf(argument, readFile);
  if (source.value === null || source.value === undefined) return { origin: "file", values: new Map() };
  if (typeof source.value !== "object" || Array.isArray(source.value)) throw configNoMap(source.locate([]));
  const values = new Map<FieldName, Given>();
  const written = new Map<FieldName, string>();
  for (const [key, value] of Object.entries(source.value)) {
    // Editors of JSON write there which schema they complete by.
    if (key === "$schema") continue;
    const name = fieldNames.get(key);
    if (name === undefined) {
      problems.push({
        where: source.locateKey([], key),
        message: `unknown key "${key.slice(0, 60)}"`,
        hint: didYouMean(key, fieldNames.keys()) ?? "docs/planner-config.md has all keys",
      });
      continue;
    }
    const other = written.get(name);
    if (other !== undefined) {
      problems.push({
        where: source.locateKey([], key),
        message: `"${key}" and "${other}" are the same key`,
        hint: "keep one of them",
      });
      continue;
    }
    written.set(name, key);
    values.set(name, {
      value,
      locate: (path) => source.locate([key, ...path]),
      locateKey: (path, below) => source.locateKey([key, ...path], below),
    });
  }
  return { origin: "file", values };
}

export function readMachineFile(path: string): string {
  return readFileSync(path === "-" ? 0 : path, "utf8");
}

function documentOf(argument: string, readFile: (path: string) => string): YamlSource {
  const inline = /^\s*\{/.test(argument) || argument.includes("\n");
  if (inline) return readYamlDocument(argument, "--config", YAML_ERRORS);
  let text: string;
  try {
    text = readFile(argument);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ENAMETOOLONG") {
      throw configUnreadable(argument, code === "EISDIR" ? "a folder" : `a file that cannot be read (${code})`);
    }
    if (/^[a-z_]+:\s/.test(argument)) return readYamlDocument(argument, "--config", YAML_ERRORS);
    throw configNotFound(argument);
  }
  return readYamlDocument(text.replace(/^\uFEFF/, ""), argument === "-" ? "stdin" : argument, YAML_ERRORS);
}

/** What flags say; of one that is given twice in several spellings, the problem. */
export function flagLayer(flags: readonly GivenFlag[], problems: ConfigProblem[]): Layer {
  const values = new Map<FieldName, Given>();
  const seen = new Map<FieldName, string>();
  for (const { flag, field, value } of flags) {
    const other = seen.get(field);
    if (other !== undefined) {
      problems.push({ where: flag, message: `${flag} and ${other} say the same`, hint: "keep one of them" });
      continue;
    }
    seen.set(field, flag);
    values.set(field, placed(typeof value === "boolean" ? value : meant(value, field), flag));
  }
  return { origin: "flag", values };
}

/** Prefix of the variables that give any field: `UNDERSTUDY_PLANNER_MAX_GPU_BUDGET`. */
export const ENV_PREFIX = "UNDERSTUDY_PLANNER_";

/** The variables that give a field by its names, whichever others do so as well. */
export function plannerVariables(field: FieldName): string[] {
  return [field, ...(factsOf(field).aliases ?? [])].map((name) => ENV_PREFIX + name.toUpperCase());
}

/** What environment variables say; empty ones say nothing. */
export function envLayer(environment: Readonly<Record<string, string | undefined>>, problems: ConfigProblem[]): Layer {
  const values = new Map<FieldName, Given>();
  for (const name of Object.keys(fieldShape) as FieldName[]) {
    for (const variable of [...plannerVariables(name), ...(factsOf(name).env ?? [])]) {
      const text = environment[variable]?.trim();
      if (!text) continue;
      // etcd's own variable holds addresses alone.
      const value = variable === "ETCD_ENDPOINTS" ? `etcd:${text}` : meant(text, name);
      values.set(name, placed(value, `$${variable}`));
      break;
    }
  }
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith(ENV_PREFIX)) continue;
    const key = variable.slice(ENV_PREFIX.length).toLowerCase();
    if (fieldNames.has(key)) continue;
    const near = didYouMean(key, fieldNames.keys());
    problems.push({ where: `$${variable}`, message: `unknown key "${key}"`, hint: near });
  }
  return { origin: "env", values };
}

/**
 * `PROMETHEUS_PORT`, as the planner of 2025 reads it: the port of the Prometheus that is asked where nobody names one. Kubernetes sets a
 * variable of this name itself, with an address in it, where there is a Service called `prometheus`: that is not meant.
 */
export function prometheusPort(
  environment: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
): number | null {
  const text = environment.PROMETHEUS_PORT?.trim();
  if (!text || /^\w+:\/\//.test(text)) return null;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  problems.push({
    where: "$PROMETHEUS_PORT",
    message: `found ${JSON.stringify(text.slice(0, 60))}, expected a port, 1 to 65535`,
    hint: "the Prometheus that is asked is metric_pulling_prometheus_endpoint",
  });
  return null;
}

function placed(value: unknown, where: string): Given {
  return {
    value,
    locate: (path) => withPath(where, path),
    locateKey: (path, key) => withPath(where, [...path, key]),
  };
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** The value that a text stands for; a text that stands for none remains, for the schema to refuse. */
function meant(written: string, field: FieldName): unknown {
  const schema = fieldShape[field]!;
  const text = written.trim();
  if (isNullable(schema) && /^(null|none)$/i.test(text)) return null;
  const { type } = valueSchema(schema).def as { type: string };
  if (type === "number") return NUMBER.test(text) ? Number(text) : inUnitOf(field, text);
  if (type === "boolean") {
    if (/^(true|yes|on|1)$/i.test(text)) return true;
    return /^(false|no|off|0)$/i.test(text) ? false : text;
  }
  if (type === "string" || type === "enum") return text;
  if (type === "array" && !text.startsWith("[")) return text.split(",").map((item) => item.trim());
  try {
    return readYamlDocument(text, "", YAML_ERRORS).value;
  } catch (error) {
    if (error instanceof UserError) return text;
    throw error;
  }
}

/** A duration such as `200ms` in the unit that the field's name ends with. */
function inUnitOf(field: FieldName, text: string): unknown {
  const unitMs = field.endsWith("_seconds") ? 1000 : field.endsWith("_hours") ? 3_600_000 : 1;
  if (unitMs === 1 && !field.endsWith("_ms")) return text;
  try {
    return parseDurationMs(text) / unitMs;
  } catch (error) {
    if (error instanceof UserError) return text;
    throw error;
  }
}
