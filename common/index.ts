export { writeChunksAtomically, writeFileAtomically } from "./atomic-file.ts";
export { BackOff } from "./back-off.ts";
export { BearerTokens } from "./bearer-tokens.ts";
export { type StdRng, stdRng } from "./chacha.ts";
export { type Clock, wallClock } from "./clock.ts";
export { knownKeys } from "./documents/known-keys.ts";
export { formatPath, type Path, parsePath, valueAt } from "./documents/path.ts";
export { type Problem, schemaProblems } from "./documents/schema-problems.ts";
export {
  readYamlDocument,
  readYamlDocuments,
  withPath,
  type YamlErrors,
  type YamlSource,
} from "./documents/yaml-source.ts";
export { formatUserError, UserError, type UserErrorDetails } from "./errors.ts";
export { hostPort } from "./host-port.ts";
export { type Lateness, LatenessMeter } from "./lateness.ts";
export { makeFolder } from "./make-folder.ts";
export { Histogram, HistogramChild } from "./prometheus/histogram.ts";
export { Counter, CounterChild, Gauge, GaugeChild } from "./prometheus/metric.ts";
export { type MetricFamily, type MetricSample, type MetricType, parsePrometheus } from "./prometheus/parse.ts";
export {
  counterIncrease,
  type HistogramValue,
  histogramIncrease,
  histogramQuantile,
  type LabelFilter,
  sumOfHistograms,
  sumOfSamples,
} from "./prometheus/quantile.ts";
export { PROMETHEUS_CONTENT_TYPE, type Registry, registry } from "./prometheus/registry.ts";
export { type RandomStream, randomStream } from "./random.ts";
export { isOwnHost, isOwnOrigin, type RequestOrigin } from "./request-origin.ts";
export { sortNumbers } from "./sort-numbers.ts";
export { mean, normalCdf, quantileSorted, rankCorrelation, standardDeviation } from "./statistics.ts";
export { didYouMean, nearest } from "./suggest.ts";
export { MAX_LINE_CHARS, matchingFiles, readTextLines, type UnreadableFile } from "./text-lines.ts";
export { type Timer, TimerQueue } from "./timers.ts";
export { formatDuration, parseBytes, parseBytesPerSecond, parseDurationMs } from "./units.ts";
export { pollingWaker, threadWaker, type Waker, type WakerFactory } from "./waker.ts";
