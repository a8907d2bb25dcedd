import { type Path, schemaProblems } from "#common/documents";
import { minimumProblems } from "./budget-rules.ts";
import { serviceConfig } from "./convert.ts";
import { type ConfigProblem, configInvalid } from "./errors.ts";
import { presetOf } from "./fields.ts";
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
  prometheusPort,
  readMachineFile,
} from "./layers.ts";
import { applyRules, type RuleProblem } from "./rules.ts";
import { plannerDocumentSchema } from "./schema.ts";
import type { ByRole, Origin, ReadPlannerConfig } from "./types.ts";

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
  const port = given.has("metric_pulling_prometheus_endpoint") ? null : prometheusPort(environment, problems);
  if (port !== null) {
    const preset = new URL(presetOf(fieldShape.metric_pulling_prometheus_endpoint!) as string);
    preset.port = String(port);
    values.metric_pulling_prometheus_endpoint = preset.href.replace(/\/$/, "");
    origins.set("metric_pulling_prometheus_endpoint", "rule");
  }
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
  const place = (field: FieldName, path: Path = []) => placeOf(field, path, given, config);
  problems.push(...placed(rules.problems, place));
  if (problems.length > 0) throw configInvalid(problems);
  for (const field of rules.ruled) origins.set(field, "rule");
  return {
    config: serviceConfig(rules.document),
    document: rules.document,
    origins,
    place,
    notes: [...notes, ...rules.notes],
  };
}

/**
 * Holds the minimum against the budgets once more, when it is known what a worker takes.
 * @throws UserError PLANNER_CONFIG_INVALID
 */
export function requireMinimum(
  { document, origins, place }: Pick<ReadPlannerConfig, "document" | "origins" | "place">,
  gpusPerWorker: ByRole<number>,
): void {
  const problems = minimumProblems(document, (field) => isGiven(origins, field), gpusPerWorker);
  if (problems.length > 0) throw configInvalid(placed(problems, place));
}

/** Whether somebody said a field: a flag, a variable or the file. */
export function isGiven(origins: ReadPlannerConfig["origins"], field: FieldName): boolean {
  const origin = origins.get(field) ?? "default";
  return origin !== "default" && origin !== "rule";
}

function placed(problems: readonly RuleProblem[], place: ReadPlannerConfig["place"]): ConfigProblem[] {
  return problems.map(({ field, path = [], message, hint }) => ({ where: place(field, path), message, hint }));
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
