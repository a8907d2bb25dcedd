/**
 * The default planner over many kinds of traffic, against the best deployment that never scales, over the whole trace and over the part after
 * its load has been learnt: `node bench/planner-library.ts [--set tuning|held-out|all] [--kinds sin,mmpp] [--seeds 1,2]
 * [--startups 0,30,60,120] [--clair RUNS] [--oracle RUNS] [--json FILE]`. Seeds 1 to 5 are for tuning, 11 to 20 for the last look. With
 * `--clair`, hindsight plans stand beside it (`hindsightPlans`, so many simulator runs each), measured over the same part.
 */
import { parseArgs } from "node:util";
import { writeFileAtomically } from "#common";
import { buildWorkload } from "#scenarios";
import { cost } from "#src/report";
import { simulate } from "#src/simulator";
import { type HindsightPlan, hindsightPlanner, hindsightPlans } from "#src/study";
import { deployment, initialWorkers, run } from "./planner-cases.ts";
import { KINDS, type Kind } from "./planner-library/kinds.ts";
import { measure, type Part, perGpu, share } from "./planner-library/measure.ts";
import { bestAt, FLOOR, type PartName, type Static, statics } from "./planner-library/statics.ts";

interface Against {
  part: Part;
  attainment: number;
  perGpu: number;
  gpus: number;
  /** The best static at the floor. */
  s99: string;
  /** Goodput per GPU ÷ that of the best static that attains as much, or the floor where the planner attains more. */
  ratio: number;
}

interface Row {
  kind: string;
  seed: string;
  startupS: number;
  learntS: number;
  whole: Against;
  learnt: Against;
  /** Changes of a role's workers after learning, per half hour. */
  eventsPerHalfHour: number;
  peakGpus: number;
  maxGpus: number;
  /** Plans made in hindsight, over the part after learning; null where none was looked for. */
  clair: InHindsight | null;
  oracle: InHindsight | null;
}

interface InHindsight {
  attainment: number;
  perGpu: number;
}

const { values } = parseArgs({
  options: {
    set: { type: "string", default: "tuning" },
    kinds: { type: "string", default: "" },
    seeds: { type: "string", default: "1" },
    startups: { type: "string", default: "0,30,60,120" },
    clair: { type: "string", default: "0" },
    oracle: { type: "string", default: "0" },
    json: { type: "string" },
  },
});

const wanted = values.kinds === "" ? null : values.kinds.split(",");
const chosen = KINDS.filter(({ name, heldOut }) =>
  wanted === null ? values.set === "all" || heldOut === (values.set === "held-out") : wanted.includes(name),
);
const seeds = values.seeds.split(",");
const startups = values.startups.split(",").map(Number);
const runs = { clair: Number(values.clair), oracle: Number(values.oracle) };
const rows: Row[] = [];
for (const kind of chosen) {
  const own: Row[] = [];
  for (const seed of seeds) {
    const workload = buildWorkload(kind.traffic, { seed });
    const learntS = kind.learntS(workload);
    const fixed = statics(workload, learntS, kind.maxGpus);
    for (const startupS of startups) own.push(rowOf(kind, seed, startupS, learntS, workload, fixed));
  }
  rows.push(...own);
  for (const startupS of startups)
    print(
      kind,
      startupS,
      own.filter((row) => row.startupS === startupS),
    );
}
if (values.json !== undefined) writeFileAtomically(values.json, `${JSON.stringify(rows)}\n`);

function rowOf(
  kind: Kind,
  seed: string,
  startupS: number,
  learntS: number,
  workload: ReturnType<typeof buildWorkload>,
  fixed: Static[],
): Row {
  const record = run(workload, initialWorkers(workload), startupS * 1000, { maxGpus: kind.maxGpus });
  const learntMs = learntS * 1000;
  const late = record.scalingEvents.filter(({ atMs }) => atMs >= learntMs && atMs < workload.horizonMs).length;
  return {
    kind: kind.name,
    seed,
    startupS,
    learntS,
    whole: against(measure(record, 0, workload.horizonMs), fixed, "whole"),
    learnt: against(measure(record, learntMs, workload.horizonMs), fixed, "learnt"),
    eventsPerHalfHour: (late * 1_800_000) / (workload.horizonMs - learntMs),
    peakGpus: cost(record).peakGpus,
    maxGpus: kind.maxGpus,
    ...inHindsight(kind, startupS, learntS, workload),
  };
}

function inHindsight(
  kind: Kind,
  startupS: number,
  learntS: number,
  workload: ReturnType<typeof buildWorkload>,
): Pick<Row, "clair" | "oracle"> {
  if (runs.clair === 0) return { clair: null, oracle: null };
  // With workers from the start, so that it can't spend after learning what it may miss while the first ones start.
  const most = Math.floor(kind.maxGpus / 2);
  const spec = deployment(workload, { prefill: most, decode: most }, startupS * 1000);
  const plans = hindsightPlans({ spec, maxGpus: kind.maxGpus, floor: FLOOR, runs });
  const played = (name: "clair" | "oracle", plan: HindsightPlan | null): InHindsight | null => {
    if (plan === null) return null;
    const part = measure(
      simulate({ ...spec, planner: hindsightPlanner(name, plan) }),
      learntS * 1000,
      workload.horizonMs,
    );
    return { attainment: share(part), perGpu: perGpu(part) };
  };
  return { clair: played("clair", plans.clair), oracle: played("oracle", plans.oracle) };
}

function against(part: Part, fixed: Static[], name: PartName): Against {
  const s99 = bestAt(fixed, name, FLOOR);
  const equal = bestAt(fixed, name, Math.min(FLOOR, share(part)));
  const seconds = s99 === null ? Number.NaN : s99[name].gpuSeconds / (s99.prefill + s99.decode);
  return {
    part,
    attainment: share(part),
    perGpu: perGpu(part),
    gpus: part.gpuSeconds / seconds,
    s99: s99 === null ? "none" : `${s99.prefill}P${s99.decode}D`,
    ratio: equal === null ? Number.NaN : perGpu(part) / perGpu(equal[name]),
  };
}

function print(kind: Kind, startupS: number, own: Row[]): void {
  const mean = (pick: (row: Row) => number) => own.reduce((sum, row) => sum + pick(row), 0) / own.length;
  const least = (pick: (row: Row) => number) => Math.min(...own.map(pick));
  const part = (name: PartName) =>
    `${(100 * mean((row) => row[name].attainment)).toFixed(2)} % ${mean((row) => row[name].gpus).toFixed(2)} GPUs ` +
    `×${mean((row) => row[name].ratio).toFixed(3)} (≥ ${least((row) => row[name].ratio).toFixed(3)})`;
  const over = own.filter(({ peakGpus, maxGpus }) => peakGpus > maxGpus).length;
  const misses = (name: "ttftMissed" | "itlMissed") =>
    (100 * mean(({ learnt }) => learnt.part[name] / learnt.part.judged)).toFixed(2);
  const hindsight = (name: "clair" | "oracle") =>
    own.every((row) => row[name] !== null)
      ? `  ${name} ${(100 * mean((row) => row[name]!.attainment)).toFixed(2)} % ` +
        `×${mean((row) => row.learnt.perGpu / row[name]!.perGpu).toFixed(3)} (≥ ${least((row) => row.learnt.perGpu / row[name]!.perGpu).toFixed(3)})`
      : "";
  process.stdout.write(
    `${kind.name.padEnd(9)} ${String(startupS).padStart(3)} s  learnt ${part("learnt")} TTFT ${misses("ttftMissed")} ITL ${misses("itlMissed")}` +
      `${hindsight("clair")}${hindsight("oracle")}  whole ${part("whole")}  ${mean((row) => row.eventsPerHalfHour).toFixed(1)} events  S99 ${own[0]!.learnt.s99}` +
      `${over > 0 ? `  BUDGET BROKEN in ${over}` : ""}\n`,
  );
}
