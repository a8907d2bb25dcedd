import type { DryRunStep } from "#planner/core";
import { formatClock, formatCount, formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import { timeFigureHtml } from "../page/figure.ts";
import { pageHeader } from "../page/header.ts";
import { escapeHtml, table, tile } from "../page/html.ts";
import { pageShell } from "../page/shell.ts";
import { dryRunFigures, endMs } from "./figures.ts";
import type { DryRunInput } from "./input.ts";
import { shortRoles, summarizeDryRun } from "./summary.ts";

/** A dry run as one self-contained page: what it comes to, the four panels under one cursor, every interval. */
export function dryRunPage(input: DryRunInput): string {
  const summary = summarizeDryRun(input);
  const figures = dryRunFigures(input, summary);
  const facts: [string, string][] = [
    ["predictor", input.predictor],
    ["SLA", `TTFT ≤ ${formatPlain(input.sla.ttftMs)} ms, ITL ≤ ${formatPlain(input.sla.itlMs)} ms`],
    ["interval", `${formatPlain(input.intervalS)} s`],
    ["budget", plural(input.maxGpus, "GPU")],
    ["profile", input.profile],
  ];
  const tiles: [string, string, string][] = [
    ["GPU-hours", formatSignificant(summary.gpuHours), `${formatFixed(summary.averageGpus, 1)} GPUs on average`],
    [
      "Forecast error",
      Number.isNaN(summary.requestsError) ? "N/A" : `${formatFixed(summary.requestsError * 100, 1)} %`,
      "mean miss of an interval's requests",
    ],
    ...(["prefill", "decode"] as const).map((role): [string, string, string] => [
      role === "prefill" ? "Prefill short" : "Decode short",
      `${summary.short[role]} of ${summary.intervals}`,
      `intervals with too few workers; ${plural(summary.changes[role], "change")}`,
    ]),
  ];
  return pageShell({
    title: `Dry run of ${input.name} · Understudy`,
    scripts: ["theme.js", "cursor.js"],
    data: {
      endMs: endMs(input),
      sla: input.sla,
      readouts: Object.fromEntries(figures.map(({ id, readouts }) => [id, readouts])),
    },
    body: `${pageHeader({
      title: `Dry run of ${input.name}`,
      parts: [
        ["answer", "Answer"],
        ["timeline", "Timeline"],
        ["intervals", "Intervals"],
      ],
      facts,
    })}
<main>
<section id="answer" aria-labelledby="answer-title">
<h2 id="answer-title" class="hidden">Answer</h2>
<div class="tiles">${tiles.map(([name, value, note]) => tile(name, escapeHtml(value), "", `<p>${escapeHtml(note)}</p>`)).join("")}</div>
</section>
<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">What the planner would have done</h2>
<p class="note">Each interval is sized by the forecast that was made before it. All charts share one time axis and one cursor: move over them, or focus this block and use the arrow keys.</p>
<div class="timeline" tabindex="0" role="group" aria-label="Charts over time">
${figures.map(timeFigureHtml).join("\n")}
</div>
</section>
<section id="intervals" aria-labelledby="intervals-title">
<h2 id="intervals-title">Every interval</h2>
${intervalsTable(input)}
</section>
</main>
<footer><p>A dry run has no queues and no latencies: it divides forecast tokens by profiled throughput. Definitions: docs/planner-studies.md.</p></footer>`,
  });
}

function intervalsTable(input: DryRunInput): string {
  const { steps, intervalS } = input;
  const numeric = (heading: string) => ({ heading, numeric: true });
  return table(
    `Intervals of ${formatPlain(intervalS)} s: load, forecast and workers`,
    [
      { heading: "time" },
      ...["requests", "forecast", "ISL", "forecast", "OSL", "forecast", "prefill", "decode"].map(numeric),
      { heading: "enough" },
    ],
    steps.map((step) => [
      formatClock((step.startS - steps[0]!.startS) * 1000),
      ...[step.requests, step.forecastRequests, step.isl, step.forecastIsl, step.osl, step.forecastOsl].map((value) =>
        formatCount(Math.round(value)),
      ),
      String(step.prefill),
      String(step.decode),
      enough(step, input),
    ]),
  );
}

function enough(step: DryRunStep, input: DryRunInput): string {
  const short = shortRoles(step, input);
  return short.length === 0 ? "yes" : `<span class="bad">✗ ${short.join(", ")}</span>`;
}
