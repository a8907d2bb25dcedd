import { formatFixed, formatShare, formatSignificant, plural } from "../format.ts";
import { halfFigureHtml } from "../page/figure.ts";
import { pageHeader } from "../page/header.ts";
import { escapeHtml, groupedTable, table, tile } from "../page/html.ts";
import { pageShell } from "../page/shell.ts";
import { caseFigure, caseMessage, startupFigure } from "./figures.ts";
import type { JudgedCase, JudgeReport } from "./input.ts";
import {
  bestKeeping,
  caseRows,
  failedTicksTexts,
  gapText,
  hindsightGaps,
  JUDGE_COLUMNS,
  type JudgeRow,
  startupText,
  unknownFaultsText,
} from "./rows.ts";

const MOST_TILES = 6;
/** Columns that say which case it is: those of a group's heading. */
const CASE_COLUMNS = 2;

/** A judgement of planners as one self-contained page: who was best, why, every number. */
export function judgePage(report: JudgeReport): string {
  const { cases, floor, planners, tuning, isWhole } = report;
  const scenarios = [...new Set(cases.map(({ scenario }) => scenario))];
  const faults = unknownFaultsText(report);
  const title = scenarios.length === 1 ? `Planners judged on ${scenarios[0]}` : "Planners judged";
  const facts: [string, string][] = [
    ["planners", planners.map(({ name }) => name).join(", ")],
    ["scenarios", String(scenarios.length)],
    ["seeds", String(Math.max(0, ...cases.map(({ seeds }) => seeds)))],
    ["attainment asked for", formatShare(floor, 0)],
  ];
  const charts = [
    ...scenarios.flatMap((scenario) => startupFigure(report, scenario) ?? []),
    ...cases.map((judged) => caseFigure(judged, floor)),
  ];
  return pageShell({
    title: `${title} · Understudy`,
    scripts: ["theme.js"],
    data: {},
    body: `${pageHeader({
      title,
      parts: [
        ["answer", "Answer"],
        ["charts", "Charts"],
        ["table", "Table"],
        ["settings", "Settings"],
      ],
      facts,
    })}
<main>
<section id="answer" aria-labelledby="answer-title">
<h2 id="answer-title" class="hidden">Answer</h2>
${isWhole ? "" : '<p class="note">Interrupted: runs are missing. understudy judge --resume goes on.</p>'}
<div class="tiles">${cases
      .slice(0, MOST_TILES)
      .map((judged) => caseTile(judged, floor))
      .join("")}</div>
</section>
<section id="charts" aria-labelledby="charts-title">
<h2 id="charts-title">Charts</h2>
<div class="halves">
${charts.map((chart, i) => halfFigureHtml(`judged-${i}`, chart, 320)).join("\n")}
</div>
</section>
<section id="table" aria-labelledby="table-title">
<h2 id="table-title">Table</h2>
<p class="note">Goodput (good/s/GPU): requests that kept both latencies, by allocated GPU-second. Attainment: their share of those that could. Events: changes of a role's wanted workers. Above SLA: time in windows of 10 s whose mean TTFT or ITL was beyond its limit, or that lost a request.</p>
<p class="note">Regret: the share of a reference's goodput per GPU that was not reached; below zero it was surpassed, which counts for little where attainment is lower. References are found in hindsight on the very traffic: S99, the best deployment that never scales and attains ${formatShare(floor, 0)}; any, the same without that; clair, a plan by who knows the smoothed rate; oracle, by who knows every arrival.</p>
${groupedTable(
  "Planners and references by case",
  JUDGE_COLUMNS.slice(CASE_COLUMNS).map((heading, c) => ({ heading, numeric: c > 0 })),
  cases.map((judged) => ({
    heading: `${escapeHtml(judged.scenario)}, start-up ${startupText(judged)}`,
    rows: caseRows(judged).map(tableRow),
  })),
)}
${[...failedTicksTexts(report), ...(faults === null ? [] : [faults])]
  .map((text) => `<p class="note">${escapeHtml(text)}.</p>`)
  .join("")}
${boundsTable(report)}
</section>
<section id="settings" aria-labelledby="settings-title">
<h2 id="settings-title">Settings</h2>
${table(
  "Planners",
  [{ heading: "planner" }, { heading: "settings" }],
  planners.map(({ name, setting }) => [escapeHtml(name), escapeHtml(setting)]),
)}
${tuning === null ? '<p class="note">Nobody was tuned: --tune chooses the settings of those that have some.</p>' : tuningTable(tuning)}
</section>
</main>
<footer><p>How planners are judged, and what clair and the oracle know: docs/judging.md.</p></footer>`,
  });
}

/** Cells of a row without those of its case; why somebody could not be judged takes the place of all figures. */
function tableRow({ cells, kind, refused }: JudgeRow): string[] {
  const [name = "", ...figures] = cells.slice(CASE_COLUMNS).map(escapeHtml);
  return [
    kind === "planner" ? `<strong>${name}</strong>` : name,
    ...(refused === null ? figures : [escapeHtml(refused)]),
  ];
}

function caseTile(judged: JudgedCase, floor: number): string {
  const best = bestKeeping(judged, floor);
  return tile(
    `${escapeHtml(judged.scenario)}, ${startupText(judged)}`,
    best === undefined ? "none" : escapeHtml(best.name),
    best === undefined ? "" : `${formatSignificant(best.goodputPerGpu.mean)} good/s/GPU`,
    `<p>${escapeHtml(caseMessage(judged, floor))}</p>`,
  );
}

function boundsTable(report: JudgeReport): string {
  const gaps = hindsightGaps(report);
  if (gaps.length === 0) return "";
  return table(
    "How far hindsight may be from the optimum",
    [
      { heading: "case" },
      { heading: "best plan found" },
      { heading: "bound, good/s/GPU", numeric: true },
      { heading: "its gap at most", numeric: true },
    ],
    gaps.map((gap) => [escapeHtml(gap.name), gap.plan, formatSignificant(gap.bound), gapText(gap)]),
  );
}

function tuningTable({ seeds, planners }: NonNullable<JudgeReport["tuning"]>): string {
  return table(
    `Settings tried on ${plural(seeds, "tuning seed")}, the best first`,
    [{ heading: "planner" }, { heading: "settings" }, { heading: "score", numeric: true }],
    planners.flatMap(({ name, chosen, tried }) =>
      tried
        .toSorted((a, b) => b.score - a.score)
        .map(({ text, score }) => [
          escapeHtml(name),
          text === chosen ? `<strong>${escapeHtml(text)}</strong>` : escapeHtml(text),
          formatFixed(score, 3),
        ]),
    ),
  );
}
