import { z } from "zod";
import { type PlannerField, plannerFields } from "#planner/config";
import { plain } from "./field.ts";

const fields = plannerFields();

/** Keys of the planner of 0.6 and 0.8, without the prefix that documents and flags give them; others a request says elsewhere. */
const LEGACY_KEYS = [
  "environment",
  "no_operation",
  "log_dir",
  "adjustment_interval",
  "max_gpu_budget",
  "min_endpoint",
  "decode_engine_num_gpu",
  "prefill_engine_num_gpu",
  "profile_results_dir",
  "load_predictor",
  "load_prediction_window_size",
  "prometheus_port",
  "no_correction",
  "model_name",
] as const;

/** Defaults that a request gives, in words. */
const PRESETS: Readonly<Record<string, string>> = {
  backend: "the request's",
  namespace: "the deployment's",
  optimization_target: "",
  ttft_ms: "the request's where it is given",
  itl_ms: "the request's where it is given",
  profile_results_dir: "where it is mounted",
  decode_engine_num_gpu: "as picked",
  prefill_engine_num_gpu: "as picked",
};

function fieldOf(key: string): PlannerField {
  return fields.find(({ name, aliases }) => name === key || aliases?.includes(key))!;
}

/** A planner's key as a request has it: sections are the planner's to read and passed on as they are. */
function requestKey(
  { name, schema, nullable, description, aliases, preset }: PlannerField,
  version: "legacy" | "config",
): z.ZodType {
  const structured = (schema.def as { type: string }).type === "object";
  const value: z.ZodType = structured ? z.record(z.string(), z.unknown()) : schema;
  return plain(nullable && version === "config" ? value.nullable() : value, description, {
    preset: PRESETS[name] ?? preset,
    ...(aliases === undefined || version === "legacy" ? {} : { aliases }),
    ...(structured ? { free: true } : {}),
  });
}

/** The SLA planner's settings of 0.6 and 0.8. */
export const legacyPlannerSchema = z.object(
  Object.fromEntries(LEGACY_KEYS.map((key) => [key, requestKey(fieldOf(key), "legacy")])),
);

/** What a planner of 0.6 and 0.8 is started with where nothing else is said. */
export const LEGACY_PLANNER_PRESETS: Readonly<Record<string, unknown>> = Object.fromEntries(
  LEGACY_KEYS.map((key) => [key, fieldOf(key)] as const)
    .filter(([, { name, presetValue }]) => presetValue !== null && PRESETS[name] === undefined)
    .map(([key, { presetValue }]) => [key, presetValue]),
);

/** GPUs that a planner uses at most where nobody says. */
export const PLANNER_GPU_BUDGET = fieldOf("max_gpu_budget").presetValue as number;

/** `features.planner` of a DGDR v1beta1: Dynamo's planner configuration. */
export const plannerConfigSchema = z.object(
  Object.fromEntries(fields.filter(({ own }) => !own).map((field) => [field.name, requestKey(field, "config")])),
);
