import type { Backend, EngineLayout, Estimate } from "#src/estimator";

/** Where a row's times come from; the least trustworthy part names the whole. */
export type RowOrigin = "measured" | Estimate["origin"];

/** One engine that only prefills or only decodes, at one batch size. */
export interface WorkerRow {
  /** Candidates of one label compete with each other: `tp4`, `dep8`. */
  parallelism: string;
  layout: EngineLayout;
  gpus: number;
  /** Requests at once of one attention rank, and of the engine. */
  batchSize: number;
  globalBatchSize: number;
  /** TTFT of a prefill row, mean time between tokens of a decode row. */
  latencyMs: number;
  /** Requests per second of one engine. */
  requestsPerSecond: number;
  origin: RowOrigin;
}

/** Engines of one part of a deployable unit. */
export interface PlacedEngine {
  parallelism: string;
  layout: EngineLayout;
  workers: number;
  batchSize: number;
}

/** What can be deployed as a unit and replicated: one aggregated engine, or prefill and decode engines in a ratio. */
export interface PlanRow {
  backend: Backend;
  backendVersion?: string;
  prefill?: PlacedEngine;
  decode?: PlacedEngine;
  agg?: PlacedEngine;
  /** Rows of one group are variants of one layout, of which tables show the best: that of the decode or aggregated engine. */
  group: string;
  ttftMs: number;
  tpotMs: number;
  requestLatencyMs: number;
  requestsPerSecond: number;
  tokensPerSecondPerGpu: number;
  tokensPerSecondPerUser: number;
  /** Requests at once of the unit. */
  concurrency: number;
  gpus: number;
  origin: RowOrigin;
}

/** A row with what a picking mode made of it. */
export interface RankedRow extends PlanRow {
  /** Units to deploy. */
  replicas: number;
  /** Output tokens per second per GPU of the whole budget, idle GPUs counted. */
  clusterTokensPerSecondPerGpu: number;
  /** Below 100 where the budget does not serve the load. */
  loadServedPercent?: number;
}

/** What must hold of a row; `e2eLatencyMs` takes the place of the time between tokens. */
export interface Targets {
  ttftMs: number;
  tpotMs: number;
  e2eLatencyMs?: number;
}

/** Whether times meet the targets, TTFT aside: a search has that behind it. */
export function meetsTokenTarget(row: PlanRow, targets: Targets): boolean {
  return constraintOf(row, targets) <= constraintLimit(targets);
}

export function constraintOf(row: PlanRow, targets: Targets): number {
  return targets.e2eLatencyMs === undefined ? row.tpotMs : row.requestLatencyMs;
}

function constraintLimit(targets: Targets): number {
  return targets.e2eLatencyMs ?? targets.tpotMs;
}

const TRUST: readonly RowOrigin[] = ["measured", "table", "scaled", "analytic"];

export function leastTrusted(...origins: RowOrigin[]): RowOrigin {
  return TRUST[Math.max(...origins.map((origin) => TRUST.indexOf(origin)))]!;
}
