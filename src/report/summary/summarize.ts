import type { BestStatic, EngineCounters, ExpectationResult, ReportedRun, RunFacts } from "#src/record";
import { type Attainment, attainment, type RequestCounts } from "./attainment.ts";
import { type Cost, cost, type ScalingSummary, scaling } from "./cost.ts";
import type { Distribution, PercentileRule } from "./distribution.ts";
import { type RequestMetrics, requestMetrics, type Throughput } from "./metrics.ts";
import { type FaultSummary, faultSummaries } from "./recovery.ts";
import { type RoutingSummary, routingSummary } from "./routing.ts";
import { type TenantSummary, tenantSummaries } from "./tenants.ts";

/** Good requests (both SLAs kept) per second of the benchmark's duration, and per allocated GPU-second. */
export interface Goodput {
  requestsPerSecond: number;
  perGpu: number;
}

/** Gaps between consecutive tokens, over all requests, ms. */
export type GapSummary = Pick<
  Distribution,
  "count" | "mean" | "min" | "max" | "standardDeviation" | "p50" | "p90" | "p99"
>;

/** Everything a run comes down to. Numbers that have no sample are NaN. */
export interface RunSummary {
  name: string;
  mode: RunFacts["mode"];
  sla: RunFacts["sla"];
  seed: number | null;
  shows: string | null;
  profile: string | null;
  /** Planner strategy; null where no planner ran. */
  strategy: string | null;
  /** Length of the run, ms: what the average GPUs refer to. */
  endMs: number;
  requests: RequestCounts;
  attainment: Attainment;
  goodput: Goodput;
  cost: Cost;
  scaling: ScalingSummary;
  throughput: Throughput;
  metrics: RequestMetrics;
  gapsMs: GapSummary;
  engine: EngineCounters;
  /** null where no router knew of caches. */
  routing: RoutingSummary | null;
  tenants: TenantSummary[];
  faults: FaultSummary[];
  expectations: ExpectationResult[];
  bestStatic: BestStatic | null;
}

export interface SummaryOptions {
  /** Default `linear`. */
  percentiles?: PercentileRule;
}

/** Reduces a run to its measures; every definition stands at the field it fills, and in docs/report.md. */
export function summarize(record: ReportedRun, options: SummaryOptions = {}): RunSummary {
  const { counts, attainment: attained } = attainment(record);
  const { metrics, throughput } = requestMetrics(record, options.percentiles ?? "linear");
  const spent = cost(record);
  const durationS = throughput.durationMs / 1000;
  return {
    name: record.name,
    mode: record.mode,
    sla: record.sla,
    seed: record.seed ?? null,
    shows: record.shows ?? null,
    profile: record.profile ?? null,
    strategy: record.decisions[0]?.strategy ?? null,
    endMs: record.endMs,
    requests: counts,
    attainment: attained,
    goodput: {
      requestsPerSecond: durationS > 0 ? attained.good / durationS : Number.NaN,
      perGpu: spent.gpuSeconds > 0 ? attained.good / spent.gpuSeconds : Number.NaN,
    },
    cost: spent,
    scaling: scaling(record),
    throughput,
    metrics,
    gapsMs: gapSummary(record),
    engine: record.engine,
    routing: routingSummary(record),
    tenants: tenantSummaries(record),
    faults: faultSummaries(record),
    expectations: record.expectations ?? [],
    bestStatic: record.bestStatic ?? null,
  };
}

function gapSummary({ gaps }: RunFacts): GapSummary {
  const some = gaps.count > 0;
  const at = (q: number) => (some ? gaps.quantileMs(q) : Number.NaN);
  return {
    count: gaps.count,
    mean: some ? gaps.meanMs : Number.NaN,
    min: some ? gaps.minMs : Number.NaN,
    max: some ? gaps.maxMs : Number.NaN,
    standardDeviation: some ? gaps.standardDeviationMs : Number.NaN,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
  };
}
