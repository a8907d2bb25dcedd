import { didYouMean, UserError } from "#common";
import type { PlannerConfig } from "#planner/core";
import { type PredictorConfig, type PredictorTools, predictorConfigSchema, predictorTypes } from "#planner/predictors";

/** What a planner's predictor needs of the outside; Prophet's library is loaded where it is asked for, and only there. */
export async function predictorTools(configs: readonly (PredictorConfig | null)[]): Promise<PredictorTools> {
  if (!configs.some((config) => config?.type === "prophet")) return {};
  const { loadProphet } = await import("#planner/sources");
  return { prophet: await loadProphet() };
}

/** The predictor of a strategy that has one. */
export function predictorOf(config: PlannerConfig | null): PredictorConfig | null {
  return config !== null && "predictor" in config ? config.predictor : null;
}

/** A predictor's name as a flag has it: `arima`, or with options after a colon: `arima:log1p`, `prophet:window=20;log1p` (commas do as well). */
export function parsePredictor(text: string, flag: string): PredictorConfig {
  const [type = "", options = ""] = text.trim().split(":", 2);
  if (!predictorTypes.some((known) => known === type)) {
    throw new UserError({
      code: "CLI_USAGE",
      where: flag,
      message: `found predictor ${JSON.stringify(type)}, expected one of ${predictorTypes.join(", ")}`,
      ...didYouMeanHint(type),
    });
  }
  const fields = options.split(/[,;]/).filter((option) => option.trim() !== "");
  const given = Object.fromEntries(fields.map((option) => optionOf(option)));
  const parsed = predictorConfigSchema.safeParse({ type, ...given });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UserError({
    code: "CLI_USAGE",
    where: flag,
    message: `found ${JSON.stringify(text)}: ${issue?.message ?? "unknown options"}`,
    hint: "options follow a colon: arima:window=50;log1p or kalman:qLevel=10;r=5",
  });
}

function optionOf(option: string): [string, number | boolean | string] {
  const [name = "", value] = option.split("=", 2).map((part) => part.trim());
  if (value === undefined || value === "true") return [name, true];
  if (value === "false") return [name, false];
  const number = Number(value);
  return [name, Number.isNaN(number) ? value : number];
}

function didYouMeanHint(type: string): { hint?: string } {
  const hint = didYouMean(type, predictorTypes);
  return hint === undefined ? {} : { hint };
}
