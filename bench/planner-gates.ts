/**
 * What the default planner reaches against the best deployment that never scales, in our simulator, on the measured profile
 * of a Llama 3.1 8B (FP8, TP1) on an H200: `node bench/planner-gates.ts [--seeds 101,102,103] [--only sin] [--json FILE]`.
 * Prefill and decode engines replay the profile's robust surfaces; a KV transfer takes 10 ms for 3000 tokens; SLA 200/10 ms.
 */
import { parseArgs } from "node:util";
import { writeFileAtomically } from "#common";
import { engineConfig, profileTiming } from "#mocker/engine";
import { createPlanner, plannerConfigSchema } from "#planner/core";
import { buildSurface, loadProfile } from "#profiles";
import { buildWorkload, type Distribution, type RateShape, type TrafficEntry, type Workload } from "#scenarios";
import type { BestStatic, RunRecord } from "#src/record";
import { attainment, cost } from "#src/report";
import { type PoolSpec, simulate } from "#src/simulator";
import { bestStatic } from "#src/study";
import { referencePath } from "../test/reference.ts";

interface Gate {
  trace: string;
  startupS: number;
  minRatio?: number;
  minAttainment: number;
  maxEvents?: number;
}

const GATES: Gate[] = [
  { trace: "sin", startupS: 0, minRatio: 1.45, minAttainment: 0.99 },
  { trace: "sin", startupS: 30, minRatio: 1.33, minAttainment: 0.99 },
  { trace: "day", startupS: 60, minRatio: 1.45, minAttainment: 0.985 },
  { trace: "const20", startupS: 0, minAttainment: 0.985, maxEvents: 8 },
  { trace: "const20", startupS: 60, minAttainment: 0.985, maxEvents: 8 },
  { trace: "const9", startupS: 60, minAttainment: 0.985, maxEvents: 8 },
];

const SLA = { ttftMs: 200, itlMs: 10 };
const TRANSFER_MS_PER_TOKEN = 10 / 3000;
const BYTES_PER_TOKEN = 131_072;
const BLOCK_SIZE = 64;

const fixed = (value: number): Distribution => ({ kind: "fixed", value });
const spread = (mean: number, sigma: number): Distribution => ({ kind: "lognormal", mean, sigma });

function entry(durationS: number, rate: RateShape, isl: Distribution, osl: Distribution): TrafficEntry[] {
  const content = { patterns: [{ share: null, isl, osl }], sessions: null, prefix: null, blockTokens: BLOCK_SIZE };
  return [{ kind: "open", startMs: 0, durationMs: durationS * 1000, rate, arrivals: { kind: "poisson" }, content }];
}

const TRAFFIC: Record<string, TrafficEntry[]> = {
  sin: entry(1800, { kind: "sinusoid", min: 5, max: 45, periodMs: 600_000, phase: 0 }, fixed(3000), fixed(300)),
  // Two days of which each hour lasts 150 s.
  day: entry(
    7200,
    {
      kind: "diurnal",
      base: 4,
      dayMs: 3_600_000,
      peaks: [
        { hour: 11, height: 30, widthHours: 2.4 },
        { hour: 20, height: 38, widthHours: 2 },
      ],
    },
    spread(3000, 0.3),
    spread(300, 0.3),
  ),
  const20: entry(1800, { kind: "constant", rate: 20 }, fixed(3000), fixed(300)),
  const9: entry(1800, { kind: "constant", rate: 9 }, spread(3000, 0.2), spread(300, 0.2)),
};

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "101,102,103" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    "max-gpus": { type: "string", default: "12" },
  },
});
const profile = loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1"));
const surface = buildSurface(profile, "robust");

function pool(role: "prefill" | "decode", workers: number, startupMs: number): PoolSpec {
  const numGpuBlocks = Math.floor(surface.maxKvTokens / BLOCK_SIZE);
  const timing = profileTiming(surface);
  return {
    workers,
    engine: engineConfig({ role, timing, numGpuBlocks, blockSize: BLOCK_SIZE }),
    dpSize: 1,
    gpusPerWorker: 1,
    startupMs,
  };
}

function run(
  workload: Workload,
  workers: { prefill: number; decode: number },
  startupMs: number,
  plans: boolean,
): RunRecord {
  const context = {
    mode: "disagg" as const,
    sla: SLA,
    gpusPerWorker: { prefill: 1, decode: 1 },
    startupMs: { prefill: startupMs, decode: startupMs },
    transferMsPerToken: TRANSFER_MS_PER_TOKEN,
  };
  const config = plannerConfigSchema.parse({ strategy: "default", maxGpus: Number(values["max-gpus"]) });
  return simulate({
    name: "gate",
    seed: 1,
    workload,
    prefill: pool("prefill", workers.prefill, startupMs),
    decode: pool("decode", workers.decode, startupMs),
    router: "least-loaded",
    transfer: {
      bytesPerToken: BYTES_PER_TOKEN,
      bytesPerSecond: (BYTES_PER_TOKEN / TRANSFER_MS_PER_TOKEN) * 1000,
      timing: "full_prompt",
    },
    sla: SLA,
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
    minEndMs: workload.horizonMs,
    ...(plans ? { planner: createPlanner(config, context, surface) } : {}),
  });
}

/** Workers that the traffic's first 30 s need, roughly: what an operator would begin with. */
function initialWorkers(workload: Workload): { prefill: number; decode: number } {
  const rate = workload.arrivalMs.filter((atMs) => atMs < 30_000).length / 30;
  return { prefill: Math.max(1, Math.ceil(rate / 13)), decode: Math.max(1, Math.ceil(rate / 13)) };
}

const statics = new Map<string, BestStatic>();
const rows: Record<string, unknown>[] = [];
let broken = 0;
for (const gate of GATES.filter(({ trace }) => trace.includes(values.only))) {
  const seeds = values.seeds.split(",");
  const measured = seeds.map((seed) => {
    const workload = buildWorkload(TRAFFIC[gate.trace]!, { seed });
    const record = run(workload, initialWorkers(workload), gate.startupS * 1000, true);
    const key = `${gate.trace}/${seed}`;
    if (gate.minRatio !== undefined && !statics.has(key)) {
      statics.set(
        key,
        bestStatic({
          run: (workers) => run(workload, workers, 0, false),
          mode: "disagg",
          gpusPerWorker: { prefill: 1, decode: 1 },
          maxGpus: Number(values["max-gpus"]),
          bounds: { requests: workload.count, seconds: workload.horizonMs / 1000 },
        }),
      );
    }
    const { attainment: attained } = attainment(record);
    const { gpuSeconds, averageGpus, peakGpus } = cost(record);
    const goodputPerGpu = attained.good / gpuSeconds;
    const best = statics.get(key)?.atFloor ?? null;
    return {
      seed,
      attainment: attained.share,
      goodputPerGpu,
      averageGpus,
      peakGpus,
      events: record.scalingEvents.length,
      static: best,
      ratio: best === null ? Number.NaN : goodputPerGpu / best.goodputPerGpu,
    };
  });
  const meanOf = (pick: (row: (typeof measured)[number]) => number) =>
    measured.reduce((sum, row) => sum + pick(row), 0) / measured.length;
  const ratio = meanOf((row) => row.ratio);
  const share = meanOf((row) => row.attainment);
  const events = Math.max(...measured.map((row) => row.events));
  const held =
    share >= gate.minAttainment &&
    (gate.minRatio === undefined || ratio >= gate.minRatio) &&
    (gate.maxEvents === undefined || events <= gate.maxEvents) &&
    measured.every((row) => row.peakGpus <= Number(values["max-gpus"]));
  if (!held) broken++;
  rows.push({ ...gate, ratio, attainment: share, events, held, measured });
  const best = measured[0]!.static;
  process.stdout.write(
    `${held ? "held  " : "BROKEN"} ${gate.trace.padEnd(8)} start-up ${String(gate.startupS).padStart(3)} s  ` +
      `${meanOf((row) => row.goodputPerGpu).toFixed(3)} good/s/GPU at ${(share * 100).toFixed(2)} %` +
      `${gate.minRatio === undefined ? "" : `, ${ratio.toFixed(3)}× the best static (seed ${seeds[0]}: ${best?.prefill}P${best?.decode}D ${best?.goodputPerGpu.toFixed(3)} at ${((best?.attainment ?? 0) * 100).toFixed(2)} %), wanted ${gate.minRatio}×`}` +
      `, ≥ ${gate.minAttainment * 100} %; ${events} scale events at most${gate.maxEvents === undefined ? "" : ` (wanted ≤ ${gate.maxEvents})`}, ` +
      `${meanOf((row) => row.averageGpus).toFixed(2)} GPUs on average\n`,
  );
}
if (values.json !== undefined) writeFileAtomically(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exitCode = broken === 0 ? 0 : 1;
