import type { Dialect, ProfilingRequest, SearchStrategy } from "../types.ts";
import type { Draft } from "./draft.ts";
import { aicSettingMissing, refused } from "./errors.ts";
import { estimatorName } from "./hardware.ts";

export interface StrategyContext {
  dialect: Dialect;
  /** True where a v1beta1 request, or a profiling config of any kind, says what to do. */
  hasDocument: boolean;
}

/**
 * Rapid or thorough. A v1beta1 request is rapid unless it says otherwise; older ones are thorough unless they ask for the AI
 * Configurator; with flags alone, naming a GPU means that none is at hand: rapid.
 */
export function strategyOf(draft: Draft, { dialect, hasDocument }: StrategyContext): SearchStrategy {
  const said = draft.get("strategy");
  const estimate = draft.get("useAiConfigurator");
  if (said !== undefined) {
    if (estimate !== undefined && estimate !== (said === "rapid")) {
      draft.warnings.push(
        `${draft.where("useAiConfigurator")}: ${estimate} is ignored, ${draft.where("strategy")} says ${said}`,
      );
    }
    return said;
  }
  if (estimate !== undefined) return estimate ? "rapid" : "thorough";
  if (dialect === "1.0") return "rapid";
  return !hasDocument && draft.has("gpuSku") ? "rapid" : "thorough";
}

/**
 * What the estimator is told to play.
 * @throws UserError PROFILER_AIC_SETTING_MISSING, PROFILER_MOE_REFUSED
 */
export function aicOf(
  draft: Draft,
  strategy: SearchStrategy,
  dialect: Dialect,
  knowsGpu: boolean,
): ProfilingRequest["aic"] {
  const old = dialect === "0.3" || dialect === "0.6";
  if (strategy === "thorough") {
    const ignored = (["aicSystem", "aicModelName", "aicHfId", "aicBackendVersion"] as const).find((name) =>
      draft.has(name),
    );
    if (ignored !== undefined && dialect !== "1.0") {
      draft.warnings.push(
        `${draft.where(ignored)}: Will ignore --aic-system, --aic-model-name, and/or --backend-version when not using --use-ai-configurator.`,
      );
    }
    return {};
  }
  requireAic(draft, dialect, old, knowsGpu);
  const model = draft.get("aicHfId") ?? draft.get("aicModelName");
  const system = draft.get("aicSystem");
  const backend = draft.get("aicBackend") || undefined;
  const backendVersion = draft.get("aicBackendVersion");
  return {
    ...(model === undefined ? {} : { model }),
    ...(system === undefined ? {} : { system: estimatorName(system) }),
    ...(backend === undefined ? {} : { backend }),
    ...(backendVersion === undefined ? {} : { backendVersion }),
  };
}

/**
 * The AI Configurator of 0.6 wants system, model name and version; later ones take the model's Hugging Face id and the newest version,
 * and the GPU where something else names it.
 */
function requireAic(draft: Draft, dialect: Dialect, old: boolean, knowsGpu: boolean): void {
  if (dialect === "1.0" || draft.get("useAiConfigurator") !== true) return;
  const where = draft.where("useAiConfigurator")!;
  const flags = where.startsWith("--");
  if (old && draft.get("isMoe") === true) {
    throw refused(
      "MOE_REFUSED",
      draft.where("isMoe"),
      "MoE model is not supported in ai-configurator",
      "measure it (use_ai_configurator: false), or use a v1beta1 request, which estimates MoE models",
    );
  }
  const hint = (key: string, example: string) =>
    flags
      ? `such as ${key.replace("aic_", "--aic-").replaceAll("_", "-")} ${example}`
      : `set sweep.${key}: ${example} (or aic.${key.slice(4)})`;
  if (!draft.has("aicSystem") && (old || !knowsGpu)) {
    throw aicSettingMissing(where, "--aic-system", hint("aic_system", "h200_sxm"));
  }
  if (!old) return;
  if (!draft.has("aicModelName") && !draft.has("aicHfId")) {
    throw aicSettingMissing(where, "--aic-model-name", hint("aic_model_name", "QWEN3_32B"));
  }
  if (!draft.has("aicBackendVersion")) {
    throw aicSettingMissing(where, "--aic-backend-version", hint("aic_backend_version", '"1.0.0rc6"'));
  }
}
