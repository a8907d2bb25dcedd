import { type Command, Option } from "commander";
import { presetOf, valueSchema } from "./fields.ts";
import { type FieldName, factsOf, fieldShape, type GivenFlag } from "./layers.ts";

/** A flag of `understudy planner`. */
export interface PlannerFlag {
  /** Without dashes. */
  name: string;
  field: FieldName;
  /** How its value is written; absent: a switch. */
  value?: string;
  help: string;
  /** Heading in `--help`. */
  group: string;
  /** Further names, which `--help` leaves out. */
  aliases: readonly string[];
}

/** Flags that the planner of 2025 has, by name. */
const LEGACY_FLAGS: ReadonlySet<string> = new Set([
  "environment",
  "namespace",
  "backend",
  "no-operation",
  "log-dir",
  "adjustment-interval",
  "max-gpu-budget",
  "min-endpoint",
  "decode-engine-num-gpu",
  "prefill-engine-num-gpu",
  "profile-results-dir",
  "ttft",
  "itl",
  "load-predictor",
  "load-prediction-window-size",
  "prometheus-port",
  "no-correction",
  "model-name",
]);

/** One flag for each field, under its name with hyphens. Secrets have none: command lines can be seen by others. */
export const PLANNER_FLAGS: readonly PlannerFlag[] = Object.entries(fieldShape)
  .filter(([name]) => factsOf(name).secret !== true)
  .map(([name, schema]) => {
    const { aliases = [], group, preset } = factsOf(name);
    const value = placeholder(name, valueSchema(schema) as typeof schema);
    const constant = presetOf(schema);
    const fallback = preset ?? (constant === null || constant === false ? undefined : shown(constant));
    return {
      name: hyphened(name),
      field: name as FieldName,
      ...(value === undefined ? {} : { value }),
      help:
        (schema.description ?? "").replaceAll("`", "") +
        (fallback ? ` (default: ${fallback.replaceAll("`", "")})` : ""),
      group,
      aliases: aliases.map(hyphened),
    };
  });

/** Adds every flag of the configuration; `--config` and `--print-config` are the command's own. */
export function addPlannerOptions(command: Command): Command {
  let group = "";
  for (const { name, value, help, group: of, aliases } of PLANNER_FLAGS) {
    if (of !== group) command.optionsGroup(`${of}:`);
    group = of;
    for (const spelling of [name, ...aliases]) {
      // A switch may be turned off: --advisory=false.
      const option = new Option(`--${spelling} ${value === undefined ? "[on]" : `<${value}>`}`, help);
      // Commander takes --no-x for the opposite of --x; these are names.
      if (spelling.startsWith("no-")) option.negate = false;
      command.addOption(spelling === name ? option : option.hideHelp());
    }
  }
  return command;
}

/** The flags that were given, from what commander parsed. Values are checked by `readPlannerConfig`. */
export function plannerFlagsFrom(command: Command): GivenFlag[] {
  return PLANNER_FLAGS.flatMap(({ name, field, aliases }) =>
    [name, ...aliases].flatMap((spelling): GivenFlag[] => {
      const option = command.options.find(({ long }) => long === `--${spelling}`);
      const value: unknown = option && command.getOptionValue(option.attributeName());
      if (typeof value !== "string" && typeof value !== "boolean") return [];
      return [{ flag: `--${spelling}`, field, value }];
    }),
  );
}

/** Those that today's planner does not have. */
const OUTDATED_FLAGS: ReadonlySet<string> = new Set([
  "no-operation",
  "adjustment-interval",
  "load-prediction-window-size",
  "prometheus-port",
  "no-correction",
]);

/** Flags that tell a command line of the planner of 2025: one that only it has, or nothing but flags that it has. */
export function legacyFlags(flags: readonly GivenFlag[]): string[] {
  const names = flags.map(({ flag }) => flag.slice(2));
  const legacy = names.filter((name) => LEGACY_FLAGS.has(name));
  if (legacy.length < names.length && !names.some((name) => OUTDATED_FLAGS.has(name))) return [];
  return legacy.map((name) => `--${name}`);
}

function hyphened(name: string): string {
  return name.replaceAll("_", "-");
}

function placeholder(name: string, schema: ReturnType<typeof valueSchema>): string | undefined {
  const { type, entries } = schema.def as { type: string; entries?: Record<string, string> };
  if (type === "boolean") return undefined;
  if (entries !== undefined) return Object.values(entries).join("|");
  if (type === "number") return name.endsWith("_seconds") ? "s" : name.endsWith("_ms") ? "ms" : "n";
  if (type === "array") return "url,url";
  return type === "string" ? "text" : "json";
}

function shown(value: unknown): string | undefined {
  if (value === undefined || (typeof value === "object" && Object.keys(value ?? {}).length === 0)) return undefined;
  return String(value);
}
