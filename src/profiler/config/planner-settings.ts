import type { z } from "zod";
import { didYouMean } from "#common";
import { type Path, type Problem, schemaProblems } from "#common/documents";
import type { PlannerRequest } from "../types.ts";
import { keyTwice, sweepingNone } from "./errors.ts";
import { fieldFacts, isNullable, shapeOf, unwrap } from "./field.ts";
import { meant, plainName } from "./normalise.ts";
import { LEGACY_PLANNER_PRESETS, legacyPlannerSchema, plannerConfigSchema } from "./planner-schema.ts";

/** One planner setting as an input gives it. */
export interface PlannerGiven {
  /** As written. */
  key: string;
  value: unknown;
  where: string;
}

/** Planner settings by snake_case names without prefix, checked; unknown ones are kept. */
export interface PlannerSettings {
  values: Record<string, unknown>;
  where: ReadonlyMap<string, string>;
  problems: { where: string; message: string; hint?: string | undefined }[];
  warnings: string[];
}

/**
 * Reads planner settings in any spelling: `planner_min_endpoint`, `planner-min-endpoint`, `plannerMinEndpoint`, `min_endpoint`. Later ones
 * overrule earlier ones of another document; within one, `groups` holds one list each.
 * @throws UserError PROFILER_KEY_TWICE
 */
export function plannerSettings(
  groups: readonly (readonly PlannerGiven[])[],
  version: "legacy" | "config",
): PlannerSettings {
  const schema = version === "legacy" ? legacyPlannerSchema : plannerConfigSchema;
  const shape = shapeOf(schema)!;
  const known = new Map<string, string>();
  for (const [name, child] of Object.entries(shape)) {
    for (const spelling of [name, ...(fieldFacts.get(child)?.aliases ?? [])]) known.set(plainName(spelling), name);
  }
  const values: Record<string, unknown> = {};
  const where = new Map<string, string>();
  const warnings: string[] = [];
  for (const group of groups) {
    const seen = new Map<string, string>();
    for (const given of group) {
      const bare = given.key.replace(/^planner[-_ ]?(?=.)/i, "");
      const name = known.get(plainName(bare)) ?? snakeCase(bare);
      const other = seen.get(name);
      if (other !== undefined) throw keyTwice(given.where, given.key, other);
      seen.set(name, given.key);
      const child = Object.hasOwn(shape, name) ? shape[name] : undefined;
      if (given.value === null && !(child && isNullable(child))) continue;
      if (child === undefined) {
        const near = didYouMean(name, Object.keys(shape));
        warnings.push(
          `${given.where}: unknown planner setting "${given.key}" is passed on as it is${near ? `; ${near}` : ""}`,
        );
      }
      values[name] = child === undefined ? given.value : meant(given.value, unwrap(child));
      where.set(name, given.where);
    }
  }
  return { values, where, warnings, problems: problemsOf(schema, values, where) };
}

function problemsOf(
  schema: z.ZodType,
  values: unknown,
  where: ReadonlyMap<string, string>,
): PlannerSettings["problems"] {
  const { error } = schema.safeParse(values);
  if (error === undefined) return [];
  const place = (path: Path) => where.get(String(path[0])) ?? "planner";
  return schemaProblems(schema, values, error).map(({ path, message, hint }: Problem) => ({
    where: place(path),
    message,
    hint,
  }));
}

function snakeCase(key: string): string {
  return key
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .replace(/[-\s]+/g, "_")
    .toLowerCase();
}

/** The planner of 0.6 and 0.8, which scales prefill and decode by throughput. */
export function legacyPlanner({ values }: PlannerSettings): PlannerRequest {
  const settings = { ...LEGACY_PLANNER_PRESETS, ...values };
  return {
    settings,
    enableThroughputScaling: true,
    enableLoadScaling: false,
    mode: "disagg",
    maxGpuBudget: settings.max_gpu_budget as number,
  };
}

/**
 * The planner of a v1beta1 request. A target other than `sla` means load-based scaling alone, as the planner itself has it.
 * @throws UserError PROFILER_SWEEPING_NONE where sweeping mode `none` meets throughput-based scaling, which needs a profile
 */
export function plannerOfConfig({ values, where }: PlannerSettings, warnings: string[]): PlannerRequest {
  const settings = { ...values };
  const target = settings.optimization_target;
  if (target !== undefined && target !== "sla") {
    if (settings.enable_throughput_scaling === true) {
      warnings.push(
        `${where.get("enable_throughput_scaling")}: throughput-based scaling is for optimization_target "sla"; with "${String(target)}" the planner scales by load`,
      );
    }
    settings.enable_throughput_scaling = false;
    settings.enable_load_scaling = true;
  }
  const enableThroughputScaling = (settings.enable_throughput_scaling as boolean | undefined) ?? true;
  const enableLoadScaling = (settings.enable_load_scaling as boolean | undefined) ?? false;
  if (!enableThroughputScaling && !enableLoadScaling) {
    warnings.push(
      `${where.get("enable_throughput_scaling") ?? "features.planner"}: neither throughput-based nor load-based scaling is on: the planner will scale nothing`,
    );
  }
  if (settings.pre_deployment_sweeping_mode === "none" && enableThroughputScaling) {
    throw sweepingNone(where.get("pre_deployment_sweeping_mode")!);
  }
  const budget = settings.max_gpu_budget;
  return {
    settings,
    enableThroughputScaling,
    enableLoadScaling,
    mode: (settings.mode as PlannerRequest["mode"] | undefined) ?? "disagg",
    ...(typeof budget === "number" && budget >= 0 ? { maxGpuBudget: budget } : {}),
  };
}
