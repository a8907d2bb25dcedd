import type { TrafficEntry, Workload } from "#scenarios";
import { referencePath } from "../../test/reference.ts";
import { entry, fixed, moods, spread, TRAFFIC } from "../planner-cases.ts";

/** One kind of traffic of the evaluation, on the deployment of planner-cases.ts. */
export interface Kind {
  name: string;
  /** Never looked at while the planner was tuned. */
  heldOut: boolean;
  traffic: TrafficEntry[];
  /** From when the period, or the first jump of its kind, has been seen, s. */
  learntS: (workload: Workload) => number;
  maxGpus: number;
}

const WIDTH_S = 20;
/** Time after the first jump until everything it did is over, with the longest start-up, s. */
const AFTER_S = 180;
/** Traffic of its first minutes is too little to tell what is usual, s. */
const EARLIEST_S = 480;

/** When the load has first been above `high` requests/s and has come back below `low`, and three minutes have passed; not in the first eight. */
function afterFirstJump(high: number, low: number): Kind["learntS"] {
  return ({ arrivalMs, horizonMs }) => {
    const counts = new Array<number>(Math.ceil(horizonMs / 1000 / WIDTH_S)).fill(0);
    for (const atMs of arrivalMs) counts[Math.min(counts.length - 1, Math.floor(atMs / 1000 / WIDTH_S))]! += 1;
    const up = counts.findIndex((count) => count > high * WIDTH_S);
    const down = counts.findIndex((count, i) => i > up && count < low * WIDTH_S);
    return Math.max(EARLIEST_S, (down + 1) * WIDTH_S + AFTER_S);
  };
}

function kind(
  name: string,
  traffic: TrafficEntry[],
  learntS: number | Kind["learntS"],
  more: Partial<Kind> = {},
): Kind {
  return {
    name,
    heldOut: false,
    traffic,
    learntS: typeof learntS === "number" ? () => learntS : learntS,
    maxGpus: 16,
    ...more,
  };
}

const heldOut = { heldOut: true };
const sinusoid = (durationS: number, min: number, max: number, periodS: number) =>
  entry(durationS, { kind: "sinusoid", min, max, periodMs: periodS * 1000, phase: 0 });
const lengths = (...parts: [number, number, number][]): TrafficEntry[] => [
  {
    kind: "sequence",
    startMs: 0,
    entries: parts.flatMap(([rate, isl, osl]) => entry(600, { kind: "constant", rate }, fixed(isl), fixed(osl))),
  },
];
const points = (durationS: number, ...at: [number, number][]) =>
  entry(
    durationS,
    { kind: "points", points: at.map(([s, rate]) => ({ atMs: s * 1000, rate })) },
    spread(3000, 0.2),
    spread(300, 0.2),
  );
const steps = (durationS: number, ...at: [number, number][]) =>
  entry(
    durationS,
    { kind: "steps", steps: at.map(([s, rate]) => ({ atMs: s * 1000, rate })) },
    fixed(4000),
    fixed(150),
  );

/** Rates in requests/s, 3000 prompt and 300 output tokens a request where nothing else is said. */
export const KINDS: Kind[] = [
  kind("sin", sinusoid(2400, 5, 45, 600), 1200),
  kind("day", TRAFFIC.day!, 3600),
  kind("ramp", points(1800, [0, 4], [300, 4], [900, 50], [1200, 50], [1500, 4]), 420),
  kind("step", steps(1400, [0, 8], [400, 18], [1000, 8]), 580),
  kind("steps", steps(2600, [0, 8], [400, 18], [700, 8], [1100, 18], [1300, 8], [1900, 18], [2300, 8]), 760),
  kind("flash", TRAFFIC.flash!, 780),
  kind("mmpp", TRAFFIC.mmpp!, afterFirstJump(18, 12)),
  kind(
    "mmppslow",
    entry(4800, moods([6, 240], [30, 120]), spread(3000, 0.2), spread(300, 0.2)),
    afterFirstJump(22, 14),
  ),
  kind("const20", TRAFFIC.const20!, 300),
  kind("const9", TRAFFIC.const9!, 300),
  kind("const23", entry(1800, { kind: "constant", rate: 23 }), 300),

  kind("sinfast", sinusoid(1800, 5, 45, 240), 480, heldOut),
  kind("sinslow", sinusoid(5400, 5, 45, 1800), 3600, heldOut),
  kind("sindeep", sinusoid(2400, 2, 60, 600), 1200, { ...heldOut, maxGpus: 20 }),
  kind("sin4x", sinusoid(1800, 20, 180, 600), 1200, { ...heldOut, maxGpus: 52 }),
  kind(
    "ramps",
    points(3600, [0, 5], [600, 40], [1200, 5], [1800, 40], [2400, 5], [3000, 40], [3600, 5]),
    2400,
    heldOut,
  ),
  kind(
    "idle",
    entry(3000, {
      kind: "burst",
      base: 0,
      peak: 16,
      startsMs: [0, 600_000, 1_200_000, 1_800_000, 2_400_000],
      lengthMs: 300_000,
    }),
    960,
    heldOut,
  ),
  kind("flashes", entry(3600, moods([8, 420], [32, 100])), afterFirstJump(24, 14), heldOut),
  kind("mmpp3", entry(2400, moods([5, 90], [15, 60], [30, 45])), afterFirstJump(24, 12), heldOut),
  kind("shift", lengths([9, 3000, 300], [9, 7000, 100], [9, 1000, 800]), 300, heldOut),
  kind("const200", entry(900, { kind: "constant", rate: 200 }), 300, { ...heldOut, maxGpus: 52 }),
  kind(
    "gamma20",
    entry(1800, { kind: "constant", rate: 20 }, fixed(3000), fixed(300), { kind: "gamma", cv: 2 }),
    300,
    heldOut,
  ),
  kind(
    "fives",
    entry(2100, { kind: "burst", base: 8, peak: 40, startsMs: [300_000, 900_000, 1_600_000], lengthMs: 300_000 }),
    660,
    heldOut,
  ),
  kind(
    "moon3",
    [
      {
        kind: "trace",
        startMs: 0,
        file: referencePath("traces", "mooncake_conversation.jsonl"),
        options: { speedup: 3, maxIsl: 16_000, spreadMs: 3000 },
      },
    ],
    300,
    heldOut,
  ),
];
