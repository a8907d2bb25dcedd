import { formatLabels, isLabelName } from "./format.ts";
import { Histogram } from "./histogram.ts";
import { Counter, Gauge, type MetricDefinition } from "./metric.ts";

/** The content type of `text()`. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The metrics of one endpoint. */
export interface Registry {
  /** @throws Error for a name that is malformed or taken, a malformed label, buckets out of order */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram;
  /** Runs at each `text()`, before anything is written: for values that are known elsewhere. */
  collect(callback: () => void): void;
  /** Prometheus' text format 0.0.4: metrics as they were defined, children as they were first used. */
  text(): string;
  /** Names of all families. */
  names(): string[];
}

/** @param constantLabels on every sample of this registry, before its own labels */
export function registry(constantLabels: Readonly<Record<string, string>> = {}): Registry {
  const metrics = new Map<string, Counter | Gauge | Histogram>();
  const callbacks: (() => void)[] = [];
  const constantNames = Object.keys(constantLabels);
  for (const name of constantNames) if (!isLabelName(name)) throw new Error(`"${name}" is no label name`);
  const constantText = formatLabels(constantNames, Object.values(constantLabels));

  const define = (name: string, help: string, labelNames: readonly string[]): MetricDefinition => {
    if (metrics.has(name)) throw new Error(`metric ${name} is defined twice`);
    if (new Set([...constantNames, ...labelNames]).size < constantNames.length + labelNames.length) {
      throw new Error(`a label of ${name} occurs twice: ${[...constantNames, ...labelNames].join(", ")}`);
    }
    return { name, help, labelNames, constantLabels: constantText };
  };
  const add = <M extends Counter | Gauge | Histogram>(metric: M): M => {
    metrics.set(metric.definition.name, metric);
    // What has no labels is shown from the start, as 0.
    if (metric.definition.labelNames.length === 0) metric.labels();
    return metric;
  };

  return {
    counter: (name, help, labels = []) => add(new Counter(define(name, help, labels))),
    gauge: (name, help, labels = []) => add(new Gauge(define(name, help, labels))),
    histogram: (name, help, labels, buckets) => add(new Histogram(define(name, help, labels), buckets)),
    collect: (callback) => {
      callbacks.push(callback);
    },
    text: () => {
      for (const callback of callbacks) callback();
      let text = "";
      for (const metric of metrics.values()) text += metric.text();
      return text;
    },
    names: () => [...metrics.keys()],
  };
}
