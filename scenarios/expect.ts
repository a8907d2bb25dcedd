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
} & ({ kind: "metric"; name: string } | ({ kind: "replicas"; role: "prefill" | "decode" } & ReplicasWhen));

/** Times at which ready workers are counted, ms from the start of the run; the end of the run is `Infinity`. */
export interface ReplicasWhen {
  /** At one time, at all times of a span, ends included, or at some time of it. */
  when: "at" | "throughout" | "by";
  /** Equal to `untilMs` where it is one time. */
  fromMs: number;
  untilMs: number;
}

/** How many workers were ready over a run: `ready[i]` from `atMs[i]` on, in order of time, the first at 0, up to `endMs`. */
export interface ReplicaCurve {
  atMs: readonly number[];
  ready: readonly number[];
  endMs: number;
}

/** What a run measured, as plain values. */
export interface MeasuredValues {
  /**
   * By the names of the format: `slaAttainment` (0..1), `gpuHours`, `ttft.p99` (ms) and so on. One that is missing or NaN
   * was not measured, and an expectation on it fails.
   */
  values: Readonly<Record<string, number>>;
  /** Ready workers of a role over the run. An aggregated worker is `decode`. */
  replicas?: (role: "prefill" | "decode") => ReplicaCurve;
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
    const { value, atMs } = measure(expectation, measured);
    return {
      name: expectationName(expectation),
      expected: expectation.text,
      actual: show(expectation, value, atMs),
      actualValue: value,
      passed: holds(value, expectation.comparator, expectation.value),
      path: expectation.path,
    };
  });
}

/** A value, and since when it was so where that is what decides about a span. */
interface Found {
  value: number;
  atMs?: number;
}

const NOT_MEASURED: Found = { value: Number.NaN };

function measure(expectation: Expectation, measured: MeasuredValues): Found {
  if (expectation.kind === "metric") {
    return Object.hasOwn(measured.values, expectation.name)
      ? { value: measured.values[expectation.name]! }
      : NOT_MEASURED;
  }
  const curve = measured.replicas?.(expectation.role);
  return curve === undefined ? NOT_MEASURED : measureReplicas(expectation, curve);
}

/** Of a span, the first count that decides: one that fails (throughout) or holds (by); the last one where none does. */
function measureReplicas(expectation: Expectation & ReplicasWhen, { atMs, ready, endMs }: ReplicaCurve): Found {
  const { when, comparator, value } = expectation;
  const { fromMs, untilMs } = timesOf(expectation, endMs);
  // Of what comes after the end nothing is known; that it was reached before is known all the same.
  if (fromMs > endMs || (untilMs > endMs && when !== "by")) return NOT_MEASURED;
  const first = atMs.findLastIndex((sinceMs) => sinceMs <= fromMs);
  if (first < 0) return NOT_MEASURED;
  let last = first;
  for (let i = first; i < atMs.length && (i === first || atMs[i]! <= untilMs); i++) {
    const decides = when !== "at" && holds(ready[i]!, comparator, value) === (when === "by");
    if (decides) return { value: ready[i]!, atMs: Math.max(fromMs, atMs[i]!) };
    last = i;
  }
  return when === "by" && untilMs > endMs ? NOT_MEASURED : { value: ready[last]! };
}

function timesOf({ fromMs, untilMs }: ReplicasWhen, endMs: number): { fromMs: number; untilMs: number } {
  const known = (ms: number) => (ms === Number.POSITIVE_INFINITY ? endMs : ms);
  return { fromMs: known(fromMs), untilMs: known(untilMs) };
}

/** `slaAttainment`, `ttft.p99`, `replicas.decode at 12 min`, `replicas.prefill from the start until 2 min`. */
function expectationName(expectation: Expectation): string {
  if (expectation.kind === "metric") return expectation.name;
  const { role, when, fromMs, untilMs } = expectation;
  const until = timeName(untilMs);
  if (when === "at") return `replicas.${role} at ${until}`;
  const from = when === "by" && fromMs === 0 ? "" : ` from ${timeName(fromMs)}`;
  return `replicas.${role}${from} ${when === "by" ? "by" : "until"} ${until}`;
}

function timeName(ms: number): string {
  if (ms === 0) return "the start";
  return ms === Number.POSITIVE_INFINITY ? "the end" : formatDuration(ms);
}

function show(expectation: Expectation, value: number, atMs: number | undefined): string {
  if (Number.isNaN(value)) return "not measured";
  if (expectation.kind === "metric" && (expectation.name.includes(".") || expectation.name === "recoversWithin")) {
    return value === Number.POSITIVE_INFINITY ? "never" : formatDuration(value);
  }
  const count = String(Number(value.toPrecision(6)));
  return atMs === undefined ? count : `${count} at ${timeName(atMs)}`;
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
