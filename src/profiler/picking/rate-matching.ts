import type { Backend } from "#src/estimator";
import { leastTrusted, type PlanRow, type WorkerRow } from "./rows.ts";

/**
 * Numbers of NVIDIA's AIConfigurator 0.12 (`sdk/picking.py`, `sdk/sweep.py`): what prefill engines lose to gaps between
 * requests and decode engines to seats that are empty for a moment, and how much longer than alone a prompt waits for its first
 * token among others.
 */
export const PREFILL_DEGRADATION = 0.9;
export const DECODE_DEGRADATION = 0.92;
export const TTFT_CORRECTION = 1.8;

/** Multiples of a ratio are no better than the ratio, whatever the last digit says. */
const ROUNDING = 1e-12;
/** Most engines of one part in a unit. */
const MAX_WORKERS = 32;
const MAX_PREFILL_CANDIDATES = 32;
const MAX_DECODE_CANDIDATES_PER_LAYOUT = 16;
const MAX_UNIT_GPUS = 128;
/** Layouts shown of one pair of targets. */
const KEPT_PER_TARGET = 5;

export interface UnitOptions {
  backend: Backend;
  backendVersion?: string;
  osl: number;
  /** KV caches of both sides must be cut alike (SGLang's transfer). */
  sameTp: boolean;
  /** GPUs of the whole deployment at most; no unit is larger. */
  budget: number | undefined;
}

/** GPUs that a unit may have: powers of two up to 8, then whole nodes of 8. */
export function unitSizes(budget: number | undefined): Set<number> {
  const sizes = [1, 2, 4, 8];
  for (let gpus = 16; gpus <= MAX_UNIT_GPUS; gpus += 8) sizes.push(gpus);
  return new Set(sizes.filter((gpus) => gpus <= (budget ?? MAX_UNIT_GPUS)));
}

/** Prefill and decode engines side by side, `prefill.latencyMs` being what the first token takes among others. */
export function matchedUnit(
  prefill: WorkerRow,
  prefillWorkers: number,
  decode: WorkerRow,
  decodeWorkers: number,
  { backend, backendVersion, osl }: UnitOptions,
): PlanRow {
  const requestsPerSecond = Math.min(
    prefill.requestsPerSecond * prefillWorkers * PREFILL_DEGRADATION,
    decode.requestsPerSecond * decodeWorkers * DECODE_DEGRADATION,
  );
  const gpus = prefill.gpus * prefillWorkers + decode.gpus * decodeWorkers;
  return {
    backend,
    ...(backendVersion === undefined ? {} : { backendVersion }),
    prefill: placed(prefill, prefillWorkers),
    decode: placed(decode, decodeWorkers),
    group: `${backend} ${decode.parallelism}`,
    ttftMs: prefill.latencyMs,
    tpotMs: decode.latencyMs,
    requestLatencyMs: prefill.latencyMs + decode.latencyMs * Math.max(0, osl - 1),
    requestsPerSecond,
    tokensPerSecondPerGpu: (requestsPerSecond * osl) / gpus,
    tokensPerSecondPerUser: 1000 / decode.latencyMs,
    concurrency: decode.globalBatchSize * decodeWorkers,
    gpus,
    origin: leastTrusted(prefill.origin, decode.origin),
  };
}

function placed(row: WorkerRow, workers: number) {
  return { parallelism: row.parallelism, layout: row.layout, workers, batchSize: row.batchSize };
}

/** TTFT as the first token has it among other requests. */
export function amongOthers(prefill: readonly WorkerRow[]): WorkerRow[] {
  return prefill.map((row) => ({ ...row, latencyMs: row.latencyMs * TTFT_CORRECTION }));
}

/**
 * The best unit of each decode layout for every pair of targets: prefill and decode engines in the ratio that gives most
 * requests per second and GPU. Pairs that nothing meets give nothing.
 *
 * @param prefill rows as measured alone @param targets pairs of limits, both exclusive
 */
export function disaggregatedUnits(
  prefill: readonly WorkerRow[],
  decode: readonly WorkerRow[],
  targets: readonly { ttftMs: number; tpotMs: number }[],
  options: UnitOptions,
): PlanRow[] {
  const corrected = amongOthers(prefill);
  const matcher = new RatioMatcher(unitSizes(options.budget));
  const found: PlanRow[] = [];
  const seen = new Set<string>();
  for (const target of targets) {
    const prompts = corrected.filter((row) => row.latencyMs < target.ttftMs).sort(byRate);
    const best: PlanRow[] = [];
    for (const group of grouped(decode.filter((row) => row.latencyMs < target.tpotMs))) {
      const unit = bestUnit(prompts.slice(0, MAX_PREFILL_CANDIDATES), group, matcher, options);
      if (unit !== null) best.push(unit);
    }
    best.sort((a, b) => b.tokensPerSecondPerGpu - a.tokensPerSecondPerGpu);
    for (const unit of best.slice(0, KEPT_PER_TARGET)) {
      const key = unitKey(unit);
      if (seen.has(key)) continue;
      seen.add(key);
      found.push(unit);
    }
  }
  return found.sort((a, b) => b.tokensPerSecondPerGpu - a.tokensPerSecondPerGpu);
}

/**
 * For every decode layout the smallest unit that serves a load by itself, among engines below the targets: as many engines of
 * each kind as the load takes. A concurrency is a matter of the decode engines' seats; prefill engines then keep up with them.
 */
export function unitsForLoad(
  prefill: readonly WorkerRow[],
  decode: readonly WorkerRow[],
  targets: readonly { ttftMs: number; tpotMs: number }[],
  load: { requestRate?: number; concurrency?: number },
  options: UnitOptions,
): PlanRow[] {
  const corrected = amongOthers(prefill);
  const units: PlanRow[] = [];
  for (const target of targets) {
    const prompts = corrected.filter((row) => row.latencyMs < target.ttftMs);
    for (const group of grouped(decode.filter((row) => row.latencyMs < target.tpotMs))) {
      let best: PlanRow | null = null;
      for (const d of group) {
        for (const p of prompts) {
          if (options.sameTp && p.layout.tp !== d.layout.tp) continue;
          const ratio = workersForLoad(p, d, load);
          const unit = matchedUnit(p, ratio.prefill, d, ratio.decode, options);
          if (unit.gpus > (options.budget ?? Number.POSITIVE_INFINITY)) continue;
          if (best === null || smaller(unit, best)) best = unit;
        }
      }
      if (best !== null) units.push(best);
    }
  }
  return units;
}

function workersForLoad(
  prefill: WorkerRow,
  decode: WorkerRow,
  { requestRate, concurrency }: { requestRate?: number; concurrency?: number },
): Ratio {
  const perPrefill = prefill.requestsPerSecond * PREFILL_DEGRADATION;
  const perDecode = decode.requestsPerSecond * DECODE_DEGRADATION;
  const seats = requestRate === undefined ? Math.ceil(concurrency! / decode.globalBatchSize) : 0;
  const rate = requestRate ?? seats * perDecode;
  const enough = (perWorker: number) => Math.max(1, Math.ceil(rate / perWorker - 1e-9));
  return { prefill: enough(perPrefill), decode: requestRate === undefined ? Math.max(1, seats) : enough(perDecode) };
}

function smaller(a: PlanRow, b: PlanRow): boolean {
  return a.gpus < b.gpus || (a.gpus === b.gpus && a.tpotMs < b.tpotMs);
}

function bestUnit(
  prefill: readonly WorkerRow[],
  decode: readonly WorkerRow[],
  matcher: RatioMatcher,
  options: UnitOptions,
): PlanRow | null {
  let best: PlanRow | null = null;
  for (const d of decode.slice(0, MAX_DECODE_CANDIDATES_PER_LAYOUT)) {
    for (const p of prefill) {
      if (options.sameTp && p.layout.tp !== d.layout.tp) continue;
      const ratio = matcher.match(p, d);
      if (ratio === null) continue;
      const unit = matchedUnit(p, ratio.prefill, d, ratio.decode, options);
      const gain = best === null ? 1 : unit.tokensPerSecondPerGpu - best.tokensPerSecondPerGpu;
      if (gain > 0 || (gain === 0 && unit.gpus < best!.gpus)) best = unit;
    }
  }
  return best;
}

interface Ratio {
  prefill: number;
  decode: number;
}

/** Finds how many engines of each kind go together; pairs come again for every target. */
class RatioMatcher {
  private readonly known = new Map<string, Ratio | null>();
  private readonly sizes: Set<number>;

  constructor(sizes: Set<number>) {
    this.sizes = sizes;
  }

  match(prefill: WorkerRow, decode: WorkerRow): Ratio | null {
    const key = `${prefill.requestsPerSecond}/${prefill.gpus}:${decode.requestsPerSecond}/${decode.gpus}`;
    let ratio = this.known.get(key);
    if (ratio === undefined) {
      ratio = this.search(prefill, decode);
      this.known.set(key, ratio);
    }
    return ratio;
  }

  /** Among equal ones the first, which has fewest decode engines. */
  private search(prefill: WorkerRow, decode: WorkerRow): Ratio | null {
    let best: Ratio | null = null;
    let most = 0;
    for (let d = 1; d <= MAX_WORKERS; d++) {
      for (let p = 1; p <= MAX_WORKERS; p++) {
        const gpus = prefill.gpus * p + decode.gpus * d;
        if (gpus > MAX_UNIT_GPUS) break;
        if (!this.sizes.has(gpus)) continue;
        const served = Math.min(
          prefill.requestsPerSecond * p * PREFILL_DEGRADATION,
          decode.requestsPerSecond * d * DECODE_DEGRADATION,
        );
        if (served / gpus <= most * (1 + ROUNDING)) continue;
        most = served / gpus;
        best = { prefill: p, decode: d };
      }
    }
    return best;
  }
}

/** Requests per second and GPU, most first; of equal ones the smaller batch. */
export function byRate(a: WorkerRow, b: WorkerRow): number {
  return b.requestsPerSecond / b.gpus - a.requestsPerSecond / a.gpus || a.globalBatchSize - b.globalBatchSize;
}

function grouped(decode: readonly WorkerRow[]): WorkerRow[][] {
  const groups = new Map<string, WorkerRow[]>();
  for (const row of decode) {
    const group = groups.get(row.parallelism);
    if (group === undefined) groups.set(row.parallelism, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((group) => group.sort(byRate));
}

function unitKey({ prefill, decode }: PlanRow): string {
  return [prefill!, decode!].map((e) => `${e.workers}×${e.parallelism}@${e.batchSize}`).join("+");
}
