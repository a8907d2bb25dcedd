export { type ArimaOptions, arimaPredictor } from "./arima.ts";
export { type BankWeight, ForecastBank, type ForecastBankOptions } from "./bank/forecast-bank.ts";
export { bankPredictor } from "./bank-predictor.ts";
export { createPredictor, type PredictorConfig, predictorConfigSchema } from "./config.ts";
export { constantPredictor } from "./constant.ts";
export { type KalmanOptions, kalmanPredictor } from "./kalman.ts";
export { normalQuantile } from "./normal.ts";
export type { Predictor, Quantity } from "./types.ts";
