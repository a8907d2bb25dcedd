import type { HistogramValue } from "#common/prometheus";
import { reasonOf } from "../http-client.ts";
import { isSameModel } from "../model-name.ts";
import type { PrometheusClient, PrometheusSample } from "./client.ts";
import { PART, together } from "./queries.ts";

/** What came of a query: series, perhaps none; or why there is no answer. */
export type Reading = { kind: "series"; series: PrometheusSample[] } | { kind: "failed"; reason: string };

export interface SeriesFilter {
  /** Compared without regard to case: frontends write it in lower case. Null: all. */
  model: string | null;
  /** Dynamo namespace; null: all. */
  namespace: string | null;
}

export async function ask(client: PrometheusClient, expression: string): Promise<Reading> {
  try {
    return { kind: "series", series: await client.query(expression) };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  }
}

/** Answers of one moment to several expressions. */
export async function askTogether<Part extends string>(
  client: PrometheusClient,
  expressions: Readonly<Record<Part, string>>,
): Promise<Record<Part, Reading>> {
  const reading = await ask(client, together(expressions));
  const partOf = (part: string): Reading =>
    reading.kind === "failed"
      ? reading
      : { kind: "series", series: reading.series.filter(({ labels }) => labels[PART] === part) };
  const parts = Object.keys(expressions) as Part[];
  return Object.fromEntries(parts.map((part) => [part, partOf(part)])) as Record<Part, Reading>;
}

/**
 * Series of the model and namespace. Not every scrape configuration labels frontends with their namespace: where none of the
 * series has the label, there is nothing to tell by, and all count.
 */
export function selected(series: readonly PrometheusSample[], { model, namespace }: SeriesFilter): PrometheusSample[] {
  const ofModel = series.filter(({ labels }) => model === null || isSameModel(labels.model, model));
  if (namespace === null || !series.some(({ labels }) => labels.dynamo_namespace !== undefined)) return ofModel;
  return ofModel.filter(({ labels }) => sameNamespace(labels.dynamo_namespace, namespace));
}

/** Operators write dashes, components that register themselves underscores. */
function sameNamespace(label: string | undefined, namespace: string): boolean {
  return label?.replaceAll("-", "_") === namespace.replaceAll("-", "_");
}

/** A quantity that is there, or not: then why. `undefined` values are NaN: a mean over nothing. */
export type Quantity = { kind: "known"; value: number } | { kind: "undefined" } | { kind: "none" } | Failed;
type Failed = { kind: "failed"; reason: string };

/** Σ of the series; one that is no number makes all of it none. */
export function sumOf(reading: Reading, filter: SeriesFilter): Quantity {
  return combine(reading, filter, (values) => values.reduce((sum, value) => sum + value, 0));
}

/** Mean of the series, each as good as the other, as Dynamo's planners have it. */
export function meanOf(reading: Reading, filter: SeriesFilter): Quantity {
  return combine(reading, filter, (values) => values.reduce((sum, value) => sum + value, 0) / values.length);
}

function combine(reading: Reading, filter: SeriesFilter, of: (values: number[]) => number): Quantity {
  if (reading.kind === "failed") return reading;
  const found = selected(reading.series, filter);
  if (found.length === 0) return { kind: "none" };
  const value = of(found.map((sample) => sample.value));
  if (Number.isNaN(value)) return { kind: "undefined" };
  if (!Number.isFinite(value) || value < 0) return { kind: "failed", reason: `answered ${value}` };
  return { kind: "known", value };
}

/** The same for a ratio of two sums. Nothing over nothing is undefined. */
export function quotient(sum: Quantity, count: Quantity): Quantity {
  if (sum.kind !== "known") return sum;
  if (count.kind !== "known") return count;
  return count.value > 0 ? { kind: "known", value: sum.value / count.value } : { kind: "undefined" };
}

/** What a histogram rose by, over all series; null where it is not known. */
export function histogramOf(buckets: Reading, sum: Quantity, filter: SeriesFilter): HistogramValue | null {
  if (buckets.kind === "failed" || sum.kind !== "known") return null;
  const byBound = new Map<number, number>();
  for (const { labels, value } of selected(buckets.series, filter)) {
    const le = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le ?? Number.NaN);
    if (Number.isNaN(le) || !Number.isFinite(value)) return null;
    byBound.set(le, (byBound.get(le) ?? 0) + value);
  }
  const count = byBound.get(Number.POSITIVE_INFINITY);
  if (count === undefined) return null;
  return {
    buckets: [...byBound].map(([le, each]) => ({ le, count: each })).sort((a, b) => a.le - b.le),
    sum: sum.value,
    count,
  };
}
