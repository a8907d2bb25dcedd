import { invalidOverrideJson } from "../errors.ts";
import { isObject, type JsonObject } from "../graph/json.ts";
import type { DeploymentDialect } from "../types.ts";
import type { Arguments } from "./arguments.ts";
import type { EngineFlags } from "./engine.ts";
import { checkLayout } from "./layout.ts";

const OVERRIDE = "--override-engine-args";
const DYNAMIC = "--trtllm.";

/** TensorRT-LLM behind `python3 -m dynamo.trtllm`: settings of its engine go into one JSON object, or dotted flags. */
export const trtllm: EngineFlags = {
  setModel(args, { path, name }) {
    args.set(path, "--model-path", "--model").set(name, "--served-model-name");
  },

  model: (args) => args.value("--served-model-name", "--model-path", "--model"),
  modelPath: (args) => args.value("--model-path", "--model"),

  setLayout(args, layout, dialect) {
    checkLayout("trtllm", layout);
    const { attentionDp, moeEp, moeTp, pp } = layout;
    const settings: JsonObject = { tensor_parallel_size: layout.tp * attentionDp };
    if (pp > 1) settings.pipeline_parallel_size = pp;
    if (moeEp > 1) {
      settings.moe_expert_parallel_size = moeEp;
      settings.moe_tensor_parallel_size = moeTp;
      settings.enable_attention_dp = attentionDp > 1;
    }
    const all = [
      "pipeline_parallel_size",
      "moe_expert_parallel_size",
      "moe_tensor_parallel_size",
      "enable_attention_dp",
    ];
    mergeSettings(
      args,
      settings,
      dialect,
      all.filter((key) => !(key in settings)),
    );
  },

  prefillOnly(args, dialect) {
    standAlone(args);
    mergeSettings(
      args,
      {
        kv_cache_config: { enable_block_reuse: false },
        disable_overlap_scheduler: false,
        cache_transceiver_config: null,
      },
      dialect,
    );
  },

  decodeOnly(args, dialect) {
    standAlone(args);
    mergeSettings(args, { kv_cache_config: { enable_block_reuse: true }, cache_transceiver_config: null }, dialect);
  },

  limitPrefill(args, { batch, tokens }, dialect) {
    mergeSettings(args, { max_batch_size: batch, max_num_tokens: tokens }, dialect);
  },
};

function standAlone(args: Arguments): void {
  args.dropValued("--disaggregation-mode", "--disaggregation-strategy");
}

/**
 * Merges engine settings into those that are there, in the way in which they are written there: the JSON object of
 * `--override-engine-args`, or flags such as `--trtllm.kv_cache_config.enable_block_reuse false`. The two exclude each other in
 * the backend; where there is neither, the dialect decides (flags since 1.0).
 * @throws UserError where the JSON there is none
 */
export function mergeSettings(
  args: Arguments,
  settings: JsonObject,
  dialect: DeploymentDialect,
  removed: readonly string[] = [],
): void {
  const json = args.value(OVERRIDE);
  const flags = args.takePrefixed(DYNAMIC);
  const nested = json === undefined ? nestedOf(flags) : parsed(json);
  for (const key of removed) delete nested[key];
  const merged = deepMerge(nested, settings);
  if (Object.keys(merged).length === 0) return;
  if (json === undefined && (dialect === "1.0" || flags.length > 0)) args.append(...dynamicFlags(merged));
  else args.dropValued(OVERRIDE).append(OVERRIDE, JSON.stringify(merged));
}

function parsed(json: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) throw invalidOverrideJson("args", OVERRIDE, json);
  return value;
}

function nestedOf(flags: [flag: string, value: string | undefined][]): JsonObject {
  const result: JsonObject = {};
  for (const [flag, value] of flags) {
    const keys = flag.slice(DYNAMIC.length).split(".");
    let at = result;
    for (const key of keys.slice(0, -1)) {
      if (!isObject(at[key])) at[key] = {};
      at = at[key] as JsonObject;
    }
    at[keys.at(-1)!] = value === undefined ? true : scalar(value);
  }
  return result;
}

function scalar(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  if (text === "none" || text === "null") return null;
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function dynamicFlags(settings: JsonObject, prefix = DYNAMIC): string[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (isObject(value)) return dynamicFlags(value, `${prefix}${key}.`);
    return [`${prefix}${key}`, value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value)];
  });
}

function deepMerge(base: JsonObject, over: JsonObject): JsonObject {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const there = merged[key];
    merged[key] = isObject(there) && isObject(value) ? deepMerge(there, value) : value;
  }
  return merged;
}
