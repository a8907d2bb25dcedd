import type { PlannerPlan, RenderPlan } from "../types.ts";

/** Settings that profiler and planner both have as flags; they come first. */
const SHARED = ["backend", "itl", "namespace", "ttft"];
/** What the planners of 0.6 and 0.8 are told where nothing else is said. */
const FLAG_DEFAULTS: Record<string, unknown> = {
  adjustment_interval: 180,
  environment: "kubernetes",
  load_prediction_window_size: 50,
  load_predictor: "arima",
  max_gpu_budget: 8,
  min_endpoint: 1,
  prometheus_port: 0,
};
/** Flags that profiling itself sets, at the end. */
const PROFILED = ["namespace", "prefill_engine_num_gpu", "decode_engine_num_gpu", "profile_results_dir"];
/** Times, which the planner's command line has as floating-point numbers. */
const FLOATS = ["itl", "ttft"];
/** What settings are called elsewhere: 1.0 has the unit in their names. */
const FLAG_NAMES: Record<string, string> = { itl_ms: "itl", ttft_ms: "ttft" };

/** GPUs of one engine of each kind. */
function engineGpus({ prefill, decode, agg }: RenderPlan): { prefill?: number; decode?: number } {
  const whole = agg?.layout.gpus;
  return {
    ...(prefill && { prefill: prefill.layout.gpus }),
    ...((decode ?? agg) && { decode: decode?.layout.gpus ?? whole! }),
  };
}

/**
 * The planner's command line of 0.6 and 0.8: settings that the profiler shares, in order; the others, in order; then what
 * profiling found. Without a value, or false, a setting has no flag.
 */
export function plannerArguments(
  plan: RenderPlan,
  planner: PlannerPlan,
  resultsDir: string,
  dynamoNamespace: string | undefined,
): string[] {
  const named = Object.entries(planner.settings).map(([key, value]) => [settingName(key), value] as const);
  const settings: Record<string, unknown> = { ...FLAG_DEFAULTS, backend: plan.backend, ...Object.fromEntries(named) };
  if (plan.mocker) settings.backend = "mocker";
  const flags = (keys: string[]) =>
    keys
      .filter((key) => !PROFILED.includes(key))
      .sort()
      .flatMap((key) => flag(key, settings[key]));
  const keys = Object.keys(settings);
  const gpus = engineGpus(plan);
  return [
    ...flags(keys.filter((key) => SHARED.includes(key))),
    ...flags(keys.filter((key) => !SHARED.includes(key))),
    ...(planner.dialect === "0.6" && dynamoNamespace !== undefined ? [`--namespace=${dynamoNamespace}`] : []),
    ...(gpus.prefill === undefined ? [] : [`--prefill-engine-num-gpu=${gpus.prefill}`]),
    ...(gpus.decode === undefined ? [] : [`--decode-engine-num-gpu=${gpus.decode}`]),
    `--profile-results-dir=${resultsDir}`,
  ];
}

/** A setting as the planner's own flag has it: no prefix, no hyphens. */
function settingName(key: string): string {
  const name = key.replaceAll("-", "_").replace(/^planner_/, "");
  return FLAG_NAMES[name] ?? name;
}

function flag(key: string, value: unknown): string[] {
  const name = `--${key.replaceAll("_", "-")}`;
  if (value === undefined || value === null || value === false) return [];
  if (value === true) return [name];
  if (typeof value === "number" && FLOATS.includes(key) && Number.isInteger(value))
    return [`${name}=${value.toFixed(1)}`];
  return [`${name}=${typeof value === "object" ? JSON.stringify(value) : value}`];
}

/** `planner_config.json` of 1.0: all settings, what the deployment is, and what profiling found. */
export function plannerConfig(plan: RenderPlan, planner: PlannerPlan, resultsDir: string): Record<string, unknown> {
  const { pre_deployment_sweeping_mode: sweeping, backend, mode, ...settings } = planner.settings;
  const gpus = engineGpus(plan);
  return {
    ...(sweeping !== undefined && { pre_deployment_sweeping_mode: sweeping }),
    backend: backend ?? plan.backend,
    mode: mode ?? plan.mode,
    ...settings,
    ...(gpus.prefill !== undefined && { prefill_engine_num_gpu: gpus.prefill }),
    ...(gpus.decode !== undefined && { decode_engine_num_gpu: gpus.decode }),
    profile_results_dir: resultsDir,
  };
}
