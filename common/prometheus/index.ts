export { Histogram, HistogramChild } from "./histogram.ts";
export { Counter, CounterChild, Gauge, GaugeChild } from "./metric.ts";
export { type MetricFamily, type MetricSample, type MetricType, parsePrometheus } from "./parse.ts";
export {
  counterIncrease,
  type HistogramValue,
  histogramIncrease,
  histogramQuantile,
  type LabelFilter,
  sumOfHistograms,
  sumOfSamples,
} from "./quantile.ts";
export { PROMETHEUS_CONTENT_TYPE, type Registry, registry } from "./registry.ts";
