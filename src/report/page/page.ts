import type { ReportedRun } from "#src/record";
import { formatClock, formatCount, formatPlain, plural } from "../format.ts";
import { type RunSummary, summarize } from "../summary/summarize.ts";
import { answerSection } from "./answer.ts";
import { decisionsSection } from "./decisions.ts";
import { distributionFigures } from "./distribution-figures.ts";
import { faultsSection } from "./faults.ts";
import { halfFigureHtml, timeFigureHtml } from "./figure.ts";
import { pageHeader } from "./header.ts";
import { numbersSection } from "./numbers.ts";
import { scatterData } from "./scatter-data.ts";
import { pageShell } from "./shell.ts";
import { timeFigures } from "./time-figures.ts";

const SCRIPTS = ["theme.js", "cursor.js", "ticks.js", "scatter.js"];

/**
 * report.html: one file with everything in it (font, styles, script, data); it asks no network for anything and says so in
 * its content security policy. Text, charts and decisions stand there without the script; the script adds the shared cursor,
 * the per-request plot and the switch between light and dark. Same run, same bytes.
 */
export function reportPage(record: ReportedRun, summary: RunSummary = summarize(record)): string {
  const figures = timeFigures(record, summary);
  const readouts = Object.fromEntries(figures.map((figure) => [figure.id, figure.readouts]));
  const data = { endMs: record.endMs, sla: record.sla, readouts, scatter: scatterData(record) };
  return pageShell({
    title: `${record.name} · Understudy`,
    scripts: SCRIPTS,
    data,
    body: `${header(summary)}
<main>
${answerSection(summary)}
<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">What happened</h2>
<p class="note">All charts share one time axis and one cursor: move over them, or focus this block and use the arrow keys (Home, End, Enter opens the last decision).${summary.faults.length > 0 ? " Numbers in red mark what went wrong; the table below the charts has them." : ""}</p>
<div class="timeline" tabindex="0" role="group" aria-label="Charts over time">
${figures.map(timeFigureHtml).join("\n")}
</div>
</section>
${faultsSection(summary)}
${decisionsSection(record)}
${latencySection(record, summary)}
${numbersSection(record, summary)}
</main>
<footer><p>Made by Understudy from a run in ${record.mode === "agg" ? "aggregated" : "disaggregated"} mode. Beside this file: report.json (every number here), decisions.jsonl (every tick), requests.csv and requests.parquet (every request). Definitions: docs/report.md.</p></footer>`,
  });
}

function header(summary: RunSummary): string {
  const { sla, requests } = summary;
  const facts: [string, string | null][] = [
    ["SLA", `TTFT ≤ ${formatPlain(sla.ttftMs)} ms, ITL ≤ ${formatPlain(sla.itlMs)} ms`],
    ["traffic", `${plural(requests.total, "request")} in ${formatClock(summary.endMs)}`],
    ["mode", summary.mode === "agg" ? "aggregated" : "disaggregated"],
    ["planner", summary.strategy ?? "none"],
    ["profile", summary.profile],
    ["seed", summary.seed === null ? null : formatCount(summary.seed).replaceAll(",", "")],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== null);
  return pageHeader({
    title: summary.name,
    shows: summary.shows,
    parts: [
      ["answer", "Answer"],
      ["timeline", "Timeline"],
      ...(summary.faults.length > 0 ? [["faults", "Faults"] as const] : []),
      ["decisions", "Decisions"],
      ["latency", "Latency"],
      ["numbers", "Numbers"],
    ],
    facts: known,
  });
}

function latencySection(record: ReportedRun, summary: RunSummary): string {
  const figures = distributionFigures(record, summary).map(({ id, chart }) => halfFigureHtml(id, chart, 280));
  return `<section id="latency" aria-labelledby="latency-title">
<h2 id="latency-title">Latency</h2>
<div class="halves">${figures.join("")}</div>
<figure class="card" id="requests">
<figcaption><h3>Every request</h3><p class="what" id="scatter-note"></p>
<div class="controls"><label>Show <select id="scatter-y"><option value="ttft">TTFT</option><option value="itl">ITL</option><option value="latency">latency</option></select></label>
<label>over <select id="scatter-x"><option value="arrival">arrival time</option><option value="isl">input length</option><option value="osl">output length</option></select></label></div>
<output class="readout" id="scatter-readout" aria-live="polite"></output></figcaption>
<canvas id="scatter" height="320" tabindex="0" role="img" aria-label="Scatter plot of all requests; the arrow keys step through the missed ones"></canvas>
<noscript><p class="note">This plot needs the script of the page; requests.csv has the rows.</p></noscript>
</figure>
</section>`;
}
