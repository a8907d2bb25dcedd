import { quantileSorted, randomStream } from "#common";
import type { Decision, WorkerCounts } from "#planner/core";
import {
  type GapStatistics,
  RequestStatus,
  type RoleName,
  type RunRecord,
  requestTable,
  type ScalingEvent,
  type Timeline,
  type WorkerLife,
} from "#src/record";

export interface SyntheticRun {
  requests: number;
  minutes?: number;
  seed?: number;
  mode?: "agg" | "disagg";
}

const TICK_MS = 5000;
const STARTUP_MS = 30_000;

/**
 * A run with the look of a real one, made without a simulator: a sinusoid of requests, workers that follow it too late,
 * latencies that grow with the load of a worker. Consistent in itself (counts, times in order), deterministic in the seed.
 */
export function syntheticRun({ requests: count, minutes = 30, seed = 1, mode = "disagg" }: SyntheticRun): RunRecord {
  const endMs = minutes * 60_000;
  const random = randomStream(seed, "synthetic-run");
  const meanRate = (count / endMs) * 1000;
  const rateAt = (ms: number) => meanRate * (1 - 0.8 * Math.cos((2 * Math.PI * ms) / 600_000));
  const perWorker = meanRate / 2.2;
  const pools = { prefill: new Pool("prefill"), decode: new Pool("decode") };
  const roles: RoleName[] = mode === "disagg" ? ["prefill", "decode"] : ["decode"];
  for (const role of roles) pools[role].resize(2, 0, 0);

  const decisions: Decision[] = [];
  const scalingEvents: ScalingEvent[] = [];
  for (let tick = 0; tick * TICK_MS < endMs; tick++) {
    const atMs = tick * TICK_MS;
    const observedRate = rateAt(Math.max(0, atMs - TICK_MS)) * (1 + 0.08 * random.normal());
    const forecastRate = rateAt(atMs + STARTUP_MS * 0.6);
    const wanted = Math.max(1, Math.ceil((forecastRate * 1.15) / perWorker));
    const workers = { prefill: pools.prefill.counts(atMs), decode: pools.decode.counts(atMs) };
    const current = workers.decode.active + workers.decode.starting;
    const change = wanted > current || wanted < current - 1;
    decisions.push({
      tick,
      atMs,
      strategy: "default",
      targets: change ? { prefill: mode === "disagg" ? wanted : 0, decode: wanted } : null,
      workers,
      observedRate: tick === 0 ? null : observedRate,
      forecast: tick === 0 ? null : { requestRate: forecastRate, isl: 3000, osl: 300 },
      values: { capacityPerWorker: perWorker, decodeNeed: (forecastRate * 1.15) / perWorker, kvUsage: 0.4 },
      clamps: wanted > 7 ? [{ name: "maxGpus", role: "decode", from: wanted, to: 7 }] : [],
      reasons: change
        ? [
            {
              code: wanted > current ? "FORECAST_UP" : "LOAD_DOWN",
              role: "decode",
              text: `${wanted} workers carry ${forecastRate.toFixed(1)} req/s`,
            },
          ]
        : [{ code: "STEADY", role: null, text: "the workers carry the forecast" }],
    });
    if (!change) continue;
    for (const role of roles) {
      const have = pools[role].wanted;
      if (have === wanted) continue;
      scalingEvents.push({ atMs, role, from: have, to: wanted, reason: wanted > have ? "forecast" : "load" });
      pools[role].resize(wanted, atMs, STARTUP_MS);
    }
  }

  const table = requestTable(count);
  const gaps: number[] = [];
  const arrivals = new Float64Array(count);
  for (let i = 0; i < count; ) {
    const at = random.next() * endMs;
    if (random.next() * 1.8 * meanRate < rateAt(at)) arrivals[i++] = at;
  }
  arrivals.sort();
  let lastTokenMs = 0;
  for (let i = 0; i < count; i++) {
    const arrivalMs = arrivals[i]!;
    const load = rateAt(arrivalMs) / (perWorker * Math.max(1, pools.decode.counts(arrivalMs).active));
    const isl = Math.round(3000 * Math.exp(0.2 * random.normal()));
    const osl = 1 + Math.round(300 * Math.exp(0.2 * random.normal()));
    const ttft = 30 + isl / 40 + random.exponential(12 * Math.exp(3 * Math.max(0, load - 0.75)));
    const itl = 5.5 + 3.4 * load + 0.25 * random.normal();
    table.isl[i] = isl;
    table.requestedOsl[i] = osl;
    table.arrivalMs[i] = arrivalMs;
    const fate = random.next();
    if (fate < 0.001) {
      table.status[i] = fate < 0.0005 ? RequestStatus.rejected : RequestStatus.failed;
      continue;
    }
    table.status[i] = RequestStatus.completed;
    table.outputTokens[i] = osl;
    table.admitMs[i] = arrivalMs + ttft * 0.2;
    table.firstTokenMs[i] = arrivalMs + ttft;
    table.secondTokenMs[i] = osl > 1 ? arrivalMs + ttft + itl * 1.5 : Number.NaN;
    table.lastTokenMs[i] = arrivalMs + ttft + itl * Math.max(0, osl - 1);
    table.prefillWorker[i] = mode === "disagg" ? i % 3 : -1;
    table.decodeWorker[i] = i % 4;
    lastTokenMs = Math.max(lastTokenMs, table.lastTokenMs[i]!);
    if (i % 7 === 0) gaps.push(itl);
  }
  const workers = [...pools.prefill.workers, ...pools.decode.workers];
  return {
    name: "synthetic-sinusoid",
    mode,
    seed,
    shows: "workers follow a ten-minute sinusoid, half a minute late",
    profile: "synthetic",
    sla: { ttftMs: 200, itlMs: 10 },
    requests: table,
    gaps: gapStatistics(gaps),
    durationMs: lastTokenMs,
    endMs: Math.max(endMs, lastTokenMs),
    gpusPerWorker: { prefill: 1, decode: 1 },
    workers,
    scalingEvents,
    decisions,
    timeline: timeline(endMs, rateAt, pools),
    engine: {
      passes: count * 12,
      steadyPasses: count * 10,
      skippedPasses: count * 9,
      scheduledPrefillTokens: count * 3000,
      preemptions: 0,
      prefixHitTokens: 0,
      hostHitTokens: 0,
      evictedBlocks: 0,
      drafts: 0,
      draftTokens: 0,
      acceptedDraftTokens: 0,
      extrapolations: 3,
    },
    feasible: new Uint8Array(count).fill(1),
  };
}

class Pool {
  readonly workers: WorkerLife[] = [];
  wanted = 0;
  readonly role: RoleName;

  constructor(role: RoleName) {
    this.role = role;
  }

  resize(to: number, atMs: number, startupMs: number): void {
    for (; this.wanted < to; this.wanted++) {
      const life = { role: this.role, id: this.workers.length, createdMs: atMs, readyMs: atMs + startupMs };
      this.workers.push({ ...life, drainingMs: null, removedMs: null });
    }
    for (; this.wanted > to; this.wanted--) {
      const victim = this.workers.findLast((worker) => worker.drainingMs === null)!;
      victim.drainingMs = atMs;
      victim.removedMs = atMs + 4000;
    }
  }

  counts(atMs: number): WorkerCounts {
    const counts = { active: 0, starting: 0, draining: 0 };
    for (const worker of this.workers) {
      if (worker.createdMs > atMs || (worker.removedMs ?? Number.POSITIVE_INFINITY) <= atMs) continue;
      if (worker.drainingMs !== null && worker.drainingMs <= atMs) counts.draining++;
      else if (worker.readyMs > atMs) counts.starting++;
      else counts.active++;
    }
    return counts;
  }
}

function timeline(endMs: number, rateAt: (ms: number) => number, pools: Record<RoleName, Pool>): Timeline {
  const windowMs = 5000;
  const starts = Array.from({ length: Math.ceil(endMs / windowMs) }, (_, i) => i * windowMs);
  const counts = (role: RoleName, kind: keyof WorkerCounts) =>
    starts.map((start) => pools[role].counts(start + windowMs)[kind]);
  return {
    windowMs,
    startMs: starts,
    requestRate: starts.map((start, i) => rateAt(start) * (1 + 0.1 * Math.sin(i * 2.3))),
    prefillActive: counts("prefill", "active"),
    prefillStarting: counts("prefill", "starting"),
    prefillDraining: counts("prefill", "draining"),
    decodeActive: counts("decode", "active"),
    decodeStarting: counts("decode", "starting"),
    decodeDraining: counts("decode", "draining"),
    kvUsage: starts.map((start) => Math.min(0.95, rateAt(start) / 40 / Math.max(1, pools.decode.counts(start).active))),
    prefillQueueTokens: starts.map((start, i) => Math.max(0, rateAt(start) * 200 * Math.sin(i * 0.7))),
    runningRequests: starts.map((start) => Math.round(rateAt(start) * 2.6)),
  };
}

function gapStatistics(sample: number[]): GapStatistics {
  const ascending = Float64Array.from(sample).sort();
  const mean = ascending.reduce((sum, gap) => sum + gap, 0) / ascending.length;
  const variance = ascending.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / ascending.length;
  return {
    count: ascending.length,
    meanMs: mean,
    minMs: ascending[0] ?? Number.NaN,
    maxMs: ascending.at(-1) ?? Number.NaN,
    standardDeviationMs: Math.sqrt(variance),
    quantileMs: (q) => quantileSorted(ascending, q),
  };
}
