import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { UserError } from "#common";
import { type Path, parsePath, schemaProblems, valueAt, type YamlSource } from "#common/documents";
import type { ClientBehaviour, Fault, RequestHints, Workload } from "#scenarios/workload";
import { buildWorkload } from "./build-workload.ts";
import { scenarioInvalid, scenarioUnreadable } from "./errors.ts";
import type { Expectation } from "./expect.ts";
import { contradictions } from "./format/contradictions.ts";
import type { Deployment } from "./format/deployment.ts";
import { resolveDeployment, resolveTraffic } from "./format/paths.ts";
import { opaquePlanner, type Sla, scenarioSchema } from "./format/scenario.ts";
import { trafficEntrySchema } from "./format/traffic.ts";
import { type Override, withOverrides } from "./overrides.ts";
import type { TraceOptions } from "./traces/options.ts";
import type { TrafficEntry } from "./traffic.ts";
import { readYaml } from "./yaml-source.ts";

/** A scenario file, checked; durations in ms, paths absolute. */
export interface Scenario<Planner = unknown> {
  /** As given to the parser. */
  file: string;
  name: string;
  /** What it shows, one sentence. */
  shows: string | null;
  seed: number;
  deployment: Deployment;
  sla: Sla;
  /** Of tenants with an SLA of their own, by name. */
  tenantSlas?: Record<string, Sla>;
  /** What tenants tell routers of their requests, by name. */
  tenantHints?: Record<string, RequestHints>;
  /** What the planner's schema made of `planner:`; null where there is none and the workers stay. */
  planner: Planner | null;
  traffic: TrafficEntry[];
  /** What clients do without an answer; null: they wait for ever and try once. */
  clients: ClientBehaviour | null;
  faults: Fault[];
  expect: Expectation[];
  /** The run stops here even if requests are left, ms; null: no limit. */
  endMs: number | null;
  /** `file:line:column (path)` of a value, for messages about it found later. */
  locate(path: Path): string;
  /** Whether the document itself has a value there: what it leaves out has its default. */
  holds(path: Path): boolean;
}

export interface ScenarioOptions<Planner> {
  /** The schema of the `planner:` section, whose owner is another room. */
  plannerSchema?: z.ZodType<Planner>;
  /** Values that take the place of the document's, in this order. */
  set?: readonly Override[];
}

const MAX_BYTES = 4 * 2 ** 20;
const MAX_SHOWN = 8;

/**
 * Reads a scenario. Every problem is told at once, each with `file:line:column` and its path in the document.
 * @param file names the text in messages; paths in the scenario are relative to its folder
 * @throws UserError SCENARIOS_YAML_…, SCENARIOS_INVALID, SCENARIOS_OVERRIDE_MISPLACED
 */
export function parseScenario<Planner = unknown>(
  text: string,
  file: string,
  options: ScenarioOptions<Planner> = {},
): Scenario<Planner> {
  const { source, data: written } = read(text, file, schemaFor(options.plannerSchema), options.set);
  const deployment = resolveDeployment(written.deployment, file);
  const wrong = contradictions({ ...written, deployment }).map(({ path, message }) => ({
    where: source.locate(path),
    message,
  }));
  if (wrong.length > 0) throw scenarioInvalid(wrong.slice(0, MAX_SHOWN), Math.max(0, wrong.length - MAX_SHOWN));
  return {
    file,
    name: written.name ?? basename(file).replace(/\.ya?ml$/, ""),
    shows: written.shows ?? null,
    seed: written.seed,
    deployment,
    sla: written.sla,
    tenantSlas: Object.fromEntries(
      Object.entries(written.tenants).flatMap(([name, { sla }]) => (sla === undefined ? [] : [[name, sla]])),
    ),
    tenantHints: Object.fromEntries(
      Object.entries(written.tenants).map(([name, { sla: _, ...hints }]) => [name, hints]),
    ),
    planner: (written.planner as Planner | undefined) ?? null,
    traffic: written.traffic.map((entry) => resolveTraffic(entry, file)),
    clients: written.clients ?? null,
    faults: written.faults,
    expect: written.expect,
    endMs: written.limits.duration ?? null,
    locate: source.locate,
    holds: (path) => valueAt(source.value, path) !== undefined,
  };
}

const oneOrSeveral = z.union([trafficEntrySchema, z.array(trafficEntrySchema).min(1)]);

/** Schemas are costly to make, and there is one per schema of the planner. */
const schemas = new WeakMap<z.ZodType, ReturnType<typeof scenarioSchema>>();

function schemaFor(plannerSchema: z.ZodType = opaquePlanner): ReturnType<typeof scenarioSchema> {
  let schema = schemas.get(plannerSchema);
  if (schema === undefined) {
    schema = scenarioSchema(plannerSchema);
    schemas.set(plannerSchema, schema);
  }
  return schema;
}

/**
 * Reads traffic alone: one entry, or a list of them, as it stands under `traffic:`.
 * @throws UserError SCENARIOS_YAML_…, SCENARIOS_INVALID
 */
export function parseTraffic(text: string, file: string): TrafficEntry[] {
  const { data } = read(text, file, oneOrSeveral);
  return (Array.isArray(data) ? data : [data]).map((entry) => resolveTraffic(entry, file));
}

/** Every problem at once, each with its place. */
function read<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  set: readonly Override[] = [],
): { source: YamlSource; data: T } {
  const source = withOverrides(readYaml(text, file), set);
  const parsed = schema.safeParse(source.value);
  if (parsed.success) return { source, data: parsed.data };
  const problems = schemaProblems(schema, source.value, parsed.error);
  const shown = problems.slice(0, MAX_SHOWN).map(({ path, key, message, hint }) => ({
    where: key === undefined ? source.locate(path) : source.locateKey(path, key),
    message,
    ...(hint === undefined ? {} : { hint }),
  }));
  throw scenarioInvalid(shown, problems.length - shown.length);
}

/** Reads a scenario file. @throws UserError SCENARIOS_UNREADABLE and what `parseScenario` throws */
export function readScenario<Planner = unknown>(
  file: string,
  options: ScenarioOptions<Planner> = {},
): Scenario<Planner> {
  let text: string;
  try {
    const stat = statSync(file);
    if (stat.isDirectory()) throw scenarioUnreadable(file, "a directory");
    if (stat.size > MAX_BYTES)
      throw scenarioUnreadable(file, `${stat.size} bytes`, "a trace goes into traffic: trace:");
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw scenarioUnreadable(file, code === "ENOENT" ? "no such file" : `a file that cannot be read (${code})`);
  }
  return parseScenario(text, file, options);
}

/** All requests of a scenario. @throws UserError SCENARIOS_BAD_TRAFFIC, SCENARIOS_TRACE_… */
export function scenarioWorkload(
  scenario: Pick<Scenario, "traffic" | "seed" | "locate" | "tenantHints">,
  readTrace?: (file: string, options: TraceOptions) => Workload,
): Workload {
  return buildWorkload(scenario.traffic, {
    seed: scenario.seed,
    tenantHints: scenario.tenantHints ?? {},
    locate: (path) => scenario.locate(parsePath(path)),
    ...(readTrace === undefined ? {} : { readTrace }),
  });
}
