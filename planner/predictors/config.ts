import { z } from "zod";
import { arimaDefaults, arimaPredictor } from "./arima.ts";
import { bankPredictor } from "./bank-predictor.ts";
import { constantPredictor } from "./constant.ts";
import { kalmanDefaults, kalmanPredictor } from "./kalman.ts";
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

const detailedSchema = z.discriminatedUnion("type", [constantSchema, arimaSchema, kalmanSchema, bankSchema]);

/** `predictor: arima`, or `predictor: { type: arima, window: 50 }`. */
export const predictorConfigSchema = z.union([
  z
    .enum(["constant", "arima", "kalman", "bank"])
    .transform((type): z.output<typeof detailedSchema> => detailedSchema.parse({ type })),
  detailedSchema,
]);

export type PredictorConfig = z.output<typeof predictorConfigSchema>;

/** @param intervalS time between the values that will be added @param quantity what they count */
export function createPredictor(config: PredictorConfig, intervalS: number, quantity: Quantity): Predictor {
  switch (config.type) {
    case "constant":
      return constantPredictor();
    case "arima":
      return arimaPredictor(config);
    case "kalman":
      return kalmanPredictor(config);
    case "bank":
      return bankPredictor(intervalS, quantity);
  }
}
