import type { Series, XyChart } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatFixed, formatShare } from "../format.ts";
import { JUDGE_REFERENCES, type JudgedCase, type JudgeReport } from "./input.ts";
import { bestKeeping, REFERENCE_TITLES, startupText } from "./rows.ts";

const COLOURS: readonly ColourName[] = ["accent", "decode", "good", "forecast", "warn", "prefill", "ink", "muted"];
/** Points have little room. */
const LABELS = { ...REFERENCE_TITLES, any: "any" };

/** One case: what each planner got out of a GPU, and how many requests kept the SLA; references as grey points. */
export function caseFigure(judged: JudgedCase, floor: number): XyChart {
  const played = judged.planners.filter(({ refused, goodputPerGpu }) => refused === null && isKnown(goodputPerGpu));
  const references = referencePoints(judged);
  const series: Series[] = [
    {
      name: "",
      kind: "scatter",
      colour: "muted",
      strokeWidth: 6,
      x: references.map(({ x }) => x),
      y: references.map(({ y }) => y),
      pointLabels: references.map(({ name }) => name),
    },
    ...played.map(
      ({ name, slaAttainment, goodputPerGpu }, i): Series => ({
        name: "",
        kind: "scatter",
        colour: COLOURS[i % COLOURS.length]!,
        strokeWidth: 8,
        x: [slaAttainment.mean],
        y: [goodputPerGpu.mean],
        pointLabels: [name],
      }),
    ),
  ];
  const lowest = Math.min(floor, ...series.flatMap(({ x }) => Array.from(x)));
  return {
    title: caseMessage(judged, floor),
    subtitle: `${judged.scenario}, start-up ${startupText(judged)}; grey: in hindsight`,
    x: { label: "SLA attainment", scale: "share", min: Math.max(0, lowest - 0.02), max: 1 },
    y: { label: "good requests per second and GPU" },
    series,
    limits: [{ value: floor, label: formatShare(floor, 0), axis: "x" }],
  };
}

/** References that are known; those at the same place have one point: `S99 = any`. */
function referencePoints({ references }: JudgedCase): { name: string; x: number; y: number }[] {
  const points: { name: string; x: number; y: number }[] = [];
  for (const key of JUDGE_REFERENCES) {
    const name = LABELS[key];
    const reference = references[key];
    if (reference === null) continue;
    const [x, y] = [reference.slaAttainment.mean, reference.goodputPerGpu.mean];
    const same = points.find((point) => point.x === x && point.y === y);
    if (same === undefined) points.push({ name, x, y });
    else same.name += ` = ${name}`;
  }
  return points;
}

/** `default is the best that keeps 99 %, 4 % short of clair`. */
export function caseMessage(judged: JudgedCase, floor: number): string {
  const { references } = judged;
  const best = bestKeeping(judged, floor);
  if (best === undefined) return `No planner keeps ${formatShare(floor, 0)}`;
  const [reference, value] =
    references.clair === null ? ["the best static", best.regret.s99] : ["clair", best.regret.clair];
  const head = `${best.name} is the best that keeps ${formatShare(floor, 0)}`;
  if (value === null || !isKnown(value)) return head;
  const by = formatFixed(Math.abs(value.mean) * 100, 0);
  return by === "0"
    ? `${head}, level with ${reference}`
    : `${head}, ${by} % ${value.mean > 0 ? "short of" : "above"} ${reference}`;
}

/** One scenario over start-up times: goodput per GPU of each planner; null where there are not two of them. */
export function startupFigure(report: JudgeReport, scenario: string): XyChart | null {
  const cases = report.cases
    .filter((judged) => judged.scenario === scenario && judged.startupS !== null)
    .toSorted((a, b) => a.startupS! - b.startupS!);
  if (cases.length < 2) return null;
  const x = cases.map(({ startupS }) => startupS!);
  const lines = report.planners.map(
    ({ name }, i): Series => ({
      name,
      kind: "line",
      colour: COLOURS[i % COLOURS.length]!,
      x,
      y: cases.map(
        ({ planners }) => planners.find((planner) => planner.name === name)?.goodputPerGpu.mean ?? Number.NaN,
      ),
    }),
  );
  const hindsight = JUDGE_REFERENCES.filter((key) => key !== "any").map(
    (key): Series => ({
      name: LABELS[key],
      kind: "line",
      colour: "muted",
      dashed: true,
      x,
      y: cases.map(({ references }) => references[key]?.goodputPerGpu.mean ?? Number.NaN),
    }),
  );
  const first = report.planners[0]?.name ?? "";
  const of = (judged: JudgedCase) =>
    judged.planners.find(({ name }) => name === first)?.goodputPerGpu.mean ?? Number.NaN;
  const lost = 1 - of(cases.at(-1)!) / of(cases[0]!);
  return {
    title: `${first} ${lost >= 0 ? "loses" : "gains"} ${formatFixed(Math.abs(lost) * 100, 0)} % from ${x[0]} s to ${x.at(-1)} s of start-up`,
    subtitle: `${scenario}; dashed: in hindsight`,
    x: { label: "start-up (s)" },
    y: { label: "good requests per second and GPU" },
    series: [...lines, ...hindsight.filter(({ y }) => Array.from(y).some(Number.isFinite))],
  };
}

function isKnown({ mean }: { mean: number }): boolean {
  return Number.isFinite(mean);
}
