/**
 * What the default planner reaches against the best deployment that never scales, in our simulator, on the measured profile
 * of a Llama 3.1 8B (FP8, TP1) on an H200: `node bench/planner-gates.ts [--seeds 101,102,103] [--only sin] [--json FILE]`.
 */
import { parseArgs } from "node:util";
import { writeFileAtomically } from "#common";
import { buildWorkload } from "#scenarios";
import type { BestStatic } from "#src/record";
import { attainment, cost } from "#src/report";
import { bestStatic } from "#src/study";
import { initialWorkers, run, TRAFFIC } from "./planner-cases.ts";

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

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "101,102,103" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    "max-gpus": { type: "string", default: "12" },
  },
});
const statics = new Map<string, BestStatic>();
const rows: Record<string, unknown>[] = [];
let broken = 0;
for (const gate of GATES.filter(({ trace }) => trace.includes(values.only))) {
  const seeds = values.seeds.split(",");
  const measured = seeds.map((seed) => {
    const workload = buildWorkload(TRAFFIC[gate.trace]!, { seed });
    const record = run(workload, initialWorkers(workload), gate.startupS * 1000, {
      maxGpus: Number(values["max-gpus"]),
    });
    const key = `${gate.trace}/${seed}`;
    if (gate.minRatio !== undefined && !statics.has(key)) {
      statics.set(
        key,
        bestStatic({
          run: (workers) => run(workload, workers, 0, null),
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
