import type { Decision, Role } from "#planner/core";
import type { RunFacts } from "#src/record";
import { formatClock, formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import {
  changeText,
  type DecisionChange,
  decisionTimeline,
  leadingReasons,
  rolesOf,
} from "../summary/decision-changes.ts";
import { escapeHtml } from "./html.ts";

/** Longer lists are cut: a page of tens of thousands of entries helps nobody, and decisions.jsonl has them all. */
const MOST_CHANGES = 400;
const MOST_QUIET_TICKS = 2000;

/** The decisions that changed something, each opening to its inputs, forecast, formula values, limits and reasons. */
export function decisionsSection(record: Pick<RunFacts, "decisions" | "mode">): string {
  if (record.decisions.length === 0) {
    return `<section id="decisions" aria-labelledby="decisions-title"><h2 id="decisions-title">Decisions</h2><p class="note">No planner ran: the workers stayed as they were started.</p></section>`;
  }
  const timeline = decisionTimeline(record);
  const roles = rolesOf(record.mode);
  const shown = timeline.changes.slice(0, MOST_CHANGES);
  const openQuiet = record.decisions.length <= MOST_QUIET_TICKS;
  const items = shown.flatMap((change) => [...quiet(change.quietBefore, openQuiet), decision(change, roles)]);
  const rest = timeline.changes.length - shown.length;
  if (rest > 0) items.push(`<li class="note">${plural(rest, "more change")} in decisions.jsonl.</li>`);
  else items.push(...quiet(timeline.quietAfter, openQuiet));
  const strategy = escapeHtml(record.decisions[0]!.strategy);
  const silent = timeline.ticks - timeline.changes.length;
  return `<section id="decisions" aria-labelledby="decisions-title">
<h2 id="decisions-title">Decisions</h2>
<p class="note">The strategy <strong>${strategy}</strong> decided ${plural(timeline.ticks, "time")}: ${plural(timeline.changes.length, "decision")} changed something, ${silent} left all as it was. Each opens to what led to it.</p>
<ol class="card decisions">
${items.join("\n")}
</ol>
</section>`;
}

function decision(change: DecisionChange, roles: Role[]): string {
  const { decision: made, changes } = change;
  const chips = roles.map((role) => {
    const moved = changes.find((candidate) => candidate.role === role);
    const name = roles.length === 1 ? "workers" : role;
    if (moved === undefined) {
      return `<span class="chip still">${name} ${made.workers[role].active + made.workers[role].starting}</span>`;
    }
    const direction = moved.to > moved.from ? "up" : "down";
    return `<span class="chip ${role}">${name} ${moved.from}&nbsp;→&nbsp;${moved.to}<span class="hidden"> (${direction})</span></span>`;
  });
  const why = changeText(change);
  const limited = made.clamps.length > 0 ? ' <span class="chip limited">limited</span>' : "";
  return `<li><details class="decision" id="tick-${made.tick}" data-at="${Math.round(made.atMs)}"><summary><time>${formatClock(made.atMs)}</time><span class="chips">${chips.join("")}${limited}</span><span class="rate">${rates(made)}</span><span class="why">${escapeHtml(why)}</span></summary>
<div class="inside">${inside(change)}</div></details></li>`;
}

function rates(made: Decision): string {
  const observed = made.observedRate === null ? "–" : formatFixed(made.observedRate, 1);
  const forecast = made.forecast === null ? "–" : formatFixed(made.forecast.requestRate, 1);
  return `${observed} → ${forecast} req/s`;
}

function inside(change: DecisionChange): string {
  const { decision: made } = change;
  const inputs: [string, string][] = [
    ["observed load", made.observedRate === null ? "unknown" : `${formatFixed(made.observedRate, 2)} req/s`],
    ...(["prefill", "decode"] as const)
      .filter((role) => Object.values(made.workers[role]).some((count) => count > 0))
      .map((role): [string, string] => {
        const { active, starting, draining } = made.workers[role];
        return [`${role} workers`, `${active} ready, ${starting} starting, ${draining} draining`];
      }),
  ];
  const forecast: [string, string][] =
    made.forecast === null
      ? [["forecast", "none"]]
      : [
          ["request rate", `${formatFixed(made.forecast.requestRate, 2)} req/s`],
          ["input length", `${formatFixed(made.forecast.isl, 0)} tokens`],
          ["output length", `${formatFixed(made.forecast.osl, 0)} tokens`],
        ];
  const values = Object.entries(made.values).map(([name, value]): [string, string] => [
    `<code>${escapeHtml(name)}</code>`,
    Number.isInteger(value) ? formatPlain(value) : formatSignificant(value),
  ]);
  const reasons = leadingReasons(change).map(
    (reason) =>
      `<li>${reason.role === null ? "" : `<span class="chip ${reason.role}">${reason.role}</span> `}${escapeHtml(reason.text)} <code class="muted">${escapeHtml(reason.code)}</code></li>`,
  );
  const clamps = made.clamps.map(
    (clamp) =>
      `<li>${clamp.role === null ? "" : `<span class="chip ${clamp.role}">${clamp.role}</span> `}<code>${escapeHtml(clamp.name)}</code> made ${formatPlain(clamp.to)} of ${formatPlain(clamp.from)}</li>`,
  );
  return `<div><h4>Reasons</h4><ul>${reasons.join("") || "<li>none given</li>"}</ul>
<h4>Limits</h4><ul>${clamps.join("") || "<li>none changed a number</li>"}</ul></div>
<div><h4>Inputs at the tick</h4>${list(inputs)}<h4>Forecast</h4>${list(forecast)}</div>
<div class="values"><h4>Formula values</h4>${list(values)}</div>`;
}

function list(entries: [string, string][]): string {
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

/** A stretch of ticks without a change; it opens to a line for each tick on which something new was said. */
function quiet(ticks: Decision[], opens: boolean): string[] {
  if (ticks.length === 0) return [];
  const span = `${formatClock(ticks[0]!.atMs)}–${formatClock(ticks.at(-1)!.atMs)}`;
  const label = `${plural(ticks.length, "quiet tick")}, ${span}`;
  if (!opens) return [`<li class="quiet"><span>${label}</span></li>`];
  let said = "";
  const lines = ticks.flatMap((tick) => {
    const reasons = tick.reasons.map((reason) => reason.code).join(" ");
    if (reasons === said) return [];
    said = reasons;
    const texts = tick.reasons.map((reason) => escapeHtml(reason.text)).join("; ");
    return [`<li><time>${formatClock(tick.atMs)}</time> ${rates(tick)}: ${texts}</li>`];
  });
  return [`<li class="quiet"><details><summary>${label}</summary><ul>${lines.join("")}</ul></details></li>`];
}
