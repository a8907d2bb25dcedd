export { writeChunksAtomically, writeFileAtomically } from "./atomic-file.ts";
export { type StdRng, stdRng } from "./chacha.ts";
export { type Clock, wallClock } from "./clock.ts";
export { formatUserError, UserError, type UserErrorDetails } from "./errors.ts";
export { type Lateness, LatenessMeter } from "./lateness.ts";
export {
  Counter,
  CounterChild,
  counterIncrease,
  Gauge,
  GaugeChild,
  Histogram,
  HistogramChild,
  type HistogramValue,
  histogramIncrease,
  histogramQuantile,
  type LabelFilter,
  type MetricFamily,
  type MetricSample,
  type MetricType,
  PROMETHEUS_CONTENT_TYPE,
  parsePrometheus,
  type Registry,
  registry,
  sumOfHistograms,
  sumOfSamples,
} from "./prometheus/index.ts";
export { type RandomStream, randomStream } from "./random.ts";
export { mean, quantileSorted, standardDeviation } from "./statistics.ts";
export { didYouMean, nearest } from "./suggest.ts";
export { type Timer, TimerQueue } from "./timers.ts";
export { formatDuration, parseBytes, parseBytesPerSecond, parseDurationMs } from "./units.ts";
export { pollingWaker, threadWaker, type Waker, type WakerFactory } from "./waker.ts";
