export { type ArimaOptions, arimaPredictor } from "./arima.ts";
export { type BankWeight, ForecastBank, type ForecastBankOptions } from "./bank/forecast-bank.ts";
export { bankPredictor } from "./bank-predictor.ts";
export {
  createPredictor,
  type PredictorConfig,
  type PredictorTools,
  predictorConfigSchema,
  predictorTypes,
} from "./config.ts";
export { constantPredictor } from "./constant.ts";
export { type EnsembleChoice, ensemblePredictor } from "./ensemble/ensemble.ts";
export { type KalmanOptions, kalmanPredictor } from "./kalman.ts";
export { type LinearOptions, linearPredictor } from "./linear.ts";
export { type IdleLengths, type LoadForecaster, LoadPredictor, type LoadValues, loadLoss } from "./load-predictor.ts";
export { normalQuantile } from "./normal.ts";
export { type ProphetEngine, type ProphetOptions, prophetPredictor } from "./prophet.ts";
export type { Predictor, Quantity } from "./types.ts";
