import { formatFixed, formatShare, formatSignificant } from "../format.ts";
import {
  JUDGE_REFERENCES,
  type JudgedCase,
  type JudgedPlanner,
  type JudgedReference,
  type JudgedValue,
  type JudgeReport,
  type ReferenceName,
} from "./input.ts";

export const JUDGE_COLUMNS = [
  "scenario",
  "start-up",
  "planner",
  "good/s/GPU",
  "attainment",
  "GPU-hours",
  "regret S99",
  "any",
  "clair",
  "oracle",
  "events",
  "above SLA",
] as const;

export interface JudgeRow {
  cells: string[];
  /** A planner, or what planners are compared with. */
  kind: "planner" | "reference";
  /** Why the planner could not be judged, which is the last cell, too; null of others. */
  refused: string | null;
}

export const REFERENCE_TITLES: Record<ReferenceName, string> = {
  s99: "S99",
  any: "any static",
  clair: "clair",
  oracle: "oracle",
};

/** One row a planner and reference of every case: planners in the order asked for, then what they are held against. */
export function judgeRows({ cases }: JudgeReport): JudgeRow[] {
  return cases.flatMap(caseRows);
}

export function caseRows(judged: JudgedCase): JudgeRow[] {
  const head = [judged.scenario, startupText(judged)];
  return [
    ...judged.planners.map(
      (planner): JudgeRow => ({
        kind: "planner",
        cells: [...head, ...plannerCells(planner)],
        refused: planner.refused?.split("\n")[0] ?? null,
      }),
    ),
    ...JUDGE_REFERENCES.flatMap((name): JudgeRow[] => {
      const reference = judged.references[name];
      if (reference === null) return [];
      const cells = [...head, ...referenceCells(REFERENCE_TITLES[name], reference)];
      return [{ kind: "reference", cells, refused: null }];
    }),
  ];
}

/** `mine, waves at 30 s: 2.5 ticks a run without an answer`: such ticks change nothing, which is no decision of the planner. */
export function failedTicksTexts({ cases }: JudgeReport): string[] {
  return cases.flatMap((judged) =>
    judged.planners
      .filter(({ failedTicks }) => failedTicks.mean > 0)
      .map(({ name, failedTicks, failure }) => {
        const ticks = formatFixed(failedTicks.mean, Number.isInteger(failedTicks.mean) ? 0 : 1);
        const why = failure === null ? "" : ` (first: ${failure})`;
        return `${name}, ${judged.scenario} with start-up ${startupText(judged)}: ${ticks} ticks a run without an answer that counts, so unchanged${why}`;
      }),
  );
}

/** `clair knows nothing of the faults of waves, so its plans may be poor there`; null where no clair was held against any. */
export function unknownFaultsText({ cases }: JudgeReport): string | null {
  const struck = cases.filter(({ hasFaults, references }) => hasFaults && references.clair !== null);
  if (struck.length === 0) return null;
  const scenarios = [...new Set(struck.map(({ scenario }) => scenario))].join(", ");
  return `clair knows nothing of the faults of ${scenarios}, so its plans may be poor there`;
}

/** A case's bound, and how far below it the best plan is that was found: as far from the optimum it may be at most. */
export interface HindsightGap {
  /** `waves, start-up 30 s` */
  name: string;
  plan: "oracle" | "clair";
  bound: number;
  /** 1 − found ÷ bound; NaN where no plan attains the floor in every seed. */
  gap: number;
}

export function hindsightGaps({ cases }: JudgeReport): HindsightGap[] {
  return cases.flatMap((judged): HindsightGap[] => {
    const { bound, references } = judged;
    if (bound === null) return [];
    const plan = references.oracle === null ? "clair" : "oracle";
    const found = references[plan]?.goodputPerGpu.mean ?? Number.NaN;
    const name = `${judged.scenario}, start-up ${startupText(judged)}`;
    return [{ name, plan, bound: bound.mean, gap: 1 - found / bound.mean }];
  });
}

/** `waves, start-up 30 s: 20.4 % (oracle; no plan surpasses 6.73 good/s/GPU)` */
export function gapTexts(report: JudgeReport): string[] {
  return hindsightGaps(report).map((gap) => {
    const { name, plan, bound } = gap;
    return `${name}: ${gapText(gap)} (${plan}; no plan surpasses ${formatSignificant(bound)} good/s/GPU)`;
  });
}

export function gapText({ gap }: HindsightGap): string {
  return Number.isFinite(gap) ? `${formatFixed(gap * 100, 1)} %` : "–";
}

/** Of those that keep the floor, who has most goodput per GPU; undefined where nobody does. */
export function bestKeeping({ planners }: JudgedCase, floor: number): JudgedPlanner | undefined {
  return planners
    .filter(({ slaAttainment }) => slaAttainment.mean >= floor)
    .toSorted((a, b) => b.goodputPerGpu.mean - a.goodputPerGpu.mean)[0];
}

export function startupText({ startupS }: Pick<JudgedCase, "startupS">): string {
  return startupS === null ? "as given" : `${formatFixed(startupS, 0)} s`;
}

function plannerCells(planner: JudgedPlanner): string[] {
  const { name, refused } = planner;
  if (refused !== null) return [name, ...Array<string>(8).fill("–"), refused.split("\n")[0]!];
  return [name, ...measureCells(planner)];
}

function referenceCells(title: string, reference: JudgedReference): string[] {
  const { text } = reference;
  return [text === "" ? title : `${title} ${text}`, ...measureCells(reference)];
}

function measureCells(measured: Pick<JudgedPlanner, Exclude<keyof JudgedReference, "text">>): string[] {
  const { goodputPerGpu, slaAttainment, gpuHours, regret, scaleEvents, secondsAboveSla } = measured;
  return [
    valueText(goodputPerGpu, formatSignificant),
    shareText(slaAttainment),
    valueText(gpuHours, formatSignificant),
    ...JUDGE_REFERENCES.map((reference) => regretText(regret[reference])),
    valueText(scaleEvents, (value) => formatFixed(value, Number.isInteger(value) ? 0 : 1)),
    valueText(secondsAboveSla, (value) => `${formatFixed(value, 0)} s`),
  ];
}

/** `1.23 ± 0.04`; the interval where there are several seeds. */
function valueText({ mean, ci95 }: JudgedValue, text: (value: number) => string): string {
  if (!Number.isFinite(mean)) return "–";
  return Number.isFinite(ci95) && ci95 > 1e-9 * Math.abs(mean) ? `${text(mean)} ± ${text(ci95)}` : text(mean);
}

function shareText({ mean }: JudgedValue): string {
  return Number.isFinite(mean) ? formatShare(mean) : "–";
}

function regretText(value: JudgedValue | null): string {
  return value === null || !Number.isFinite(value.mean) ? "–" : `${formatFixed(value.mean * 100, 1)} %`;
}
