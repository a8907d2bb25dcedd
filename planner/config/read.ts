import { type Path, schemaProblems } from "#common";
import { serviceConfig } from "./convert.ts";
import { type ConfigProblem, configInvalid } from "./errors.ts";
import { legacyFlags } from "./flags.ts";
import {
  envLayer,
  type FieldName,
  fieldShape,
  fileLayer,
  flagLayer,
  type Given,
  type GivenFlag,
  type Layer,
  readMachineFile,
} from "./layers.ts";
import { applyRules } from "./rules.ts";
import { plannerDocumentSchema } from "./schema.ts";
import type { Origin, ReadPlannerConfig } from "./types.ts";

export interface PlannerConfigSources {
  /** A file of YAML or JSON, `-`, or the configuration itself. */
  config?: string;
  flags?: readonly GivenFlag[];
  environment?: Readonly<Record<string, string | undefined>>;
  /** Throws what `readFileSync` throws. */
  readFile?: (path: string) => string;
}

/**
 * Reads a planner's configuration: flags before environment before file before defaults. Everything that is wrong is told at once,
 * each with its place: `file:line:column (key)`, a flag, or a variable.
 * @throws UserError PLANNER_CONFIG_…
 */
export function readPlannerConfig(sources: PlannerConfigSources): ReadPlannerConfig {
  const { config, flags = [], environment = {}, readFile = readMachineFile } = sources;
  const problems: ConfigProblem[] = [];
  const layers: Layer[] = [
    flagLayer(flags, problems),
    envLayer(environment, problems),
    ...(config === undefined ? [] : [fileLayer(config, problems, readFile)]),
  ];
  const { values, given, origins, notes } = merge(layers);
  const parsed = plannerDocumentSchema.safeParse(values);
  if (!parsed.success) {
    for (const { path, key, message, hint } of schemaProblems(plannerDocumentSchema, values, parsed.error)) {
      const [name, ...below] = path;
      const source = given.get(name as FieldName)!;
      problems.push({
        where: key === undefined ? source.locate(below) : source.locateKey(below, key),
        message,
        hint,
      });
    }
  }
  if (!parsed.success) throw configInvalid(problems);
  const rules = applyRules(parsed.data, {
    given: (field) => given.has(field),
    hasDocument: config !== undefined,
    legacyFlags: legacyFlags(flags),
  });
  for (const { field, path = [], message, hint } of rules.problems) {
    problems.push({ where: placeOf(field, path, given, config), message, hint });
  }
  if (problems.length > 0) throw configInvalid(problems);
  for (const field of rules.ruled) origins.set(field, "rule");
  return {
    config: serviceConfig(rules.document),
    document: rules.document,
    origins,
    notes: [...notes, ...rules.notes],
  };
}

/** The first layer that has a field counts. */
function merge(layers: readonly Layer[]) {
  const values: Record<string, unknown> = {};
  const given = new Map<FieldName, Given>();
  const origins = new Map<string, Origin>();
  const notes: string[] = [];
  for (const name of Object.keys(fieldShape) as FieldName[]) {
    const [first, ...others] = layers.filter((layer) => layer.values.has(name));
    if (first === undefined) {
      origins.set(name, "default");
      continue;
    }
    const counts = first.values.get(name)!;
    values[name] = counts.value;
    given.set(name, counts);
    origins.set(name, first.origin);
    // A variable may have been set by somebody else, such as an operator.
    const overruled = others.find(({ origin }) => origin === "file")?.values.get(name);
    if (first.origin === "env" && overruled && JSON.stringify(overruled.value) !== JSON.stringify(counts.value)) {
      notes.push(`${counts.locate([])} overrules ${overruled.locate([])}`);
    }
  }
  return { values, given, origins, notes };
}

function placeOf(
  field: FieldName,
  path: Path,
  given: ReadonlyMap<FieldName, Given>,
  config: string | undefined,
): string {
  const source = given.get(field);
  if (source !== undefined) return source.locate(path);
  const name = [field, ...path].join(".");
  return config === undefined ? `--${name.replaceAll("_", "-")}` : name;
}
