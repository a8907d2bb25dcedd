import { UserError } from "#common";
import type { PlannerServiceConfig, ReadPlannerConfig } from "#planner/config";
import { type PlannerContext, type Role, rolesOf } from "#planner/core";
import type { Profile } from "#profiles";
import { type Backend, type EngineSpec, modelFacts, nativeEstimator, openNativeEngine } from "#src/estimator";
import { estimateProfile } from "#src/profiler";
import { estimatedPasses } from "./estimated-passes.ts";
import { atFieldOf } from "./fields.ts";

type Described = NonNullable<
  PlannerServiceConfig["profile"]["aicPerfModel"] | PlannerServiceConfig["profile"]["aicInterpolation"]
>;
type Field = "aic_perf_model" | "aic_interpolation";

const BACKENDS: readonly string[] = ["vllm", "sglang", "trtllm"] satisfies Backend[];
/** Longest context that is sampled of a model that does not say how long its own is, tokens. */
const UNKNOWN_CONTEXT = 16_384;

/**
 * The estimators of single passes that `aic_perf_model` names, for the strategy that asks for passes (`load-compat` towards an SLA). As with
 * Dynamo, engines that the estimator does not know are left to regressions over live passes, with a warning.
 */
export function passModels(
  config: PlannerServiceConfig,
  warn: (text: string) => void,
): Pick<PlannerContext, "passModels"> {
  const described = config.profile.aicPerfModel;
  if (described === null || config.strategy !== "load-compat" || config.optimizationTarget !== "sla") return {};
  const models: NonNullable<PlannerContext["passModels"]> = {};
  for (const role of rolesOf(config.mode)) {
    try {
      models[role] = estimatedPasses(
        openNativeEngine(engineSpec(described, role, config, (key) => `aic_perf_model.${key}`)),
      );
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(`aic_perf_model: ${error.message}; passes of ${role} workers are learnt by regression alone`);
    }
  }
  return { passModels: models };
}

/** Prefill and decode are engines of their own; an aggregated worker is one engine for both. @throws UserError for engines that the estimator does not know */
export async function estimatedProfile(
  { config, place }: Pick<ReadPlannerConfig, "config" | "place">,
  field: Field,
  described: Described,
): Promise<Profile> {
  const of = async (role: Role) => {
    const spec = engineSpec(described, role, config, (key) => place(field, [key]));
    return await atFieldOf(place(field), null, () => sampled(spec, config, described));
  };
  const roles = rolesOf(config.mode);
  const decode = await of(roles.includes("decode") ? "decode" : "prefill");
  const prefill = roles.includes("prefill") && roles.includes("decode") ? await of("prefill") : decode;
  const { gpusPerPrefillEngine } = prefill.provenance;
  return {
    ...decode,
    prefill: prefill.prefill,
    provenance: { ...decode.provenance, ...(gpusPerPrefillEngine === undefined ? {} : { gpusPerPrefillEngine }) },
  };
}

async function sampled(spec: EngineSpec, config: PlannerServiceConfig, described: Described): Promise<Profile> {
  const swept = (described as Record<string, unknown>).sweep_max_context_length;
  const maxContext =
    config.engine.contextLength ??
    (typeof swept === "number" && swept > 0 ? swept : (modelFacts(spec.model).maxContextLength ?? UNKNOWN_CONTEXT));
  const name = `${spec.model} on ${spec.system} with ${spec.backend}`;
  const options = { name, maxContext, provenance: { model: spec.model, gpu: spec.system, backend: spec.backend } };
  return (await estimateProfile(nativeEstimator(spec), options)).profile;
}

/** @param place of a key of the description */
function engineSpec(
  described: Described,
  role: Role,
  config: PlannerServiceConfig,
  place: (key: string) => string,
): EngineSpec {
  const pick = described[`${role}_pick`];
  const { hf_id: model, system, backend, backend_version: backendVersion } = described;
  for (const [name, value] of Object.entries({ hf_id: model, system, backend, [`${role}_pick`]: pick })) {
    if (value === undefined || value === null) {
      throw invalid(place(name), "it is missing: nothing tells which engine to estimate");
    }
  }
  if (!BACKENDS.includes(backend!)) {
    throw invalid(place("backend"), `found "${backend}", expected ${BACKENDS.join(", ")}`);
  }
  const { tp, pp, dp, moe_tp: moeTp, moe_ep: moeEp } = pick!;
  const { maxNumBatchedTokens } = config.engine;
  return {
    model: model!,
    system: system!,
    backend: backend as Backend,
    parallelism: `tp${tp}pp${pp}dp${dp}etp${moeTp}ep${moeEp}`,
    // What runs need not keep to what simulated profiling is advised.
    leastHeadsPerGpu: 1,
    ...(backendVersion === undefined || backendVersion === null ? {} : { backendVersion }),
    ...(maxNumBatchedTokens === null ? {} : { maxBatchedTokens: maxNumBatchedTokens }),
    quantization: formats(described),
  };
}

/** Number formats by the estimator's names, where they are given. */
function formats(described: Described): NonNullable<EngineSpec["quantization"]> {
  const said = (key: "weight_dtype" | "moe_dtype" | "kv_cache_dtype" | "activation_dtype") => {
    const value = (described as Record<string, unknown>)[key];
    return typeof value === "string" ? value : undefined;
  };
  const [gemm, moe, kvcache, fmha] = [
    said("weight_dtype"),
    said("moe_dtype"),
    said("kv_cache_dtype"),
    said("activation_dtype"),
  ];
  return {
    ...(gemm === undefined ? {} : { gemm }),
    ...(moe === undefined ? {} : { moe }),
    ...(kvcache === undefined ? {} : { kvcache }),
    ...(fmha === undefined ? {} : { fmha }),
  };
}

function invalid(where: string, message: string): UserError {
  return new UserError({
    code: "PLANNER_ESTIMATED_ENGINE",
    where,
    message,
    hint: "such as {hf_id: Qwen/Qwen3-32B, system: h200_sxm, backend: vllm, prefill_pick: {tp: 1}, decode_pick: {tp: 2}}",
  });
}
