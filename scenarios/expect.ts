import { formatDuration } from "#common";

export type Comparator = ">=" | "<=" | "==" | ">" | "<";

/** One assertion of a scenario's `expect:`. */
export type Expectation = {
  comparator: Comparator;
  /** In the measure's unit; latencies in ms. */
  value: number;
  /** As written: `>= 0.98`, `<= 200ms`. */
  text: string;
  /** Place below `expect`. */
  path: (string | number)[];
} & ({ kind: "metric"; name: string } | { kind: "replicas"; role: "prefill" | "decode"; atMs: number });

/** What a run measured, as plain values. */
export interface MeasuredValues {
  /**
   * By the names of the format: `slaAttainment` (0..1), `gpuHours`, `ttft.p99` (ms) and so on. One that is missing or NaN
   * was not measured, and an expectation on it fails.
   */
  values: Readonly<Record<string, number>>;
  /** Ready workers of a role at a time; undefined where that is not known. An aggregated worker is `decode`. */
  replicasAt?: (role: "prefill" | "decode", atMs: number) => number | undefined;
}

/** What became of one assertion. */
export interface CheckedExpectation {
  name: string;
  expected: string;
  actual: string;
  /** In the measure's unit; NaN where it was not measured. */
  actualValue: number;
  passed: boolean;
  /** Place below `expect`. */
  path: (string | number)[];
}

/** Compares each assertion with what was measured; results in the order of the assertions. */
export function checkExpectations(
  expectations: readonly Expectation[],
  measured: MeasuredValues,
): CheckedExpectation[] {
  return expectations.map((expectation) => {
    const actualValue = measure(expectation, measured);
    return {
      name: expectationName(expectation),
      expected: expectation.text,
      actual: show(expectation, actualValue),
      actualValue,
      passed: holds(actualValue, expectation.comparator, expectation.value),
      path: expectation.path,
    };
  });
}

function measure(expectation: Expectation, measured: MeasuredValues): number {
  if (expectation.kind === "metric") {
    return Object.hasOwn(measured.values, expectation.name) ? measured.values[expectation.name]! : Number.NaN;
  }
  return measured.replicasAt?.(expectation.role, expectation.atMs) ?? Number.NaN;
}

/** `slaAttainment`, `ttft.p99`, `replicas.decode at 12 min`. */
function expectationName(expectation: Expectation): string {
  if (expectation.kind === "metric") return expectation.name;
  return `replicas.${expectation.role} at ${formatDuration(expectation.atMs)}`;
}

function show(expectation: Expectation, value: number): string {
  if (Number.isNaN(value)) return "not measured";
  if (expectation.kind === "metric" && expectation.name.includes(".")) return formatDuration(value);
  return String(Number(value.toPrecision(6)));
}

/** NaN holds nothing. */
function holds(actual: number, comparator: Comparator, wanted: number): boolean {
  switch (comparator) {
    case ">=":
      return actual >= wanted;
    case "<=":
      return actual <= wanted;
    case ">":
      return actual > wanted;
    case "<":
      return actual < wanted;
    case "==":
      return actual === wanted;
  }
}
