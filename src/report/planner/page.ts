import type { Decision } from "#planner/core";
import { formatClock, formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import { decisionFragment, decisionsSection } from "../page/decisions.ts";
import { timeFigureHtml } from "../page/figure.ts";
import { pageHeader } from "../page/header.ts";
import { escapeHtml, inlineJson, table } from "../page/html.ts";
import { pageShell } from "../page/shell.ts";
import { plannerFigures, requestRate, rolesOf } from "./figures.ts";
import type { PlannerPageInput } from "./input.ts";
import { hasNoTraffic, inputsOf, knownSection } from "./known.ts";
import { spanOf, spanText, utcOf } from "./span.ts";

/** Actions that are listed, the last ones. */
const MOST_ACTIONS = 50;
const NOT_ZERO = "not known, which is not zero";

/** The page of a planner that runs, or the report of one that ran: the same charts, the same decisions. */
export function plannerPage(given: PlannerPageInput): string {
  const { input } = spanOf(given);
  return pageShell({
    title: `${input.name}${hoursOf(input)} · Understudy planner`,
    scripts: ["theme.js", "cursor.js", "ticks.js", ...(input.isLive ? ["live.js"] : [])],
    data: plannerPageData(input),
    isLive: input.isLive,
    body: `${pageHeader({
      title: input.name,
      first: "what is now",
      parts: [
        ["now", "Now"],
        ["timeline", "Timeline"],
        ["decisions", "Decisions"],
        ["data-known", "Data"],
        ["actions", "Actions"],
      ],
      facts: input.facts,
    })}
<main id="content">
${plannerContent(given)}
</main>
<footer><p>${input.isLive ? "The planner of this page runs; it is drawn anew at every tick." : "Beside this file: the log of all ticks, gzipped JSON lines."} Definitions: docs/planner-service.md.</p></footer>`,
  });
}

/** A report is known by what it cost; of a page that runs, that changes. */
function hoursOf({ ticks, isLive }: PlannerPageInput): string {
  const last = ticks.at(-1);
  return isLive || last === undefined ? "" : ` · ${formatSignificant(last.gpuHours)} GPU-hours`;
}

/** What of the page changes from tick to tick; ends with the data of its charts. */
export function plannerContent(given: PlannerPageInput): string {
  const span = spanOf(given);
  const { input, beginMs } = span;
  if (input.ticks.length === 0) {
    return `<section id="now" class="card"><h2>Waiting for the first tick</h2><p class="note">Nothing has been observed yet.</p></section>`;
  }
  const figures = plannerFigures(input);
  return `${nowSection(input, beginMs)}
<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">What happened</h2>
<p class="note">All charts share one time axis and one cursor: move over them, or focus this block and use the arrow keys (Home, End, Enter opens the last decision). ${spanText(span)}</p>
<div class="timeline" tabindex="0" role="group" aria-label="Charts over time">
${figures.map(timeFigureHtml).join("\n")}
</div>
</section>
${decisionsSection(decisionsOf(input), {
  isLive: input.isLive,
  log: "the log",
  keep: "last",
  inputsOf: inputsOf(input),
})}
${knownSection(input)}
${actionsSection(input)}
<script type="application/json" id="content-data">${inlineJson(plannerPageData(input))}</script>`;
}

/** What a tick, or a group of them, of a live page opens to; null: it is not there any more. */
export function plannerFragment(given: PlannerPageInput, key: string): string | null {
  const { input } = spanOf(given);
  return decisionFragment(decisionsOf(input), key, inputsOf(input));
}

function decisionsOf({ ticks, mode }: PlannerPageInput): { decisions: Decision[]; mode: "agg" | "disagg" } {
  const decisions = ticks.flatMap(({ decision, atMs }) => (decision === null ? [] : [{ ...decision, atMs }]));
  return { decisions, mode: mode === "disagg" ? "disagg" : "agg" };
}

function plannerPageData(input: PlannerPageInput): unknown {
  const figures = input.ticks.length === 0 ? [] : plannerFigures(input);
  return {
    endMs: Math.max(1, input.ticks.at(-1)?.atMs ?? 1),
    sla: input.sla,
    readouts: Object.fromEntries(figures.map(({ id, readouts }) => [id, readouts])),
  };
}

function nowSection({ ticks, sla, mode }: PlannerPageInput, beginMs: number): string {
  const last = ticks.at(-1)!;
  const { observed, state } = last;
  const rate = requestRate(last);
  const expected = last.decision?.forecast?.requestRate;
  const tiles: [string, string, string][] = rolesOf(mode).map((role) => {
    const known = state?.roles[role];
    return [
      role === "prefill" ? "Prefill replicas" : "Decode replicas",
      known === undefined ? "unknown" : `${known.ready} of ${known.desired}`,
      known === undefined ? "" : known.stable ? "stable" : "changing",
    ];
  });
  tiles.unshift([
    "Requests",
    rate === null ? "no data" : `${formatSignificant(rate)} /s`,
    rate === null ? NOT_ZERO : expected === undefined ? "" : `${formatSignificant(expected)} /s expected`,
  ]);
  const latency = (name: string, value: number | null | undefined, target: number) => {
    const unknown = value === null || value === undefined;
    tiles.push([
      `Mean ${name}`,
      unknown ? (hasNoTraffic(last) ? "–" : "no data") : `${formatSignificant(value)} ms`,
      unknown
        ? hasNoTraffic(last)
          ? "no request ended"
          : NOT_ZERO
        : value <= target
          ? `within ${formatPlain(target)} ms`
          : `✗ above ${formatPlain(target)} ms`,
    ]);
  };
  latency("TTFT", observed?.meanTtftMs, sla.ttftMs);
  latency("ITL", observed?.meanItlMs, sla.itlMs);
  tiles.push([
    "GPU-hours",
    formatSignificant(last.gpuHours),
    `since the start, ${formatClock(beginMs + last.atMs)} ago`,
  ]);
  const warnings = [
    ...(state === null ? ["The deployment's state is not known: nothing is scaled."] : []),
    ...(state !== null && !state.ready
      ? [`The deployment takes no changes: ${state.notReadyReason ?? "not ready"}.`]
      : []),
    ...(last.isLeader ? [] : ["Another planner leads: this one watches."]),
    ...last.problems,
  ];
  return `<section id="now" aria-labelledby="now-title">
<h2 id="now-title" class="hidden">Now</h2>
<div class="tiles now">${tiles.map(([name, value, note]) => `<div class="card tile"><h3>${name}</h3><p class="value">${escapeHtml(value)}</p><p>${escapeHtml(note)}</p></div>`).join("")}</div>
<p class="note">Tick ${last.tick}, ${escapeHtml(last.action.status)}: ${escapeHtml(last.action.message)}.</p>
${
  warnings.length === 0
    ? ""
    : `<h3>${plural(warnings.length, "problem")}</h3>
<ul class="warnings">${warnings.map((text) => `<li class="warn">${escapeHtml(text)}</li>`).join("")}</ul>`
}
</section>`;
}

function actionsSection({ ticks }: PlannerPageInput): string {
  const told = ticks.filter(({ action }, i) => {
    if (["no-decision", "unchanged"].includes(action.status)) return false;
    return action.status !== ticks[i - 1]?.action.status || action.message !== ticks[i - 1]?.action.message;
  });
  const rows = told
    .slice(-MOST_ACTIONS)
    .toReversed()
    .map(({ tick, atMs, atUnixMs, action }) => [
      formatClock(atMs),
      utcOf(atUnixMs),
      String(tick),
      `<code>${escapeHtml(action.status)}</code>`,
      escapeHtml(action.message),
    ]);
  const late = ticks.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
  return `<section id="actions" aria-labelledby="actions-title"><h2 id="actions-title">What came of it</h2>
<p class="note">${plural(told.length, "tick")} changed something or could not; the slowest of ${ticks.length} took ${formatFixed(late, 0)} ms.</p>
${rows.length === 0 ? "" : table("Actions, the last first", [{ heading: "time" }, { heading: "" }, { heading: "tick", numeric: true }, { heading: "result" }, { heading: "what" }], rows)}</section>`;
}
