import { z } from "zod";
import { arimaDefaults, arimaPredictor } from "./arima.ts";
import { bankPredictor } from "./bank-predictor.ts";
import { constantPredictor } from "./constant.ts";
import { ensemblePredictor } from "./ensemble/ensemble.ts";
import { prophetMissing } from "./errors.ts";
import { kalmanDefaults, kalmanPredictor } from "./kalman.ts";
import { linearDefaults, linearPredictor } from "./linear.ts";
import { type ProphetEngine, prophetDefaults, prophetPredictor } from "./prophet.ts";
import type { Predictor, Quantity } from "./types.ts";

const positive = z.number().positive();

const constantSchema = z.strictObject({ type: z.literal("constant") });
const arimaSchema = z.strictObject({
  type: z.literal("arima"),
  window: z.int().min(5).max(10_000).default(arimaDefaults.window).describe("Values kept for fitting"),
  log1p: z.boolean().default(arimaDefaults.log1p).describe("Fit log(1 + value)"),
  clampAtZero: z.boolean().default(arimaDefaults.clampAtZero).describe("Never forecast below 0"),
});
const kalmanSchema = z.strictObject({
  type: z.literal("kalman"),
  qLevel: positive.default(kalmanDefaults.qLevel).describe("Variance a step adds to the level"),
  qTrend: positive.default(kalmanDefaults.qTrend).describe("Variance a step adds to the trend"),
  r: positive.default(kalmanDefaults.r).describe("Variance of a measurement"),
  minPoints: z.int().min(1).default(kalmanDefaults.minPoints).describe("Values before the filter is asked"),
  log1p: z.boolean().default(kalmanDefaults.log1p).describe("Filter log(1 + value)"),
  clampAtZero: z.boolean().default(kalmanDefaults.clampAtZero).describe("Never forecast below 0"),
});
const bankSchema = z.strictObject({ type: z.literal("bank") });
const linearSchema = z.strictObject({
  type: z.literal("linear"),
  window: z.int().min(3).max(10_000).default(linearDefaults.window).describe("Values the line is laid through"),
});
const prophetSchema = z.strictObject({
  type: z.literal("prophet"),
  window: z.int().min(5).max(10_000).default(prophetDefaults.window).describe("Values kept for fitting"),
  log1p: z.boolean().default(prophetDefaults.log1p).describe("Fit log(1 + value)"),
});
const ensembleSchema = z.strictObject({ type: z.literal("ensemble") });

const detailedSchema = z.discriminatedUnion("type", [
  constantSchema,
  linearSchema,
  arimaSchema,
  kalmanSchema,
  prophetSchema,
  ensembleSchema,
  bankSchema,
]);

/** The predictors by name. */
export const predictorTypes = ["constant", "linear", "arima", "kalman", "prophet", "ensemble", "bank"] as const;

/** `predictor: arima`, or `predictor: { type: arima, window: 50 }`. */
export const predictorConfigSchema = z.union([
  z.enum(predictorTypes).transform((type): z.output<typeof detailedSchema> => detailedSchema.parse({ type })),
  detailedSchema,
]);

export type PredictorConfig = z.output<typeof predictorConfigSchema>;

/** What predictors need of the outside. */
export interface PredictorTools {
  /** For `prophet`; the shell loads it (its library is WebAssembly), the core only asks it. */
  prophet?: ProphetEngine;
}

/**
 * @param intervalS time between the values that will be added @param quantity what they count
 * @throws UserError PREDICTORS_PROPHET_MISSING where `prophet` is wanted and `tools` has none
 */
export function createPredictor(
  config: PredictorConfig,
  intervalS: number,
  quantity: Quantity,
  tools: PredictorTools = {},
): Predictor {
  switch (config.type) {
    case "constant":
      return constantPredictor();
    case "linear":
      return linearPredictor(config);
    case "arima":
      return arimaPredictor(config);
    case "kalman":
      return kalmanPredictor(config);
    case "prophet":
      if (tools.prophet === undefined) throw prophetMissing();
      return prophetPredictor(tools.prophet, { ...config, stepS: intervalS });
    case "ensemble":
      return ensemblePredictor();
    case "bank":
      return bankPredictor(intervalS, quantity);
  }
}
